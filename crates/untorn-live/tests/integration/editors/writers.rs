//! Programs that write a file themselves: many times, slowly, or nothing at all.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use untorn_live::ErrorKind;

use super::{Saved, followed, wait_for};
use crate::support::{LONG, SETTLE, beside, folder, generation, wait_for_refusal};

#[test]
fn last_of_200_saves_is_served() {
    let mut saved = Saved::start();
    for save in 0..200 {
        saved.generation += 1;
        let text = generation::toml(saved.generation);
        match save % 2 {
            0 => fs::write(&saved.path, text).expect("written"),
            _ => {
                fs::write(beside(&saved.path), text).expect("written");
                fs::rename(beside(&saved.path), &saved.path).expect("renamed");
            }
        }
        // A writer that truncates again before a reader could open the file is no test.
        if save % 10 == 0 {
            thread::sleep(Duration::from_millis(2));
        }
    }
    saved.wait();
    saved.finish();
}

/// The next file takes the place of the last one before that has been read. Elsewhere events do not
/// say that a file was put in its place by a rename.
#[cfg(target_os = "linux")]
#[test]
fn files_that_replace_each_other_are_served() {
    let saved = Saved::start();
    let mut changes = saved.store.subscribe();
    // So large that it is replaced while it is read.
    let padding = format!("# {}\n", "x".repeat(1 << 20));
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for generation in 2.. {
                let text = generation::toml(generation) + &padding;
                fs::write(beside(&saved.path), text).expect("written");
                fs::rename(beside(&saved.path), &saved.path).expect("renamed");
                if is_over.load(Ordering::Relaxed) {
                    return generation;
                }
                thread::sleep(Duration::from_millis(1));
            }
            unreachable!("it is over before")
        });
        let served = (0..20).all(|_| changes.recv_timeout(LONG).is_ok());
        is_over.store(true, Ordering::Relaxed);
        let last = writer.join().expect("no panic");
        assert!(served, "no revision while they do");
        wait_for(&saved.store, last);
    });
    saved.finish();
}

#[test]
fn deleted_file_is_served_until_there_is_another() {
    let mut saved = Saved::start();
    for _ in 0..3 {
        fs::remove_file(&saved.path).expect("removed");
        wait_for_refusal(&saved.store, |error| error.kind() == ErrorKind::Unreadable);
        saved.wait();
        saved.save(|path, text| fs::write(path, text).expect("written"));
        assert!(saved.store.status().refusals().next().is_none());
    }
    saved.finish();
}

#[test]
fn empty_file_is_refused() {
    let mut saved = Saved::start();
    for (empty, seconds) in [("", 1), ("\n", 0), ("# nothing\n", 0)] {
        fs::write(&saved.path, empty).expect("written");
        wait_for_refusal(&saved.store, |error| error.kind() == ErrorKind::Guard);
        thread::sleep(Duration::from_secs(seconds));
        saved.wait();
        saved.save(|path, text| fs::write(path, text).expect("written"));
    }
    saved.finish();
}

/// Writes a byte a millisecond, and returns the longest pause.
fn dribble(path: &Path, text: &str, mut file: impl FnMut() -> Option<File>) -> Duration {
    let (mut longest, mut last) = (Duration::ZERO, Instant::now());
    let mut open = File::create(path).expect("truncated");
    for byte in text.bytes() {
        if let Some(again) = file() {
            open = again;
        }
        open.write_all(&[byte]).expect("written");
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
        thread::sleep(Duration::from_millis(1));
    }
    longest
}

/// Dribbles until the writer was not stopped for as long as if it had finished: it cannot be
/// distinguished from one that has, and half a file may be valid.
fn never_half(file: impl Fn(&Path) -> Option<File> + Sync) {
    for _ in 0..20 {
        let folder = folder();
        let path = folder.path().join("app.toml");
        fs::write(&path, generation::toml(1)).expect("written");
        let store = followed(&path);
        let text = generation::toml(2);
        let (longest, halves) = thread::scope(|scope| {
            let writer = scope.spawn(|| dribble(&path, &text, || file(&path)));
            let mut halves = Vec::new();
            while !writer.is_finished() {
                halves.extend(generation::of(&store.pin()).err());
                thread::sleep(Duration::from_micros(200));
            }
            (writer.join().expect("no panic"), halves)
        });
        if longest > SETTLE / 2 {
            continue;
        }
        assert!(halves.is_empty(), "half a file: {:?}", halves[0]);
        wait_for(&store, 2);
        return;
    }
    println!("skipped: the writer was never left alone");
}

#[test]
fn dribbling_writer_is_waited_for() {
    never_half(|_| None);
}

#[test]
fn dribbling_appends_are_waited_for() {
    never_half(|path| {
        let file = OpenOptions::new().append(true).open(path);
        Some(file.expect("there"))
    });
}

/// A wrong file whose time is in the future is not taken for one that is being written.
#[test]
fn error_in_a_file_of_the_future_is_reported() {
    let mut saved = Saved::start();
    fs::write(beside(&saved.path), "[data\n").expect("written");
    let file = OpenOptions::new().write(true).open(beside(&saved.path));
    let future = std::time::SystemTime::now() + 10 * LONG;
    file.expect("there").set_modified(future).expect("set");
    fs::rename(beside(&saved.path), &saved.path).expect("renamed");
    wait_for_refusal(&saved.store, |error| error.kind() == ErrorKind::Syntax);
    // Also if nothing says that it was renamed.
    assert!(saved.store.refresh(LONG).is_err());
    saved.save(|path, text| fs::write(path, text).expect("written"));
    saved.finish();
}
