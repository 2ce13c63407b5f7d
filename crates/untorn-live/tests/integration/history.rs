//! Recorded histories: a writer saves numbered generations, readers record which one they read.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use untorn_live::Store;
use untorn_live::layer::File;

use crate::support::{HOUR, LONG, SetAtDrop, folder, generation, place, wait_until};

/// The readers.
const READERS: usize = 3;

/// The saves.
const SAVES: u64 = 400;

/// A read or a save of a generation, between two times.
#[derive(Clone, Copy, Debug)]
struct Step {
    begin: u64,
    end: u64,
    generation: u64,
}

/// The times of all steps, from one counter.
#[derive(Default)]
struct Clock(AtomicU64);

impl Clock {
    fn now(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }

    fn step(&self, f: impl FnOnce() -> u64) -> Step {
        let begin = self.now();
        let generation = f();
        Step {
            begin,
            end: self.now(),
            generation,
        }
    }
}

/// Reads until it is stopped. The steps of one generation in a row are joined into the first and
/// the last, so that a history is short.
fn read(store: &Store, clock: &Clock, newest: &AtomicU64, is_stopped: &AtomicBool) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    loop {
        let is_last = is_stopped.load(Ordering::SeqCst);
        let step = clock.step(|| match generation::of(&store.pin()) {
            Ok(Some(generation)) => generation,
            other => panic!("mixed: {other:?}"),
        });
        newest.fetch_max(step.generation, Ordering::SeqCst);
        match &mut steps[..] {
            [.., first, last] if [first.generation, last.generation] == [step.generation; 2] => {
                *last = step;
            }
            _ => steps.push(step),
        }
        if is_last {
            return steps;
        }
        if step.begin.is_multiple_of(64) {
            thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Saves all generations, and waits now and then until a reader has one of them.
fn save(path: &Path, clock: &Clock, newest: &AtomicU64) -> Vec<Step> {
    let save = |number: u64| {
        let step = clock.step(|| {
            place(path, generation::toml(number));
            number
        });
        if number.is_multiple_of(SAVES / 4) {
            let is_read = || newest.load(Ordering::SeqCst) >= number;
            wait_until(LONG, "it is read", is_read);
        }
        step
    };
    let saves = (1..=SAVES).map(|number| {
        thread::sleep(Duration::from_millis(number % 4));
        save(number)
    });
    saves.collect()
}

/// Checks a history. Returns the number of generations that were read.
fn check(saves: &[Step], threads: &[Vec<Step>]) -> usize {
    // Each generation had been saved, or was being saved.
    for read in threads.iter().flatten().filter(|read| read.generation > 0) {
        let save = saves[read.generation as usize - 1];
        assert_eq!(save.generation, read.generation);
        assert!(save.begin < read.end, "{read:?} came before {save:?}");
    }
    // A thread never goes back.
    for steps in threads {
        assert!(
            steps
                .windows(2)
                .all(|pair| pair[0].generation <= pair[1].generation)
        );
    }
    // No read is older than one that had ended before it began, on any thread.
    let mut begins: Vec<Step> = threads.iter().flatten().copied().collect();
    let mut ends = begins.clone();
    begins.sort_by_key(|read| read.begin);
    ends.sort_by_key(|read| read.end);
    let (mut ends, mut newest) = (ends.into_iter().peekable(), 0);
    for read in begins {
        while let Some(before) = ends.next_if(|before| before.end < read.begin) {
            newest = newest.max(before.generation);
        }
        assert!(read.generation >= newest, "{read:?} is older than {newest}");
    }
    let mut read: Vec<u64> = threads
        .iter()
        .flatten()
        .map(|read| read.generation)
        .collect();
    read.sort_unstable();
    read.dedup();
    read.len()
}

#[test]
fn readers_never_go_back() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, generation::toml(0));
    let layer = File::at(&path).period(HOUR);
    let store = Store::builder().layer(layer).start().expect("threads");
    store.ready(LONG).expect("a file");
    let (clock, newest, is_stopped) = (Clock::default(), AtomicU64::new(0), AtomicBool::new(false));
    let (saves, threads) = thread::scope(|scope| {
        let stop = SetAtDrop(&is_stopped);
        let read = || read(&store, &clock, &newest, &is_stopped);
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        let saves = save(&path, &clock, &newest);
        wait_until(LONG, "the last save is served", || {
            generation::of(&store.pin()) == Ok(Some(SAVES))
        });
        drop(stop);
        let threads = readers
            .into_iter()
            .map(|reader| reader.join().expect("no panic"));
        (saves, threads.collect::<Vec<_>>())
    });
    let generations = check(&saves, &threads);
    println!("{generations} generations of {SAVES} were read");
    assert!(generations >= 4, "the reads did not overlap with the saves");
    let last = |steps: &Vec<Step>| steps.last().map(|read| read.generation);
    assert!(threads.iter().all(|steps| last(steps) == Some(SAVES)));
    fs::remove_file(path).expect("there");
}

/// The check itself can fail.
#[test]
fn older_read_is_noticed() {
    let step = |begin: u64, end: u64, generation: u64| Step {
        begin,
        end,
        generation,
    };
    let saves = [step(0, 1, 1), step(2, 5, 2)];
    let good = [vec![step(3, 4, 2)], vec![step(3, 6, 1), step(7, 8, 2)]];
    assert_eq!(check(&saves, &good), 2);
    for bad in [
        // On another thread; on its own; before its save.
        [vec![step(3, 4, 2)], vec![step(6, 7, 1)]],
        [vec![step(3, 6, 2), step(7, 8, 1)], vec![]],
        [vec![step(0, 1, 2)], vec![]],
    ] {
        let result = std::panic::catch_unwind(|| check(&saves, &bad));
        assert!(result.is_err(), "{bad:?}");
    }
}
