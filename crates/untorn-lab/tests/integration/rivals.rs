//! Runs the traffic over every rival, and over maps with a deliberate bug, which it must detect.

use std::io;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use untorn_lab::rivals::{
    CONTENDERS, Contender, Guarantee, Keys, Measurement, Pair, Rival, Traffic, play,
};

use crate::turns::alone;

const SHORT: Traffic = Traffic {
    readers: 3,
    time: Duration::from_millis(300),
};

/// Each key behind its own lock, and a writer that yields between both writes.
struct LockEach;

impl Rival for LockEach {
    const NAME: &'static str = "lock-each";
    const IDIOM: &'static str = "a deliberate bug";
    const GUARANTEE: Guarantee = Guarantee::Pairs;

    type Map = [Mutex<u64>; 2];

    fn map() -> Self::Map {
        [Mutex::new(0), Mutex::new(0)]
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        move |refresh| {
            for value in map {
                *value.lock().unwrap() = refresh;
                thread::yield_now();
            }
        }
    }

    fn reader([one, two]: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |_| {
            let one = *one.lock().unwrap();
            let two = *two.lock().unwrap();
            Some((one, two))
        }
    }
}

/// A map that loses a key at every second refresh, and refreshes slowly.
struct Loses;

impl Rival for Loses {
    const NAME: &'static str = "loses";
    const IDIOM: &'static str = "a deliberate bug";
    const GUARANTEE: Guarantee = Guarantee::PerKey;

    type Map = Mutex<Option<u64>>;

    fn map() -> Self::Map {
        Mutex::new(Some(0))
    }

    fn writer(map: &Self::Map) -> impl FnMut(u64) {
        |refresh| {
            *map.lock().unwrap() = refresh.is_multiple_of(2).then_some(refresh);
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair> {
        |_| {
            let refresh = (*map.lock().unwrap())?;
            Some((refresh, refresh))
        }
    }
}

fn contender_with(guarantee: Guarantee) -> &'static Contender {
    let found = CONTENDERS
        .iter()
        .find(|contender| contender.guarantee == guarantee);
    found.expect("both guarantees occur")
}

/// The most runs until one has traffic: a thread that gets no processor makes none.
const RUNS: usize = 20;

/// Plays until a run shows something, and checks each run. Returns the run that shows it.
fn shown(
    name: &str,
    play: impl Fn() -> io::Result<Measurement>,
    check: impl Fn(&Measurement),
    shows: impl Fn(&Measurement) -> bool,
) -> Measurement {
    for _ in 0..RUNS {
        let measurement = play().expect("threads start");
        check(&measurement);
        if shows(&measurement) {
            return measurement;
        }
        println!("{name}: repeated");
    }
    panic!("{name}: none of {RUNS} runs shows it");
}

/// Returns whether each thread got a processor in time.
fn was_played(measurement: &Measurement) -> bool {
    measurement.refreshes > 1 && measurement.pairs > 0
}

fn assert_is_consistent(name: &str, measurement: &Measurement) {
    let late = &measurement.late;
    assert!(
        late.median <= late.p99 && late.p99 <= late.max,
        "{name}: {measurement:?}"
    );
    assert!(
        measurement.slowest > Duration::ZERO || measurement.pairs == 0,
        "{name}: {measurement:?}"
    );
}

#[test]
fn pairs_written_key_by_key_are_torn() {
    let _alone = alone();
    let longer = Traffic {
        time: Duration::from_secs(1),
        ..SHORT
    };
    let measurement = shown(
        "lock-each",
        || play::<LockEach>(&longer),
        |measurement| {
            assert_is_consistent("lock-each", measurement);
            assert!(!contender_with(Guarantee::PerKey).is_broken_by(measurement));
        },
        |measurement| was_played(measurement) && measurement.torn > 0,
    );
    assert!(contender_with(Guarantee::Pairs).is_broken_by(&measurement));
}

#[test]
fn lost_keys_and_late_refreshes_are_counted() {
    let _alone = alone();
    let measurement = shown(
        "loses",
        || play::<Loses>(&SHORT),
        |measurement| {
            assert_is_consistent("loses", measurement);
            assert_eq!(measurement.torn, 0);
            assert_eq!(measurement.due, 300);
            assert!(measurement.refreshes <= 300 / 5 + 1, "{measurement:?}");
            // Refreshes that became due during one of 5 ms waited for it, each with its own delay.
            assert!(
                measurement.late.median >= Duration::from_millis(5),
                "{:?}",
                measurement.late
            );
        },
        |measurement| was_played(measurement) && measurement.missing > 0,
    );
    assert!(contender_with(Guarantee::Pairs).is_broken_by(&measurement));
}

#[test]
fn every_map_keeps_its_guarantee() {
    let _alone = alone();
    for contender in CONTENDERS {
        let name = contender.name;
        shown(
            name,
            || contender.play(&SHORT),
            |measurement| {
                assert_is_consistent(name, measurement);
                assert!(
                    !contender.is_broken_by(measurement),
                    "{name} violated its guarantee: {measurement:?}"
                );
            },
            was_played,
        );
    }
}

#[test]
fn names_are_unique() {
    let mut names = CONTENDERS.map(|contender| contender.name);
    names.sort_unstable();
    assert!(names.is_sorted_by(|one, two| one < two), "{names:?}");
}

#[test]
fn a_thousand_readers_can_run() {
    let _alone = alone();
    let many = Traffic {
        readers: 1000,
        time: Duration::from_millis(300),
    };
    let [_, mutex, ..] = CONTENDERS;
    shown(
        mutex.name,
        || mutex.play(&many),
        |measurement| assert_eq!(measurement.torn + measurement.missing, 0),
        |measurement| measurement.pairs > 0,
    );
}
