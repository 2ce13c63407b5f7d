//! A file that many threads read while it is saved, broken, emptied and repaired.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use untorn_live::{Config, ConfigSubscription, Live, Refusal, Store, Value};

use super::readers::{self, Pair, while_reading};
use super::{Args, PATIENCE};
use crate::cleanup;
use crate::escaped::Escaped;
use crate::live::Problem;
use crate::output::{Output, counted, grouped};

/// The pause in the middle of a save in place.
const PAUSE: Duration = Duration::from_millis(20);

/// The result, for scripts.
#[derive(Default, Serialize)]
struct Document {
    readers: u16,
    seconds: f64,
    revisions: u64,
    saves_by_rename: u64,
    saves_in_place: u64,
    refusals: Vec<Refused>,
    reads: u64,
    reads_per_second: f64,
    /// Reads whose values, keys or typed, came from two saves.
    torn: u64,
}

/// A refusal, and the kind of save that led to it.
#[derive(Serialize)]
struct Refused {
    save: &'static str,
    /// The revision that stayed in force.
    revision: u64,
    error: Problem,
}

pub(super) fn show(output: &Output, options: &Args) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let made = folder.path().to_path_buf();
    cleanup::on_early_exit(move || cleanup::remove_folder(&made))?;
    let path = folder.path().join("app.toml");
    fs::write(&path, contents(1))?;
    let (sender, refusals) = mpsc::channel();
    let store = Store::builder()
        .file(&path)
        .require::<Pair>("pair")
        // The receiver is gone only after the run.
        .on_refusal(move |refusal| _ = sender.send(refusal.clone()))
        .start()
        .map_err(io::Error::other)?;
    store.ready(PATIENCE).map_err(io::Error::other)?;
    let pair: Live<Pair> = store.typed("pair").map_err(io::Error::other)?;
    let readers = counted(options.readers.into(), "thread");
    output.heading(format_args!(
        "A file that {readers} read while it is saved, broken, emptied and repaired"
    ));
    output.aside(format_args!(
        "{}: [pair] one = N, two = N. Each read pins a revision and compares the two keys and the\n\
         two fields of a typed value: all four must be of one save.",
        path.display()
    ));
    let began = Instant::now();
    let mut stage = Stage {
        output,
        changes: store.subscribe(),
        store: &store,
        refusals,
        path,
        saved: 1,
        document: Document::default(),
    };
    let end = began + Duration::from_secs_f64(options.seconds);
    let played = while_reading(&store, &pair, options.readers, Duration::ZERO, || {
        stage.play(began, end)
    })?;
    let mut document = stage.document;
    document.readers = options.readers;
    (document.reads, document.torn) = played;
    document.seconds = began.elapsed().as_secs_f64();
    document.reads_per_second = document.reads as f64 / document.seconds;
    document.revisions = store.pin().revision().get();
    output.line(format_args!(
        "Ran {:.1} s: {}, {} reads per second, {} torn; {} of {} refused.",
        document.seconds,
        counted(document.revisions, "revision"),
        readers::rate(document.reads_per_second),
        grouped(document.torn),
        grouped(document.refusals.len() as u64),
        counted(stage.saved, "save"),
    ));
    output.document(&document)?;
    readers::check(document.torn)
}

/// Returns the contents of a save.
pub(super) fn contents(number: u64) -> String {
    format!("# Save {number}\n[pair]\none = {number}\ntwo = {number}\n")
}

/// The side that saves the file.
struct Stage<'s> {
    output: &'s Output,
    store: &'s Store,
    changes: ConfigSubscription,
    refusals: Receiver<Refusal>,
    path: PathBuf,
    /// The number of saves, of any kind.
    saved: u64,
    document: Document,
}

