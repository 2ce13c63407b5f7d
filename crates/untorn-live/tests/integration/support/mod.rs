//! Helpers: data with an invariant, threads that check it, waits, programs.

pub(crate) mod child;
pub(crate) mod gateway;
pub(crate) mod generation;
#[cfg(target_os = "linux")]
pub(crate) mod process;
pub(crate) mod programs;
pub(crate) mod proxy;
pub(crate) mod readers;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;
use untorn::poller::{FetchedAfter, ResumeToken};
use untorn_live::{ConfigError, Store, Value};

/// A period that no test waits for: changes are noticed by their events.
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A timeout that only a hanging test reaches. Some mutants let tests hang.
pub(crate) const LONG: Duration = Duration::from_secs(if cfg!(untorn_mutants) { 15 } else { 60 });

/// The time within which a save must be served.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The time for which a file must be left alone before it is read.
pub(crate) const SETTLE: Duration = Duration::from_millis(100);

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Sets a flag that stops other threads when it is dropped, also by a panic: a scope waits for
/// them.
pub(crate) struct SetAtDrop<'a>(pub(crate) &'a AtomicBool);

impl Drop for SetAtDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Waits until a condition is met.
#[track_caller]
pub(crate) fn wait_until(timeout: Duration, what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < timeout, "not within {timeout:?}: {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the source of the first layer is asked, which may hang.
#[track_caller]
pub(crate) fn wait_for_a_fetch(store: &Store) {
    wait_until(LONG, "a fetch", || {
        let polls = store.status().layers[0].polls.clone();
        polls.is_some_and(|polls| polls.fetching.is_some())
    });
}

/// Starts stores until the first layer of one has answered before the cache was taken: its thread
/// may have had no processor. Returns that store, which is ready.
#[track_caller]
pub(crate) fn answered_before_the_cache(start: impl Fn() -> Store) -> Store {
    let store = (0..50).find_map(|_| {
        let store = start();
        wait_until(LONG, "an answer or the cache", || {
            let status = store.status();
            status.layers[0].has_answered || status.is_ready
        });
        let is_first = !store.status().is_ready;
        store.ready(LONG).expect("the cache");
        is_first.then_some(store)
    });
    store.expect("the first layer has answered before the cache is taken")
}

/// Waits for a refusal of the first layer that satisfies a condition.
#[track_caller]
pub(crate) fn wait_for_refusal(store: &Store, condition: impl Fn(&ConfigError) -> bool) {
    let start = Instant::now();
    loop {
        let status = store.status();
        let refusal = status.layers[0].refusal.as_ref();
        if refusal.is_some_and(|refusal| condition(&refusal.error)) {
            return;
        }
        assert!(start.elapsed() < LONG, "no such refusal: {status}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Returns the answer of a source with these contents, whose text is their position.
pub(crate) fn answer_with_position<V>(
    last: Option<&ResumeToken>,
    contents: Vec<(&'static str, Value)>,
) -> FetchedAfter<Vec<(&'static str, Value)>, V> {
    let token = ResumeToken::new(format!("{contents:?}"));
    if last == Some(&token) {
        return FetchedAfter::Unchanged;
    }
    FetchedAfter::Contents {
        contents,
        token: Some(token),
    }
}

/// Puts a file in place by a rename. Its time is in the past, so that it is read at once.
pub(crate) fn place(path: &Path, bytes: impl AsRef<[u8]>) {
    let new = beside(path);
    fs::write(&new, bytes).expect("written");
    let file = fs::File::options().write(true).open(&new).expect("there");
    let past = SystemTime::now() - Duration::from_secs(60);
    file.set_modified(past).expect("the time is set");
    fs::rename(&new, path).expect("renamed");
}

/// Returns a path for a new file in the folder of another.
pub(crate) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().expect("a name").to_os_string();
    name.push(".new");
    path.with_file_name(name)
}
