//! Processes that are killed while they write their cache.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use untorn_live::Cache;

use super::{generation, read, store};
use crate::support::{HOUR, LONG, folder, wait_until};

/// The environment variable with the path of the cache that a child writes.
const CHILD: &str = "UNTORN_LIVE_CACHE_OF_CHILD";

/// What the child of [`cache_is_whole_after_kills`] does; else nothing.
#[test]
fn child_writes_generations() {
    let Some(path) = std::env::var_os(CHILD) else {
        return;
    };
    let mut number = read_first(Path::new(&path));
    let store = store(Path::new(&path), move || {
        // The pause between two writes of the cache is longer.
        thread::sleep(Duration::from_millis(40));
        number += 1;
        Ok(generation(number))
    });
    // It writes only what is newer than the cache.
    let cache = Cache::at(path).after(HOUR);
    let _store = store.cache(cache).start().expect("a store");
    thread::sleep(LONG); // until it is killed
}

/// Returns the generation of an existing cache, so that generations grow over all children.
fn read_first(path: &Path) -> i64 {
    if path.exists() { read(path) } else { 0 }
}

fn spawn_child(path: &Path) -> Child {
    Command::new(std::env::current_exe().expect("a path"))
        .args([
            "--exact",
            "cache::kills::child_writes_generations",
            "--nocapture",
        ])
        .env(CHILD, path)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("a child")
}

/// How many caches have a process that is killed, at a time.
const CACHES: u64 = 4;

/// A process is killed while it writes its cache, at a random moment: the file that is seen at that
/// time says that it writes. `UNTORN_KILLS` says how often.
#[test]
fn cache_is_whole_after_kills() {
    let kills = std::env::var("UNTORN_KILLS").ok();
    let kills: u64 = kills.map_or(50, |kills| kills.parse().expect("a number"));
    let mut caught = 0;
    // On a busy machine all kills may be late.
    for round in 1..=10 {
        caught += kill_in_threads(kills);
        println!(
            "{} kills, {caught} while the cache was written",
            kills * round
        );
        if caught > 0 {
            return;
        }
    }
    panic!("no kill came while the cache was written");
}

fn kill_in_threads(kills: u64) -> usize {
    thread::scope(|scope| {
        let kill_some =
            |first| move || kill_while_it_writes((first..kills).step_by(CACHES as usize));
        let threads: Vec<_> = (0..CACHES)
            .map(|first| scope.spawn(kill_some(first)))
            .collect();
        let caught = threads.into_iter().map(|thread| thread.join());
        caught.map(|caught| caught.expect("no panic")).sum()
    })
}

/// Returns how many of the kills came while the cache was written.
fn kill_while_it_writes(kills: impl Iterator<Item = u64>) -> usize {
    let folder = folder();
    let path = folder.path().join("app.cache");
    let is_written = || {
        let mut entries = fs::read_dir(folder.path()).expect("a folder").flatten();
        entries.any(|entry| entry.file_name().to_string_lossy().ends_with(".tmp"))
    };
    let (mut last, mut caught) = (0, 0);
    for kill in kills {
        let mut child = spawn_child(&path);
        // A child writes something first, so that the generations grow.
        let before = fs::metadata(&path)
            .and_then(|metadata| metadata.modified())
            .ok();
        wait_until(LONG, "a cache", || {
            fs::metadata(&path)
                .and_then(|metadata| metadata.modified())
                .ok()
                != before
        });
        let began = Instant::now();
        while !is_written() && began.elapsed() < LONG {
            thread::sleep(Duration::from_micros(100));
        }
        // A write takes about as long.
        let delay = Duration::from_micros(kill * 7_919 % 2_000);
        let until = Instant::now() + delay;
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        child.kill().expect("it is running");
        child.wait().expect("it has ended");
        caught += usize::from(is_written());
        // Left behind: removed by a later start, once it is old.
        for entry in fs::read_dir(folder.path()).expect("a folder").flatten() {
            if entry.path() != path {
                fs::remove_file(entry.path()).expect("it can be removed");
            }
        }
        let number = read(&path);
        assert!(number > last, "generation {number} after {last}");
        last = number;
    }
    caught
}
