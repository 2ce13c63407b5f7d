//! Pins beside a writer.

use super::{Bound, NO_SCAN, SCAN, Shared, check, join, spawn};

fn pin_once(shared: &Shared) {
    let record = shared.record();
    shared.pin(&record.pins[0]);
    shared.registry.give_back(record);
}

#[test]
fn model_pin_beside_a_commit() {
    check("pin_beside_a_commit", Bound::None, || {
        let shared = Shared::new();
        let reader = spawn(&shared, pin_once);
        shared.commit(1, SCAN);
        join([reader]);
    });
}

/// A writer that overtakes the attempt of a pin, so that it announces the cell.
#[test]
fn model_pin_beside_two_commits() {
    check("pin_beside_two_commits", Bound::Preemptions(6), || {
        let shared = Shared::new();
        let reader = spawn(&shared, pin_once);
        shared.commit(1, SCAN);
        shared.commit(2, SCAN);
        join([reader]);
    });
}

/// A pin in a record whose thread had one before: the slot is used for another version.
#[test]
fn model_pin_and_pin_again() {
    check("pin_and_pin_again", Bound::None, || {
        let shared = Shared::new();
        let reader = spawn(&shared, |shared| {
            let record = shared.record();
            let first = shared.pin(&record.pins[0]);
            assert!(shared.pin(&record.pins[0]) >= first, "went back");
        });
        shared.commit(1, SCAN);
        join([reader]);
    });
}

/// A scan of two retired versions, each of which a pin may protect.
#[test]
fn model_nested_pins() {
    check("nested_pins", Bound::Preemptions(5), || {
        let shared = Shared::new();
        let reader = spawn(&shared, |shared| {
            let record = shared.record();
            let outer = shared.protect(&record.pins[0]);
            let inner = shared.pin(&record.moment);
            assert!(outer.read() <= inner, "went back");
            record.pins[0].clear();
        });
        shared.commit(1, NO_SCAN);
        shared.commit(2, SCAN);
        join([reader]);
    });
}

/// A version is whole without a fence in the pin, as in the other mode. Nothing is freed here,
/// which is what the fences are for.
#[test]
fn model_pin_without_a_fence() {
    check("pin_without_a_fence", Bound::None, || {
        let shared = Shared::new();
        let reader = spawn(&shared, |shared| {
            let record = shared.record();
            let newest = shared.cell.newest();
            shared.read(newest.protect_by(&record.pins[0], || ()));
        });
        shared.commit(1, NO_SCAN);
        join([reader]);
    });
}

#[test]
fn model_two_pins_beside_a_commit() {
    check("two_pins_beside_a_commit", Bound::Preemptions(3), || {
        let shared = Shared::new();
        let readers = [(); 2].map(|()| spawn(&shared, pin_once));
        shared.commit(1, SCAN);
        join(readers);
    });
}

/// Readers and writers that pin what the other has just published.
#[test]
fn model_two_writers_beside_a_pin() {
    check("two_writers_beside_a_pin", Bound::Preemptions(3), || {
        let shared = Shared::new();
        let threads = [
            spawn(&shared, pin_once),
            spawn(&shared, |shared| shared.commit(1, SCAN)),
        ];
        shared.commit(2, SCAN);
        join(threads);
    });
}
