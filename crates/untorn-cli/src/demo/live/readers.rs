//! Threads that read pairs of values, and count those that are not of one change.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use untorn_live::{Config, Live, Store};

use crate::demo::lateness;
use crate::output::{counted, grouped};

/// The number of reads between two checks of whether the time is up.
pub(super) const READS: u64 = 64;

/// The typed section. Each change sets both fields to its number.
#[derive(Deserialize)]
pub(super) struct Pair {
    pub(super) one: u64,
    pub(super) two: u64,
}

/// Formats a rate, from a million on in millions.
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 1e6 {
        grouped(per_second as u64)
    } else {
        format!("{:.1} million", per_second / 1e6)
    }
}

/// Returns an error if there were torn reads.
pub(super) fn check(torn: u64) -> io::Result<()> {
    match torn {
        0 => Ok(()),
        torn => Err(io::Error::other(format!(
            "{} under one pin came from two changes: this is a bug in untorn, please report it",
            counted(torn, "read")
        ))),
    }
}

/// Returns whether the values of one revision are from several changes.
fn is_torn(pair: &Pair, config: &Config) -> bool {
    let key = |key| config.get_as(key).ok();
    let keys: [Option<i64>; 2] = [key("pair.one"), key("pair.two")];
    let fields = [pair.one, pair.two].map(|field| i64::try_from(field).ok());
    keys != fields || fields[0] != fields[1]
}

/// Runs `play` while threads read, with a pause after [`READS`] reads. Returns the number of reads,
/// and of torn ones.
pub(super) fn while_reading(
    store: &Store,
    pair: &Live<Pair>,
    readers: u16,
    pause: Duration,
    play: impl FnOnce() -> io::Result<()>,
) -> io::Result<(u64, u64)> {
    let stop = AtomicBool::new(false);
    let read = || {
        let (mut reads, mut torn) = (0, 0);
        // Relaxed: the flag orders nothing.
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..READS {
                let config = store.pin();
                torn += u64::from(is_torn(pair.at(&config), &config));
            }
            reads += READS;
            if !pause.is_zero() {
                thread::sleep(pause);
            }
        }
        (reads, torn)
    };
    thread::scope(|scope| {
        let start = || thread::Builder::new().spawn_scoped(scope, read);
        let threads: io::Result<Vec<_>> = (0..readers).map(|_| start()).collect();
        let played = match &threads {
            Ok(_) => play(),
            Err(error) => Err(lateness::cannot_start(readers, error)),
        };
        stop.store(true, Ordering::Relaxed);
        played?;
        let mut totals = (0, 0);
        for thread in threads? {
            let (reads, torn) = thread
                .join()
                .map_err(|_| io::Error::other("a reader panicked"))?;
            totals = (totals.0 + reads, totals.1 + torn);
        }
        Ok(totals)
    })
}

#[cfg(test)]
mod tests {
    use super::super::file::contents;
    use super::*;

    const PAUSE: Duration = Duration::from_millis(20);

    /// The most rounds until both readers have got a processor.
    const ROUNDS: usize = 200;

    /// The readers of the demo would count a torn read.
    #[test]
    fn a_torn_read_is_counted() {
        let store = Store::manual();
        store.publish_text("app.toml", &contents(7)).unwrap();
        let pair: Live<Pair> = store.typed("pair").unwrap();
        let is_torn = || is_torn(pair.at(&store.pin()), &store.pin());
        assert!(!is_torn());
        let assert_read = |torn: fn(u64) -> u64| {
            let pause = || {
                thread::sleep(PAUSE);
                Ok(())
            };
            let were_read = (0..ROUNDS).any(|_| {
                let (reads, found) =
                    while_reading(&store, &pair, 2, Duration::ZERO, pause).unwrap();
                assert_eq!(found, torn(reads));
                reads >= 2 * READS
            });
            assert!(were_read, "none of {ROUNDS} rounds has enough reads");
        };
        assert_read(|_| 0);
        store
            .publish_text("app.toml", "[pair]\none = 7\ntwo = 8")
            .unwrap();
        assert!(is_torn());
        assert_read(|reads| reads);
        let mixed = Pair { one: 6, two: 6 };
        store.publish_text("app.toml", &contents(7)).unwrap();
        assert!(
            super::is_torn(&mixed, &store.pin()),
            "typed values and keys are compared"
        );
    }
}
