//! `Published` under shuttle: pins, handles, two writers and the end, as a whole.
//! `schedules/` selects the schedules.

use shuttle::sync::Arc;

use crate::published::{Pinned, Published, Snapshot};
use crate::schedules::{join_all, schedules, spawn};

/// A number that is counted while it lives, and detects reads after its drop.
struct Counted {
    halves: [u64; 2],
    live: std::sync::Arc<()>,
}

impl Counted {
    fn new(number: u64, live: &std::sync::Arc<()>) -> Self {
        Self {
            halves: [number, !number],
            live: std::sync::Arc::clone(live),
        }
    }

    fn read(&self) -> u64 {
        shuttle::thread::yield_now();
        assert_eq!(self.halves[0], !self.halves[1], "read after its drop");
        self.halves[0]
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.read();
        self.halves = [1, 1];
    }
}

#[test]
fn shuttle_cell_with_two_writers() {
    schedules("cell_with_two_writers", || {
        let live = std::sync::Arc::new(());
        let value = Arc::new(Published::new(Counted::new(0, &live)));
        let reads = |value: &Published<Counted>| {
            // More pins than slots are fast.
            let pins: Vec<_> = (0..4).map(|_| value.pin()).collect();
            let snapshot = Pinned::snapshot(&pins[3]);
            let numbers: Vec<_> = pins.iter().map(|pin| pin.read()).collect();
            assert!(numbers.is_sorted(), "{numbers:?}");
            drop(pins);
            let mut reader = value.reader();
            assert!(reader.latest().read() >= snapshot.read());
        };
        let writes = |value: &Published<Counted>, live: &std::sync::Arc<()>| {
            for _ in 0..3 {
                value.update(|old| Counted::new(old.read() + 1, live));
            }
        };
        let tasks = [0, 1].map(|n| {
            let (value, live) = (Arc::clone(&value), std::sync::Arc::clone(&live));
            [
                spawn(&format!("reader {n}"), {
                    let value = Arc::clone(&value);
                    move || reads(&value)
                }),
                spawn(&format!("writer {n}"), move || writes(&value, &live)),
            ]
        });
        join_all(tasks.into_iter().flatten());
        assert_eq!((value.pin().read(), value.revision().get()), (6, 6));
        value.reclaim();
        assert_eq!(
            (value.retained(), std::sync::Arc::strong_count(&live)),
            (0, 2)
        );
    });
}

#[test]
fn shuttle_cell_ends_beside_readers() {
    schedules("cell_ends_beside_readers", || {
        let live = std::sync::Arc::new(());
        let value = Published::new(Counted::new(0, &live));
        let (mut reader, mut changes) = (value.reader(), value.subscribe());
        let reads = spawn("reader", move || {
            let first = reader.latest().read();
            let last = reader.clone().latest().read();
            assert!(first <= last && last <= 2);
            if let Ok(step) = changes.try_recv() {
                assert!(Snapshot::revision(&step.to) > Snapshot::revision(&step.from));
                assert!(step.from.read() < step.to.read());
            }
        });
        value.publish(Counted::new(1, &live));
        value.publish(Counted::new(2, &live));
        drop(value);
        join_all([reads]);
        assert_eq!(std::sync::Arc::strong_count(&live), 1, "a value is leaked");
    });
}
