//! The traffic over every rival; and over maps that are wrong on purpose, which it must notice.

use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use untorn_lab::rivals::{ENTRANTS, Entrant, Keys, Pair, Promise, Rival, Tally, Traffic, play};

use crate::turns::alone;

const SHORT: Traffic = Traffic {
    readers: 3,
    time: Duration::from_millis(300),
};

/// Each key behind a lock of its own, and a writer that lets others go between both writes.
struct LockEach;

impl Rival for LockEach {
    const NAME: &'static str = "lock-each";
    const IDIOM: &'static str = "wrong on purpose";
    const PROMISE: Promise = Promise::Pairs;

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

/// A map that loses a key at every second refresh, and is slow at it.
struct Loses;

impl Rival for Loses {
    const NAME: &'static str = "loses";
    const IDIOM: &'static str = "wrong on purpose";
    const PROMISE: Promise = Promise::PerKey;

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

fn entrant_like(promise: Promise) -> &'static Entrant {
    let found = ENTRANTS.iter().find(|entrant| entrant.promise == promise);
    found.expect("there are both")
}

fn assert_was_played(name: &str, tally: &Tally) {
    assert!(tally.refreshes > 1, "{name}: {tally:?}");
    assert!(tally.pairs > 0, "{name}: {tally:?}");
    assert!(tally.slowest > Duration::ZERO, "{name}: {tally:?}");
    let late = &tally.late;
    assert!(
        late.median <= late.p99 && late.p99 <= late.max,
        "{name}: {tally:?}"
    );
}

#[test]
fn pairs_that_are_written_key_by_key_are_seen_torn() {
    let _alone = alone();
    let longer = Traffic {
        time: Duration::from_secs(1),
        ..SHORT
    };
    let tally = play::<LockEach>(&longer).expect("threads start");
    assert_was_played("lock-each", &tally);
    assert!(tally.torn > 0, "{tally:?}");
    assert!(entrant_like(Promise::Pairs).is_broken_by(&tally));
    assert!(!entrant_like(Promise::PerKey).is_broken_by(&tally));
}

#[test]
fn a_lost_key_is_missed_and_a_slow_refresh_makes_the_next_ones_late() {
    let _alone = alone();
    let tally = play::<Loses>(&SHORT).expect("threads start");
    assert!(tally.missing > 0, "{tally:?}");
    assert_eq!(tally.torn, 0);
    assert!(entrant_like(Promise::Pairs).is_broken_by(&tally));
    assert_eq!(tally.due, 300);
    assert!(tally.refreshes <= 300 / 5 + 1, "{tally:?}");
    // Those that were due while one of 5 ms was made waited for it, each with its own delay.
    assert!(
        tally.late.median >= Duration::from_millis(5),
        "{:?}",
        tally.late
    );
}

#[test]
fn every_map_is_read_and_refreshed_and_keeps_its_promise() {
    let _alone = alone();
    for entrant in ENTRANTS {
        let tally = entrant.play(&SHORT).expect("threads start");
        assert_was_played(entrant.name, &tally);
        assert!(
            !entrant.is_broken_by(&tally),
            "{} broke its promise: {tally:?}",
            entrant.name
        );
    }
}

#[test]
fn the_names_differ() {
    let mut names = ENTRANTS.map(|entrant| entrant.name);
    names.sort_unstable();
    assert!(names.is_sorted_by(|one, two| one < two), "{names:?}");
}

#[test]
fn a_thousand_readers_find_room() {
    let _alone = alone();
    let many = Traffic {
        readers: 1000,
        time: Duration::from_millis(300),
    };
    let [_, mutex, ..] = ENTRANTS;
    let tally = mutex.play(&many).expect("a thousand threads start");
    assert!(tally.pairs > 0, "{tally:?}");
    assert_eq!(tally.torn + tally.missing, 0);
}