impl Stage<'_> {
    fn play(&mut self, began: Instant, end: Instant) -> io::Result<()> {
        let time = end.saturating_duration_since(began);
        self.rename_until(began + time / 4)?;
        self.save_in_place_until(began + time / 2)?;
        let next = self.saved + 1;
        let half = format!("# Save {next}\n[pair]\none = {next}\ntwo = ");
        self.refuse("half a save", "half", |path| by_rename(path, &half))?;
        self.refuse("an empty file", "empty", |path| fs::write(path, ""))?;
        let next = self.saved + 1;
        let wrong = contents(next).replace(&format!("two = {next}"), "two = \"many\"");
        self.refuse("a wrong type", "wrong_type", |path| by_rename(path, &wrong))?;
        self.rename_until(end)
    }

    /// Saves the file by a rename, as most editors do, at least once, and waits for each revision.
    fn rename_until(&mut self, end: Instant) -> io::Result<()> {
        let before = self.store.pin().revision().get();
        let mut saves = 0;
        while saves == 0 || Instant::now() < end {
            self.saved += 1;
            by_rename(&self.path, &contents(self.saved))?;
            self.wait_for_save("rename")?;
            saves += 1;
        }
        self.document.saves_by_rename += saves;
        self.show_saves(saves, "by rename", before);
        Ok(())
    }

    /// Saves the file in place, in two writes with a pause, and waits for each revision.
    fn save_in_place_until(&mut self, end: Instant) -> io::Result<()> {
        let before = self.store.pin().revision().get();
        let mut saves = 0;
        while saves == 0 || Instant::now() < end {
            self.saved += 1;
            in_place(&self.path, &contents(self.saved))?;
            self.wait_for_save("in_place")?;
            saves += 1;
        }
        self.document.saves_in_place += saves;
        self.show_saves(saves, "in place, in two writes with a pause", before);
        Ok(())
    }

    fn show_saves(&self, saves: u64, how: &str, before: u64) {
        let (times, last) = (counted(saves, "time"), self.store.pin().revision().get());
        self.output.line(format_args!(
            "saved {times} {how}: revisions {} to {last}",
            before + 1
        ));
    }

    /// Waits for the revision of the last save.
    fn wait_for_save(&mut self, save: &'static str) -> io::Result<()> {
        let saved = i64::try_from(self.saved).ok();
        let began = Instant::now();
        let value = |config: &Config| config.get("pair.one").and_then(Value::as_integer);
        while value(&self.store.pin()) != saved {
            let left = PATIENCE.saturating_sub(began.elapsed());
            if self.changes.recv_timeout(left).is_err() {
                return Err(unnoticed(save));
            }
        }
        // A save in place may be caught in the middle on a machine that is busy.
        while let Ok(refusal) = self.refusals.try_recv() {
            self.record(save, &refusal);
        }
        Ok(())
    }

    /// Makes a save that must be refused.
    fn refuse(
        &mut self,
        text: &str,
        save: &'static str,
        write: impl FnOnce(&Path) -> io::Result<()>,
    ) -> io::Result<()> {
        self.saved += 1;
        self.output.line(format_args!("{text}:"));
        write(&self.path)?;
        let refusal = self.refusals.recv_timeout(PATIENCE);
        self.record(save, &refusal.map_err(|_| unnoticed(save))?);
        Ok(())
    }

    fn record(&mut self, save: &'static str, refusal: &Refusal) {
        let revision = self.store.pin().revision().get();
        let error = Problem::without_advice(&refusal.error);
        self.output
            .failure(Escaped(format_args!("  refused: {error}")));
        self.output
            .line(format_args!("  revision {revision} stays in force"));
        self.document.refusals.push(Refused {
            save,
            revision,
            error,
        });
    }
}

fn unnoticed(save: &str) -> io::Error {
    let message = format!("the store has not noticed a save ({save}) within {PATIENCE:?}");
    io::Error::new(io::ErrorKind::TimedOut, message)
}

fn by_rename(path: &Path, contents: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    fs::write(&new, contents)?;
    fs::rename(&new, path)
}

fn in_place(path: &Path, contents: &str) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    let (first, second) = contents.split_at(contents.len() / 2);
    file.write_all(first.as_bytes())?;
    thread::sleep(PAUSE);
    file.write_all(second.as_bytes())
}
