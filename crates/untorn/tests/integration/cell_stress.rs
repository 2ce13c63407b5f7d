//! Pins, handles, commits and ends of maps in random order on many threads. `just cell-stress` runs
//! it for hours.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::{Duration, Instant};

use untorn::{Map, Pinned, Published, Reader, Snapshot, Subscription, View};

use crate::counted::Counted;

type Numbers = Map<u64, Counted>;
type Numbered = View<u64, Counted>;

/// A value and a map whose keys all have the number of the last commit.
struct Both {
    value: Published<Counted>,
    map: Numbers,
}

const KEYS: u64 = 40;

impl Both {
    fn new(live: &Arc<AtomicUsize>) -> Self {
        Self {
            value: Published::new(Counted::new(0, live)),
            map: (0..KEYS).map(|key| (key, Counted::new(0, live))).collect(),
        }
    }
}

/// Returns the number of all keys of a view, which is also its revision.
fn read_all(view: &Numbered) -> u64 {
    let revision = view.revision().get();
    assert!(view.iter().all(|(_, number)| number.read() == revision));
    revision
}

/// Handles that outlive their map.
#[derive(Default)]
struct Handles {
    snapshots: Vec<Snapshot<Counted>>,
    views: Vec<Snapshot<Numbered>>,
    readers: Vec<Reader<Numbered>>,
    subscriptions: Vec<Subscription<Counted>>,
}

impl Handles {
    fn read(&mut self) {
        self.snapshots
            .iter()
            .for_each(|snapshot| _ = snapshot.read());
        self.views.iter().for_each(|view| _ = read_all(view));
        for reader in &mut self.readers {
            read_all(reader.latest());
        }
        for changes in &mut self.subscriptions {
            if let Ok(step) = changes.try_recv() {
                assert!(step.from.read() < step.to.read());
            }
        }
    }

    fn drop_one(&mut self, random: &mut fastrand::Rng) {
        fn one<T>(handles: &mut Vec<T>, random: &mut fastrand::Rng) {
            if !handles.is_empty() {
                drop(handles.swap_remove(random.usize(..handles.len())));
            }
        }
        one(&mut self.snapshots, random);
        one(&mut self.views, random);
        one(&mut self.readers, random);
        one(&mut self.subscriptions, random);
    }
}

/// Reads a map in all ways until it is replaced by another one or the round is over.
fn read(both: &Both, handles: &mut Handles, random: &mut fastrand::Rng) {
    let mut pins: Vec<Pinned<'_, Counted>> = Vec::new();
    let mut views: Vec<Pinned<'_, Numbered>> = Vec::new();
    for _ in 0..random.usize(1..60) {
        match random.u32(..12) {
            0 | 1 => pins.push(both.value.pin()),
            2 | 3 => views.push(both.map.pin()),
            4 if !pins.is_empty() => drop(pins.swap_remove(random.usize(..pins.len()))),
            5 if !views.is_empty() => drop(views.swap_remove(random.usize(..views.len()))),
            6 => handles.snapshots.push(both.value.snapshot()),
            7 => handles.views.extend(views.last().map(Pinned::snapshot)),
            8 => handles.readers.push(both.map.reader()),
            9 => handles.subscriptions.push(both.value.subscribe()),
            10 => handles.drop_one(random),
            _ => handles.read(),
        }
        if handles.snapshots.len() + handles.views.len() + handles.readers.len() > 60 {
            handles.drop_one(random);
        }
        pins.iter().for_each(|pin| _ = pin.read());
        views.iter().for_each(|view| _ = read_all(view));
    }
}

/// Writes in all ways.
fn write(both: &Both, live: &Arc<AtomicUsize>, random: &mut fastrand::Rng) {
    for _ in 0..random.usize(1..60) {
        let next = |revision: u64| Counted::new(revision + 1, live);
        match random.u32(..8) {
            0 => _ = both.value.update(|old| next(old.read())),
            1 => _ = both.value.reclaim(),
            2 => _ = both.map.reclaim(),
            3 => drop(both.map.stats()),
            4 => {
                let mut batch = both.map.begin_batch();
                batch.clear();
                batch.insert(1_000, next(0));
                // Aborted.
                drop(batch);
            }
            choice => {
                let batch = if choice == 5 {
                    both.map.try_begin_batch()
                } else {
                    both.map.begin_batch_timeout(Duration::from_micros(50))
                };
                if let Some(mut batch) = batch {
                    let revision = batch.revision().get();
                    for key in 0..KEYS {
                        batch.insert(key, next(revision));
                    }
                    batch.commit();
                }
            }
        }
    }
}

#[test]
fn cell_stress() {
    let seconds = std::env::var("UNTORN_CELL_STRESS_SECONDS");
    let seconds = seconds.map_or(0.5, |seconds| seconds.parse().expect("a number"));
    let (start, limit) = (Instant::now(), Duration::from_secs_f64(seconds));
    let live = Arc::new(AtomicUsize::new(0));
    let current = RwLock::new(Arc::new(Both::new(&live)));
    let left_behind = Mutex::new(Vec::new());
    let rounds = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..6 {
            let (current, live, left_behind, rounds) = (&current, &live, &left_behind, &rounds);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(number);
                let mut handles = Handles::default();
                while start.elapsed() < limit {
                    let both = Arc::clone(&current.read().unwrap_or_else(PoisonError::into_inner));
                    match number {
                        0 | 1 => write(&both, live, &mut random),
                        2 if random.u32(..20) == 0 => {
                            // The old one ends when the last thread lets it go.
                            let new = Arc::new(Both::new(live));
                            *current.write().unwrap_or_else(PoisonError::into_inner) = new;
                        }
                        // A thread that ends.
                        3 => thread::scope(|scope| {
                            let seed = random.u64(..);
                            let both = &*both;
                            let handles = &mut handles;
                            scope.spawn(move || {
                                read(both, handles, &mut fastrand::Rng::with_seed(seed));
                            });
                        }),
                        _ => read(&both, &mut handles, &mut random),
                    }
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
                // These outlive their threads and their maps.
                handles.read();
                left_behind.lock().expect("not poisoned").push(handles);
            });
        }
    });
    drop(current);
    let mut left_behind = left_behind.into_inner().expect("not poisoned");
    left_behind.iter_mut().for_each(Handles::read);
    drop(left_behind);
    assert_eq!(live.load(Ordering::Relaxed), 0, "values are leaked");
    println!("{} rounds", rounds.into_inner());
}
