//! Counted references, and the end of the owner.

use loom::sync::Mutex;

use super::{Bound, SCAN, Shared, check, join, spawn};
use crate::sync::Arc;

#[test]
fn model_handle_beside_a_commit() {
    check("handle_beside_a_commit", Bound::None, || {
        let shared = Shared::new();
        let reader = spawn(&shared, |shared| {
            let record = shared.record();
            let handle = shared.count(&record.moment);
            handle.read();
            assert!(Arc::strong_count(&handle) > 1, "the cell has a count, too");
        });
        shared.commit(1, SCAN);
        join([reader]);
    });
}

/// A handle that outlives its slot, and its thread's next pin.
#[test]
fn model_handle_beside_two_commits() {
    check("handle_beside_two_commits", Bound::Preemptions(5), || {
        let shared = Shared::new();
        let reader = spawn(&shared, |shared| {
            let record = shared.record();
            let handle = shared.count(&record.moment);
            shared.pin(&record.pins[0]);
            handle.read();
            assert!(Arc::strong_count(&handle) > 1, "the cell has a count, too");
        });
        shared.commit(1, SCAN);
        shared.commit(2, SCAN);
        join([reader]);
    });
}

/// A handle whose thread gives its record back: a scan reads a bit that is clear, and no slot. The
/// handle is looked at after the commits only, since a look in between would be a step that hides
/// others from loom.
#[test]
fn model_handle_of_an_ended_thread() {
    check("handle_of_an_ended_thread", Bound::None, || {
        let shared = Shared::new();
        shared.record();
        let reader = {
            let shared = loom::sync::Arc::clone(&shared);
            loom::thread::spawn(move || {
                let record = shared.registry.first();
                let handle = shared.count(&record.moment);
                assert!(shared.registry.give_back(record));
                handle
            })
        };
        shared.commit(1, SCAN);
        let handle = reader.join().expect("the model does not panic");
        handle.read();
        let is_newest = shared.cell.newest().is(&handle);
        assert!(Arc::strong_count(&handle) > 1, "the cell has a count, too");
        assert_eq!(is_newest, handle.number == 1);
    });
}

/// A handle taken by one thread, cloned, and dropped by another.
#[test]
fn model_handle_changes_threads() {
    check("handle_changes_threads", Bound::Preemptions(3), || {
        let shared = Shared::new();
        let passed = loom::sync::Arc::new(Mutex::new(None));
        let (give, take) = (loom::sync::Arc::clone(&passed), passed);
        let threads = [
            spawn(&shared, move |shared| {
                let handle = shared.count(&shared.record().moment);
                *give.lock().expect("not poisoned") = Some(Arc::clone(&handle));
                handle.read();
            }),
            spawn(&shared, move |_| {
                if let Some(handle) = take.lock().expect("not poisoned").take() {
                    handle.read();
                }
            }),
        ];
        shared.commit(1, SCAN);
        join(threads);
    });
}

/// The owner ends while a handle of the cell asks for the newest version.
#[test]
fn model_end_beside_a_handle() {
    check("end_beside_a_handle", Bound::None, || {
        let shared = Shared::new();
        let reader = spawn(&shared, |shared| {
            let record = shared.record();
            let handle = shared.count(&record.moment);
            handle.read();
        });
        shared.commit(1, super::NO_SCAN);
        let unneeded = shared.cell.write().end(&shared.registry);
        drop(unneeded);
        join([reader]);
    });
}

/// The last handle frees a version after its owner has ended.
#[test]
fn model_last_handle_frees() {
    check("last_handle_frees", Bound::None, || {
        let shared = Shared::new();
        let record = shared.record();
        let handle = shared.count(&record.moment);
        shared.commit(1, SCAN);
        let unneeded = shared.cell.write().end(&shared.registry);
        let other = Arc::clone(&handle);
        let reader = loom::thread::spawn(move || other.read());
        drop(unneeded);
        handle.read();
        drop(handle);
        reader.join().expect("the model does not panic");
    });
}
