//! Records that change their owner, and new slabs.

use super::{Bound, SCAN, Shared, check, join, spawn};

/// Two threads that use one record in turn, or a record each.
#[test]
fn model_records_are_claimed_again() {
    check("records_are_claimed_again", Bound::Preemptions(3), || {
        let shared = Shared::new();
        let readers = [(); 2].map(|()| {
            spawn(&shared, |shared| {
                let record = shared.record();
                assert!(record.free_pin().is_some(), "a slot of the owner before");
                shared.pin(&record.pins[0]);
                assert!(shared.registry.give_back(record));
            })
        });
        shared.commit(1, SCAN);
        join(readers);
    });
}

/// A record with a pin in it is not given back; its slot stays until the pin ends.
#[test]
fn model_abandoned_record_protects() {
    check("abandoned_record_protects", Bound::None, || {
        let shared = Shared::new();
        let reader = spawn(&shared, |shared| {
            let record = shared.record();
            let version = shared.protect(&record.pins[0]);
            assert!(!shared.registry.give_back(record));
            version.read();
            record.pins[0].clear();
        });
        shared.commit(1, SCAN);
        join([reader]);
    });
}

/// Pins in a slab that is new to the scan.
#[test]
fn model_new_slabs_are_scanned() {
    check("new_slabs_are_scanned", Bound::None, || {
        let shared = Shared::new();
        // The first slab is full.
        _ = (shared.record(), shared.record());
        let reader = spawn(&shared, |shared| {
            let record = shared.record();
            shared.pin(&record.pins[0]);
        });
        shared.commit(1, SCAN);
        join([reader]);
    });
}

/// Two threads that add a slab at once.
#[test]
fn model_one_slab_is_added() {
    check("one_slab_is_added", Bound::None, || {
        let shared = Shared::new();
        _ = (shared.record(), shared.record());
        let other = spawn(&shared, |shared| {
            let record = shared.record();
            record.pins[0].protect(2);
        });
        let record = shared.record();
        assert!(record.free_pin().is_some(), "two owners");
        record.pins[0].protect(2);
        join([other]);
        let mut shown = Vec::new();
        shared.registry.collect(&mut shown);
        assert_eq!(shown, [2, 2]);
    });
}
