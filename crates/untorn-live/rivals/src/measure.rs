//! The tables.

use std::hint::black_box;
use std::path::PathBuf;
use std::sync::RwLock;
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::rival::Following;
use crate::{ALLOCATOR, by_hand, document, dynamic, live, rival};

pub const ROUNDS: usize = 15;

/// The reads of one round.
const READS: u32 = 1_000_000;

/// The longest time to wait for a save.
pub const TIMEOUT: Duration = Duration::from_secs(20);

/// Prints the cost of a read.
pub fn reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("app.toml");
    document::rename(&path, &document::text(1, 1_000));
    let live = live::follow(&path);
    let swap = ArcSwap::from_pointee(by_hand::load(&path).expect("a file"));
    let lock = RwLock::new(by_hand::load(&path).expect("a file"));
    dynamic::init_read(&path);
    let read_live = || live.app.load().generation;
    let read_live_key = || {
        let config = live.store.pin();
        config
            .get("app.generation")
            .and_then(|value| value.as_integer())
            .unwrap_or(0) as u64
    };
    let read_swap = || swap.load().app.generation;
    let read_lock = || lock.read().expect("no panic").app.generation;
    let read_lock_key = || {
        let settings = lock.read().expect("no panic");
        settings.config.get_int("app.generation").unwrap_or(0) as u64
    };
    let read_dynamic = || dynamic::Read::current().generation;
    let cases: [(&str, &dyn Fn() -> u64); 6] = [
        ("untorn-live, `Live::load`, a field", &read_live),
        ("untorn-live, `Store::pin`, a key", &read_live_key),
        ("arc-swap by hand, a field", &read_swap),
        ("`RwLock` by hand, a field", &read_lock),
        ("config-rs in an `RwLock`, a key", &read_lock_key),
        ("dynamic-config, `current`, a field", &read_dynamic),
    ];
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        let mut order: Vec<usize> = (0..cases.len()).collect();
        fastrand::shuffle(&mut order);
        for case in order {
            let began = Instant::now();
            let sum: u64 = (0..READS).map(|_| black_box(cases[case].1())).sum();
            times[case].push(began.elapsed().as_secs_f64() * 1e9 / f64::from(READS));
            assert_eq!(sum, u64::from(READS), "every read is of generation 1");
        }
    }
    println!("| a read, one thread | time |\n|---|---|");
    for ((name, _), times) in cases.iter().zip(times) {
        println!(
            "| {name} | {} |",
            spread(times, |time| format!("{time:.1} ns"))
        );
    }
    println!();
}

/// Prints how long saves take to be served, and what the libraries hold in memory.
pub fn reloads(keys: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut followers: Vec<(&str, PathBuf, Box<dyn Following>, isize)> = Vec::new();
    for (number, rival) in rival::all().into_iter().enumerate() {
        // dynamic-config has one file for each type and process.
        if rival.name == "dynamic-config" && keys != 1_000 {
            continue;
        }
        let directory = folder.path().join(number.to_string());
        std::fs::create_dir(&directory).expect("a folder");
        let path = directory.join("app.toml");
        document::rename(&path, &document::text(1, keys));
        let before = allocated();
        let follower = (rival.start)(&path);
        followers.push((rival.name, path, follower, allocated() - before));
    }
    let saves: [(&str, fn(&std::path::Path, &str)); 2] = [
        ("rename", document::rename),
        ("in place", document::write_in_place),
    ];
    let mut times = vec![[Vec::new(), Vec::new()]; followers.len()];
    let mut generation = 1;
    for _ in 0..ROUNDS {
        let mut order: Vec<(usize, usize)> = (0..followers.len())
            .flat_map(|rival| [(rival, 0), (rival, 1)])
            .collect();
        fastrand::shuffle(&mut order);
        for (rival, save) in order {
            generation += 1;
            let (name, path, follower, _) = &followers[rival];
            let text = document::text(generation, keys);
            let began = Instant::now();
            saves[save].1(path, &text);
            while follower.generation() != generation {
                assert!(began.elapsed() < TIMEOUT, "{name} did not serve a save");
                thread::sleep(Duration::from_micros(50));
            }
            times[rival][save].push(began.elapsed());
            // For what follows a save: a second event, a pause between polls.
            thread::sleep(Duration::from_millis(20));
        }
    }
    println!(
        "| {keys} keys, from the beginning of a save until it is served | rename | in place | bytes \
         for each key |\n|---|---|---|---|"
    );
    for ((name, _, _, bytes), [renames, in_place]) in followers.iter().zip(times) {
        let bytes = *bytes as f64 / keys as f64;
        let [renames, in_place] = [renames, in_place].map(|times| spread(times, shown));
        println!("| {name} | {renames} | {in_place} | {bytes:.0} |");
    }
    println!();
}

pub fn allocated() -> isize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated as isize - stats.bytes_deallocated as isize
}

/// Returns the median, and the tenth and the ninetieth percentile.
pub fn spread<T: PartialOrd + Copy>(mut times: Vec<T>, show: impl Fn(T) -> String) -> String {
    times.sort_unstable_by(|one, other| one.partial_cmp(other).expect("times are numbers"));
    let at = |share: usize| show(times[(times.len() - 1) * share / 10]);
    format!("{} ({} to {})", at(5), at(1), at(9))
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}
