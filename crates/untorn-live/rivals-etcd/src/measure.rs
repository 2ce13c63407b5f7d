//! The tables.

use std::thread;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;

use crate::ALLOCATOR;
use crate::follower::{Following, RIVALS};
use crate::server::Server;

const ROUNDS: usize = 9;

/// The changes of which each is waited for.
const CHANGES: usize = 500;

/// The changes of one round that are only written.
const WRITES: usize = 300;

/// The longest time to wait for a change.
const TIMEOUT: Duration = Duration::from_secs(20);

/// The pause between two reads of a reader that waits for a change.
const PACE: Duration = Duration::from_micros(20);

/// Prints how long it takes to read all keys, and what they cost in memory.
pub fn load(server: &Server, keys: usize) {
    let mut figures = vec![[Vec::new(), Vec::new(), Vec::new()]; RIVALS.len()];
    for _ in 0..ROUNDS {
        for rival in shuffled(RIVALS.len()) {
            let before = ALLOCATOR.stats();
            let (began, processor) = (Instant::now(), ProcessTime::now());
            let follower = (RIVALS[rival].start)(server.url());
            let (time, processor) = (began.elapsed(), processor.elapsed());
            assert_eq!(follower.len(), keys);
            let change = ALLOCATOR.stats() - before;
            let held = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
            let row = [
                milliseconds(time),
                milliseconds(processor),
                held / keys as f64,
            ];
            for (figures, figure) in figures[rival].iter_mut().zip(row) {
                figures.push(figure);
            }
        }
    }
    println!(
        "| all of {keys} keys read | time | of the processor | bytes for each key |\n|---|---|---|---|"
    );
    for (rival, [times, processor, bytes]) in RIVALS.iter().zip(figures) {
        let [times, processor] =
            [times, processor].map(|times| spread(times, |ms| format!("{ms:.1} ms")));
        let bytes = spread(bytes, |bytes| format!("{bytes:.0}"));
        println!("| {} | {times} | {processor} | {bytes} |", rival.name);
    }
    println!();
}

/// Prints how long a change takes until a reader sees it; both follow each change.
pub fn visible(server: &mut Server, keys: usize) {
    let followers = RIVALS.map(|rival| (rival.start)(server.url()));
    let mut answered = Vec::new();
    let mut times = vec![Vec::new(); followers.len()];
    for change in 1..=CHANGES as u64 {
        let number = fastrand::usize(..keys);
        let began = Instant::now();
        let seen = thread::scope(|scope| {
            let reader = scope.spawn(|| see(&followers, number, change, began));
            server.put(number, change);
            answered.push(milliseconds(began.elapsed()));
            reader.join().expect("it was seen")
        });
        for (times, time) in times.iter_mut().zip(seen) {
            times.push(milliseconds(time));
        }
        thread::sleep(Duration::from_millis(2));
    }
    println!(
        "| one of {keys} keys changed, from before the put | median and percentiles |\n|---|---|"
    );
    let shown = |ms: f64| format!("{ms:.2} ms");
    println!("| the put is answered | {} |", spread(answered, shown));
    for (rival, times) in RIVALS.iter().zip(times) {
        println!("| seen in {} | {} |", rival.name, spread(times, shown));
    }
    println!();
}

/// Waits until all followers have a change, and returns how long each took.
fn see(
    followers: &[Box<dyn Following>],
    number: usize,
    value: u64,
    began: Instant,
) -> Vec<Duration> {
    let mut seen = vec![None; followers.len()];
    while seen.contains(&None) {
        assert!(began.elapsed() < TIMEOUT, "a change was not seen");
        for (seen, follower) in seen.iter_mut().zip(followers) {
            if seen.is_none() && follower.get(number) == Some(value) {
                *seen = Some(began.elapsed());
            }
        }
        thread::sleep(PACE);
    }
    seen.into_iter().flatten().collect()
}

/// Prints what a change costs the process that follows it, over its writer alone.
pub fn cost(server: &mut Server, keys: usize) {
    // The last one is the writer.
    let mut figures = vec![[Vec::new(), Vec::new()]; RIVALS.len() + 1];
    let mut value = 1_000_000;
    for _ in 0..ROUNDS {
        for rival in shuffled(RIVALS.len() + 1) {
            let follower = RIVALS.get(rival).map(|rival| (rival.start)(server.url()));
            let (before, processor) = (ALLOCATOR.stats(), ProcessTime::now());
            let mut last = 0;
            for _ in 0..WRITES {
                (value, last) = (value + 1, fastrand::usize(..keys));
                server.put(last, value);
            }
            let began = Instant::now();
            while follower
                .as_ref()
                .is_some_and(|follower| follower.get(last) != Some(value))
            {
                assert!(began.elapsed() < TIMEOUT, "a change was not seen");
                thread::sleep(Duration::from_millis(1));
            }
            let processor = processor.elapsed().as_secs_f64() * 1e6 / WRITES as f64;
            let allocated = (ALLOCATOR.stats() - before).bytes_allocated as f64 / WRITES as f64;
            figures[rival][0].push(processor);
            figures[rival][1].push(allocated);
        }
    }
    println!(
        "| each of {WRITES} changes in {keys} keys | processor | bytes allocated |\n|---|---|---|"
    );
    let names = RIVALS
        .iter()
        .map(|rival| format!("the writer and {}", rival.name));
    for (name, [processor, bytes]) in names.chain(["the writer alone".into()]).zip(figures) {
        let processor = spread(processor, |us| format!("{us:.0} µs"));
        let bytes = spread(bytes, |bytes| format!("{bytes:.0}"));
        println!("| {name} | {processor} | {bytes} |");
    }
    println!();
}

fn shuffled(length: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..length).collect();
    fastrand::shuffle(&mut order);
    order
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Returns the median, and the tenth and the ninetieth percentile.
fn spread(mut figures: Vec<f64>, show: impl Fn(f64) -> String) -> String {
    figures.sort_unstable_by(f64::total_cmp);
    let at = |share: usize| show(figures[(figures.len() - 1) * share / 10]);
    format!("{} ({} to {})", at(5), at(1), at(9))
}
