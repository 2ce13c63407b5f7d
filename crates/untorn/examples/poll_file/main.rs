//! Polls a TOML file into a `Map` while threads read it.
//!
//! ```sh
//! cargo run -p untorn --example poll_file              # a file of its own, with edits of its own; ends
//! cargo run -p untorn --example poll_file config.toml  # that file, until interrupted: edit it, remove it, break it
//! ```

mod toml_file;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use toml::Value;
use untorn::poller::RefreshError;
use untorn::{Change, Map, Poller};

use toml_file::TomlFile;

type Config = Map<Arc<str>, Value>;

/// For a fetch that is asked for; each takes half a second at most.
const SOON: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args_os().nth(1) {
        Some(path) => follow(Path::new(&path)),
        None => play(),
    }
}

fn start(path: &Path, config: &Arc<Config>) -> std::io::Result<Poller> {
    Poller::every(Duration::from_millis(500), TomlFile::new(path))
        .named("config poller")
        .max_backoff(Duration::from_secs(5))
        .start(config)
}

/// Shows what becomes of somebody's file.
fn follow(path: &Path) -> Result<(), Box<dyn Error>> {
    let config = Arc::new(Config::named("config"));
    let poller = start(path, &config)?;
    let mut shown = config.snapshot();
    let mut told = None;
    loop {
        // A moment is enough: the poller has its own period.
        thread::sleep(Duration::from_millis(100));
        let newest = config.snapshot();
        if newest.revision() != shown.revision() {
            println!("revision {}", newest.revision());
            newest.diff(&shown).for_each(|change| show(&change));
            shown = newest;
        }
        let status = poller.status();
        let failing = status.last_error.filter(|_| status.failures_in_a_row > 0);
        let message = failing.map(|failure| failure.message);
        if told != message {
            match &message {
                Some(message) => println!("kept what there was: {message}"),
                None => println!("fine again"),
            }
            told = message;
        }
    }
}

fn show(change: &Change<'_, Arc<str>, Value>) {
    match change {
        Change::Added { key, new } => println!("    {key} = {new}"),
        Change::Changed { key, old, new } => println!("    {key} = {new}, was {old}"),
        Change::Removed { key, old } => println!("    {key} is gone, was {old}"),
    }
}

/// Edits a file of its own in the ways that files are edited, with readers at work.
fn play() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("config.toml");
    fs::write(&path, document(1))?;

    let config = Arc::new(Config::named("config"));
    let poller = start(&path, &config)?;
    poller.wait_until_fresh(SOON)?;
    let (done, pairs) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let view = config.pin(); // both of one revision
                    assert_eq!(view.get("limits.reads"), view.get("limits.writes"));
                    pairs.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let edited = edit(&path, &config, &poller);
        done.store(true, Ordering::Relaxed);
        edited
    })?;
    let pairs = pairs.into_inner();
    println!("{pairs} pairs were read meanwhile, none from two revisions");
    Ok(())
}

/// Two numbers that belong together.
fn document(generation: u32) -> String {
    format!("name = \"demo\"\n\n[limits]\nreads = {generation}\nwrites = {generation}\n")
}

fn edit(path: &Path, config: &Config, poller: &Poller) -> Result<(), Box<dyn Error>> {
    let mut shown = Config::new().snapshot();
    let mut step = |title: &str, edit: &dyn Fn() -> std::io::Result<()>| {
        edit()?;
        let came = poller.refresh_now(SOON);
        println!("{title}");
        match came {
            Ok(revision) => println!("  revision {revision}"),
            Err(RefreshError::Failed(failure)) => {
                let kept = config.revision();
                println!("  revision {kept} is kept: {failure}");
            }
            Err(error) => return Err(error.into()),
        }
        let newest = config.snapshot();
        newest.diff(&shown).for_each(|change| show(&change));
        shown = newest;
        Ok::<_, Box<dyn Error>>(())
    };
    let aside: PathBuf = path.with_extension("new");
    step("at first", &|| Ok(()))?;
    step("saved by rename", &|| {
        fs::write(&aside, document(2))?;
        fs::rename(&aside, path)
    })?;
    step("removed", &|| fs::remove_file(path))?;
    step("emptied", &|| fs::write(path, ""))?;
    step("half-written", &|| {
        fs::write(path, "name = \"demo\"\n\n[limi")
    })?;
    step("whole again, as it was", &|| fs::write(path, document(2)))?;
    step("written in place", &|| fs::write(path, document(3)))?;
    Ok(())
}
