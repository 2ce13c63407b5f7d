//! Forgotten pins of values that have ended: their slots have addresses of freed versions for good.

use std::mem;
use std::sync::Arc;

use untorn::{Pinned, Published};

use crate::support::child::alone;

/// A later value reuses the addresses. A forgotten pin then retains one version at most, until the
/// end of that value; it never makes a pin read a wrong version.
#[test]
fn forgotten_pins_of_ended_values() {
    const ROUNDS: u64 = if cfg!(miri) { 4 } else { 200 };

    if !alone() {
        return;
    }
    let live = Arc::new(());
    let new = |n: u64| (n, Arc::clone(&live));
    for round in 0..ROUNDS {
        let value = Published::new(new(0));
        // A handle that outlives the value, in half of the rounds.
        let mut reader = (round % 2 == 0).then(|| value.reader());
        for n in 1..10 {
            if n % 3 == 0 {
                mem::forget(value.pin());
            }
            let pin = value.pin();
            value.publish(new(n));
            let snapshot = Pinned::snapshot(&pin);
            assert_eq!((pin.0, snapshot.0), (n - 1, n - 1));
        }
        value.reclaim();
        assert!((3..10).contains(&value.retained()));
        drop(value);
        if let Some(reader) = &mut reader {
            assert_eq!((reader.latest().0, reader.clone().latest().0), (9, 9));
        }
    }
    assert_eq!(Arc::strong_count(&live), 1, "a version was not freed");
}

#[test]
fn into_inner_moves_a_value_with_a_forgotten_pin() {
    struct NotClone(u32);
    impl Clone for NotClone {
        fn clone(&self) -> Self {
            unreachable!("nothing shares it")
        }
    }

    if !alone() {
        return;
    }
    let value = Published::new(NotClone(1));
    mem::forget(value.pin());
    assert_eq!(value.into_inner().0, 1);
}
