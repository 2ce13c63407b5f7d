//! Every type of untorn on `wasm32-unknown-unknown`, which has neither a clock, nor threads, nor an
//! exit status. `run.mjs` calls each function from node: a `check_` function returns 1 or traps; a
//! `trap_` function must trap, with the message that `run.mjs` has for it.
//!
//! Tests run the `check_` functions on the host too.

#![allow(unsafe_code, reason = "exported names, nothing else")]

use std::panic;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use untorn::gomap::Table;
use untorn::{
    Change, GoMap, Map, OnOverlap, OverlapCell, Pinned, Poller, Published, RecvTimeoutError,
    Revision, Snapshot, Stretch, TryRecvError, WaitError,
};

/// `true` on the target of the checks.
const IN_NODE: bool = cfg!(all(target_family = "wasm", target_os = "unknown"));

/// The message of the last panic.
static MESSAGE: Mutex<String> = Mutex::new(String::new());

/// Stores the message of each panic, as a program for the browser would print it.
#[unsafe(no_mangle)]
pub extern "C" fn store_messages() {
    panic::set_hook(Box::new(|info| {
        *MESSAGE.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
}

/// The address of the last message.
#[unsafe(no_mangle)]
pub extern "C" fn message() -> usize {
    let message = MESSAGE.lock().unwrap_or_else(PoisonError::into_inner);
    message.as_ptr().addr()
}

/// The length of the last message.
#[unsafe(no_mangle)]
pub extern "C" fn message_len() -> usize {
    MESSAGE.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// Exports each check by its name, and makes a test of it for the host.
macro_rules! checks {
    ($($(#[$doc:meta])+ fn $name:ident() $body:block)+) => {
        $(
            $(#[$doc])+
            #[unsafe(no_mangle)]
            pub extern "C" fn $name() -> u32 {
                $body
                1
            }
        )+

        #[cfg(test)]
        mod tests {
            $(
                #[test]
                fn $name() {
                    assert_eq!(super::$name(), 1);
                }
            )+
        }
    };
}

checks! {
    /// Operations on single keys.
    fn check_map() {
        let map = Map::named("config");
        assert_eq!(map.insert("a".to_string(), 1), None);
        assert_eq!(map.get("a"), Some(1));
        map.update("a".to_string(), |now| now.map(|now| now + 1));
        assert_eq!(map.get_or_insert_with("b".to_string(), || 3), 3);
        assert_eq!(map.remove("a"), Some(2));
        map.retain(|_, value| *value > 3);
        map.insert("c".to_string(), 4);
        map.clear();
        assert!(map.is_empty());
        assert_eq!(map.revision(), Revision::from(7));
    }

    /// Enough entries to split and merge segments.
    fn check_map_grows() {
        let map: Map<u32, u32> = (0..5_000).map(|key| (key, key)).collect();
        for key in 0..5_000 {
            assert_eq!(map.remove(&key), Some(key));
        }
        assert!(map.is_empty());
    }

    /// Batches over several keys: all or nothing.
    fn check_batch() {
        let map = Map::new();
        let before = map.snapshot();
        let revision = map.batch(|batch| {
            batch.insert(1, 10);
            batch.insert(2, 20);
        });
        assert_eq!(revision, map.revision());
        let refused = map.try_batch(|batch| {
            batch.clear();
            Err::<(), _>("refused")
        });
        assert_eq!(refused, Err("refused"));
        assert!(map.batch_if_unchanged(&before, |batch| batch.clear()).is_err());
        let mut batch = map.begin_batch();
        batch.clear();
        drop(batch); // publishes nothing
        assert_eq!(map.len(), 2);
        let after = map.snapshot();
        let added = after.changes_since(&before).filter(|change| matches!(change, Change::Added { .. }));
        assert_eq!(added.count(), 2);
    }

    /// A refresh with the whole contents of a source, and a fork.
    fn check_refresh() {
        let map = Map::from([(1, 10), (2, 20)]);
        let refreshed = map.refresh([(2, 21), (3, 30)]);
        assert_eq!((refreshed.added, refreshed.changed, refreshed.removed), (1, 1, 1));
        let fork = map.fork();
        fork.insert(4, 40);
        assert_eq!((map.len(), fork.len()), (2, 3));
    }

    /// Pins, snapshots and readers.
    fn check_views() {
        let map = Map::from([(1, 10)]);
        let (outer, snapshot, mut reader) = (map.pin(), map.snapshot(), map.reader());
        assert_eq!(reader.latest()[&1], 10);
        map.insert(1, 11);
        let inner = map.pin();
        assert_eq!((outer[&1], snapshot[&1], inner[&1], reader.latest()[&1]), (10, 10, 11, 11));
        assert!(Pinned::revision(&outer) < Pinned::revision(&inner));
        // More pins at once than there are fast slots on other targets.
        let pins: Vec<_> = (0..20).map(|_| map.pin()).collect();
        assert!(pins.iter().all(|pin| pin[&1] == 11));
        drop((outer, snapshot, pins));
        reader.release();
        assert_eq!((map.reclaim(), map.retained()), (1, 0));
    }

    /// Statistics, which have no durations without a clock.
    fn check_stats() {
        let map = Map::from([(1, 10)]);
        let held = map.snapshot();
        map.insert(1, 11);
        let stats = map.stats();
        assert_eq!((stats.commits, stats.retained, stats.in_use), (1, 1, 1));
        assert_eq!(stats.oldest_in_use, Some(Revision::FIRST));
        drop(held);
    }

    /// A subscription, used without blocking.
    fn check_subscription() {
        let map = Map::new();
        let mut changes = map.subscribe();
        assert_eq!(changes.try_recv().unwrap_err(), TryRecvError::Empty);
        // Times out at once: there is no other thread that could commit.
        let none = changes.recv_timeout(Duration::from_millis(1)).unwrap_err();
        assert_eq!(none, RecvTimeoutError::Timeout);
        map.insert(1, 10);
        map.insert(1, 11);
        let change = changes.recv().unwrap();
        assert_eq!((change.from.len(), change.to[&1], change.missed), (0, 11, 1));
        let late = map.wait_for(Revision::from(3), Duration::from_millis(1));
        assert_eq!(late, Err(WaitError::Timeout));
        let second = map.wait_for(Revision::from(2), Duration::MAX).unwrap();
        assert_eq!(second.revision(), Revision::from(2));
        let never = map.wait_until(|view| view.is_empty(), Duration::from_millis(1));
        assert_eq!(never, Err(WaitError::Timeout));
        changes.handle().close();
        assert!(changes.recv().is_err());
    }

    /// A subscription as a stream.
    fn check_stream() {
        let limit = Published::new(100);
        let mut changes = pin!(limit.subscribe().into_stream());
        let mut task = Context::from_waker(Waker::noop());
        assert!(changes.as_mut().poll_next(&mut task).is_pending());
        limit.publish(200);
        let Poll::Ready(Some(change)) = changes.as_mut().poll_next(&mut task) else {
            unreachable!("there is a newer version")
        };
        assert_eq!((*change.from, *change.to), (100, 200));
        drop(limit);
        assert!(changes.poll_next(&mut task).is_ready());
    }

    /// A single published value.
    fn check_published() {
        let limit = Published::named("limit", vec![1]);
        let before = limit.snapshot();
        limit.publish(vec![2]);
        limit.update(|now| now.iter().copied().chain([3]).collect());
        let failed = limit.try_update(|_| Err::<Vec<i32>, _>("refused"));
        assert_eq!(failed, Err("refused"));
        let mut reader = limit.reader();
        assert_eq!(reader.latest_with_revision(), (&vec![2, 3], limit.revision()));
        assert_eq!(Snapshot::revision(&before), Revision::FIRST);
        // A commit has freed the version in between.
        assert_eq!(limit.retained(), 1);
        drop(before);
        assert_eq!(limit.reclaim(), 1);
    }

    /// Go's map with its overlap check.
    fn check_go_map() {
        let map = GoMap::named("config");
        for key in 0..1_000 {
            map.insert(key, key);
        }
        assert_eq!(map.get(&7), Some(7));
        assert_eq!(map.get_or_zero(&1_000), 0);
        let mut shown = 0;
        for (key, _) in map.cursor() {
            shown += 1;
            map.remove(&key);
        }
        assert_eq!((shown, map.len()), (1_000, 0));
        map.insert(1, 2);
        map.update(1, |now| now.map(|now| now + 1));
        map.retain(|_, value| *value == 3);
        assert_eq!(map.deep_clone().get(&1), Some(3));
        map.iter_with(|key, value| assert_eq!((*key, *value), (1, 3)));
        assert_eq!(map.stats().count, 1);
        assert!(!map.trace(&1).to_string().is_empty());
        assert!(GoMap::<u8, u8>::nil().get(&1).is_none());
        map.clear();
    }

    /// Delay injection, which has no effect without threads.
    fn check_stretch() {
        let map = GoMap::new().stretch(Stretch::percent(90.0));
        let cell = OverlapCell::new(0).stretch(Stretch::percent(90.0));
        for key in 0..1_000 {
            map.insert(key, key);
            *cell.write() += 1;
        }
        assert_eq!((map.len(), *cell.read()), (1_000, 1_000));
    }

    /// Go's table by itself.
    fn check_table() {
        let mut table = Table::new();
        for key in 0..1_000_u64 {
            table.insert(key, key.to_string());
        }
        assert_eq!(table.get(&999).map(String::as_str), Some("999"));
        assert_eq!(table.iter().count(), 1_000);
    }

    /// A cell; its overlap names both sides, without durations.
    fn check_cell() {
        let cell = OverlapCell::named("limits", 1);
        *cell.write() = 15;
        let writing = cell.write();
        let overlap = cell.try_read().unwrap_err();
        drop(writing);
        assert_eq!(*cell.try_read().unwrap(), 15);
        assert_eq!(overlap.message(), "concurrent read and write");
        assert_eq!(overlap.other.operation, "OverlapCell::write");
        assert_eq!(overlap.other.duration.is_none(), IN_NODE);
        assert!(overlap.is_reentrant());
        assert!(overlap.to_string().contains("cell \"limits\": i32"));
        // Many guards at once.
        let guards: Vec<_> = (0..20).map(|_| cell.read()).collect();
        assert!(cell.try_write().is_err());
        drop(guards);
        assert!(cell.try_write().is_ok());
        assert_eq!(cell.into_inner(), 15);
    }

    /// A poller, which needs a thread: `start` fails, and the map remains unchanged.
    fn check_poller() {
        let map = Arc::new(Map::new());
        let source = || Ok::<_, String>([(1, 10)]);
        let started = Poller::every(Duration::from_secs(1), source).start(&map);
        assert_eq!(started.is_err(), IN_NODE);
        match started {
            Ok(poller) => poller.stop(),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::Unsupported);
                assert!(map.is_empty());
            }
        }
    }
}

/// A failed assertion, which `run.mjs` must report.
#[unsafe(no_mangle)]
pub extern "C" fn trap_control() -> u32 {
    assert_eq!(Map::<u8, u8>::new().len(), 1, "a check that fails");
    1
}

/// An overlap that panics: a write under a read guard.
#[unsafe(no_mangle)]
pub extern "C" fn trap_overlap_panics() -> u32 {
    let cell = OverlapCell::named("limits", 1);
    let reading = cell.read();
    *cell.write() = 2;
    *reading
}

/// An overlap that ends the process elsewhere.
#[unsafe(no_mangle)]
pub extern "C" fn trap_overlap_exits() -> u32 {
    let map = GoMap::from([(1, 10)]).on_overlap(OnOverlap::Exit);
    map.get_with(&1, |_| map.clear());
    1
}

/// A wait that no other thread could end.
#[unsafe(no_mangle)]
pub extern "C" fn trap_recv() -> u32 {
    let map: Map<u8, u8> = Map::new();
    map.subscribe().recv().map_or(0, |_| 1)
}

/// A write to a map inside its own batch closure.
#[unsafe(no_mangle)]
pub extern "C" fn trap_write_in_batch() -> u32 {
    let map = Map::named("config");
    map.batch(|_| _ = map.insert(1, 1));
    1
}

/// A thread, which this target cannot start.
#[unsafe(no_mangle)]
pub extern "C" fn trap_spawn() -> u32 {
    untorn::spawn("reader", || 1).join().unwrap_or(0)
}
