//! The gate, as shipped, under loom: every interleaving and every value that the memory model lets a load see.
//!
//! `just loom` runs it: `RUSTFLAGS="--cfg untorn_loom" cargo test -p untorn --lib --release model`. Each model prints
//! how many executions it took. Where a bound on preemptions is given, executions with more of them are left out.
//!
//! Exclusion is watched by loom's cell: a read and a write, or two writes, that are inside at once or are not
//! ordered fail the model. That nothing else is reported is asserted where a lock or a join orders the accesses.

use std::panic::Location;

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Mutex};
use loom::thread;

use super::gate::Gate;
use super::record::{Record, Registry, Who};
use super::site::{Access, AccessKind, Name, Operation};
use crate::sync::UnsafeCell;

const GATE: u64 = 7;

static READ: Operation = Operation {
    name: "read",
    kind: AccessKind::Read,
};
static WRITE: Operation = Operation {
    name: "write",
    kind: AccessKind::Write,
};

/// A gate, a value behind it, and how many accesses were let in and how many reported.
struct Shared {
    gate: Gate,
    registry: Registry,
    value: UnsafeCell<usize>,
    entered: AtomicUsize,
    reported: AtomicUsize,
}

// The value is reached only by those whom the gate lets in; that this is so is what the models check.
#[allow(unsafe_code, reason = "see above")]
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::numbered(GATE),
            registry: Registry::new(),
            value: UnsafeCell::new(0),
            entered: AtomicUsize::new(0),
            reported: AtomicUsize::new(0),
        })
    }

    fn record(&self, number: u64) -> &'static Record {
        self.registry.acquire(&Who {
            number,
            name: Name::new("model"),
            created_at: None,
        })
    }

    #[allow(unsafe_code, reason = "the access that the gate is for")]
    fn read(&self, record: &'static Record) -> bool {
        let slot = &record.slots[0];
        let access = Access {
            operation: &READ,
            at: Location::caller(),
        };
        let free = self.gate.enter_read(slot, access).is_ok();
        if free {
            // SAFETY: the read is inside.
            self.value.with(|value| unsafe { *value });
        }
        self.gate.leave_read(slot);
        self.count(free)
    }

    #[allow(unsafe_code, reason = "the access that the gate is for")]
    fn write(&self, record: &'static Record) -> bool {
        let slot = &record.slots[0];
        let access = Access {
            operation: &WRITE,
            at: Location::caller(),
        };
        let free = self
            .gate
            .enter_write(&self.registry, slot, access, 1)
            .is_ok();
        if free {
            // SAFETY: the write is inside.
            self.value.with_mut(|value| unsafe { *value += 1 });
        }
        if self.gate.is_taken_by(slot) {
            self.gate.leave_write();
        }
        slot.retract();
        self.count(free)
    }

    fn count(&self, free: bool) -> bool {
        let counter = if free { &self.entered } else { &self.reported };
        counter.fetch_add(1, Ordering::Relaxed);
        free
    }

    fn assert_counts(&self, accesses: usize) {
        let entered = self.entered.load(Ordering::Relaxed);
        let reported = self.reported.load(Ordering::Relaxed);
        assert_eq!(entered + reported, accesses);
    }
}

/// Checks `body` in every execution, with at most so many preemptions of a thread.
fn check(preemptions: Option<usize>, name: &str, body: impl Fn() + Sync + Send + 'static) {
    let executions = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&executions);
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.check(move || {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        body();
    });
    let executions = executions.load(std::sync::atomic::Ordering::Relaxed);
    let bound = preemptions.map_or("no bound".into(), |n| format!("at most {n} preemptions"));
    println!("{name}: {executions} executions, {bound}");
}

/// Runs the bodies on a thread each, the last on this one.
fn run(shared: &Arc<Shared>, bodies: Vec<fn(&Shared, &'static Record) -> bool>) {
    let accesses = bodies.len();
    let mut threads: Vec<_> = bodies
        .into_iter()
        .enumerate()
        .map(|(i, body)| {
            let shared = Arc::clone(shared);
            let record = shared.record(i as u64);
            move || body(&shared, record)
        })
        .collect();
    let last = threads.pop().expect("a body");
    let threads: Vec<_> = threads.into_iter().map(thread::spawn).collect();
    last();
    for thread in threads {
        thread.join().expect("the model does not panic");
    }
    shared.assert_counts(accesses);
}

#[test]
fn model_writer_and_reader() {
    check(None, "writer_and_reader", || {
        run(&Shared::new(), vec![Shared::write, Shared::read])
    });
}

#[test]
fn model_two_writers() {
    check(None, "two_writers", || {
        run(&Shared::new(), vec![Shared::write, Shared::write])
    });
}

#[test]
fn model_writer_and_two_readers() {
    check(Some(3), "writer_and_two_readers", || {
        run(
            &Shared::new(),
            vec![Shared::write, Shared::read, Shared::read],
        );
    });
}

#[test]
fn model_two_writers_and_reader() {
    check(Some(3), "two_writers_and_reader", || {
        run(
            &Shared::new(),
            vec![Shared::write, Shared::write, Shared::read],
        );
    });
}

/// The write after a read of the same thread, against a reader that comes again: slots are reused.
#[test]
fn model_slots_are_reused() {
    check(Some(3), "slots_are_reused", || {
        let shared = Shared::new();
        let (one, two) = (shared.record(1), shared.record(2));
        let other = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                shared.read(one);
                shared.write(one);
            })
        };
        shared.write(two);
        shared.read(two);
        other.join().expect("the model does not panic");
        shared.assert_counts(4);
    });
}

/// A thread that registers only now must still be seen by the scan.
#[test]
fn model_a_new_thread_is_seen() {
    check(Some(3), "a_new_thread_is_seen", || {
        let shared = Shared::new();
        let writer = shared.record(1);
        let reader = {
            let shared = Arc::clone(&shared);
            thread::spawn(move || {
                let record = shared.record(2);
                shared.read(record)
            })
        };
        shared.write(writer);
        reader.join().expect("the model does not panic");
        shared.assert_counts(2);
    });
}

/// Accesses that a lock orders are never reported, and each sees the one before.
#[test]
fn model_no_report_under_a_lock() {
    check(Some(3), "no_report_under_a_lock", || {
        let shared = Shared::new();
        let lock = Arc::new(Mutex::new(()));
        let records = [shared.record(1), shared.record(2), shared.record(3)];
        let bodies: [fn(&Shared, &'static Record) -> bool; 2] = [Shared::write, Shared::read];
        let threads = std::array::from_fn::<_, 2, _>(|i| {
            let (shared, lock) = (Arc::clone(&shared), Arc::clone(&lock));
            let (body, record) = (bodies[i], records[i]);
            thread::spawn(move || {
                let _held = lock.lock().expect("not poisoned");
                assert!(body(&shared, record), "reported under a lock");
            })
        });
        {
            let _held = lock.lock().expect("not poisoned");
            assert!(shared.write(records[2]), "reported under a lock");
        }
        for thread in threads {
            thread.join().expect("the model does not panic");
        }
        shared.assert_counts(3);
    });
}
