//! Threads that read a store and check the invariant of its data.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use untorn_live::{Config, Revision, Store};

use super::{LONG, generation, wait_until};

/// The number of threads.
const THREADS: usize = 3;

/// The pins between two pauses, which leave the processors to the other side.
const PINS: usize = 16;
const PAUSE: Duration = Duration::from_micros(500);

/// Checks a configuration, and returns the number of its generation.
type Check = dyn Fn(&Config) -> Result<Option<u64>, String> + Send + Sync;

pub(crate) struct Readers {
    is_stopped: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Read>>,
}

/// The work of one thread.
struct Read {
    pins: u64,
    generations: BTreeSet<u64>,
}

impl Readers {
    /// Starts threads that check the keys of [`generation`].
    pub(crate) fn start(store: &Store) -> Self {
        Self::with_check(store, generation::of)
    }

    pub(crate) fn with_check(
        store: &Store,
        check: impl Fn(&Config) -> Result<Option<u64>, String> + Send + Sync + 'static,
    ) -> Self {
        let check: Arc<Check> = Arc::new(check);
        let is_stopped = Arc::new(AtomicBool::new(false));
        let reading = Arc::new(AtomicUsize::new(0));
        let threads = (0..THREADS).map(|_| {
            let (store, check) = (store.clone(), Arc::clone(&check));
            let (is_stopped, reading) = (Arc::clone(&is_stopped), Arc::clone(&reading));
            thread::spawn(move || read(&store, &*check, &is_stopped, &reading))
        });
        let threads = threads.collect();
        wait_until(LONG, "all threads read", || {
            reading.load(Ordering::SeqCst) == THREADS
        });
        Self {
            threads,
            is_stopped,
        }
    }

    /// Stops the threads, each after one more read.
    ///
    /// # Panics
    /// If the invariant was broken, or a thread did not read both before and after a change.
    pub(crate) fn finish(self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        for thread in self.threads {
            match thread.join() {
                Ok(read) => assert!(
                    read.pins > 0 && read.generations.len() > 1,
                    "{} pins of the generations {:?} beside the changes",
                    read.pins,
                    read.generations
                ),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
    }
}

fn read(store: &Store, check: &Check, is_stopped: &AtomicBool, reading: &AtomicUsize) -> Read {
    let mut read = Read {
        pins: 0,
        generations: BTreeSet::new(),
    };
    let mut last = Revision::default();
    loop {
        let is_last = is_stopped.load(Ordering::SeqCst);
        for _ in 0..PINS {
            let config = store.pin();
            match check(&config) {
                Ok(generation) => read.generations.extend(generation),
                Err(error) => panic!("mixed in revision {}: {error}", config.revision()),
            }
            assert!(config.revision() >= last, "an older revision");
            last = config.revision();
            read.pins += 1;
        }
        if read.pins == PINS as u64 {
            reading.fetch_add(1, Ordering::SeqCst);
        }
        if is_last {
            return read;
        }
        thread::sleep(PAUSE);
    }
}
