//! Free-running threads: conflicting accesses never succeed together, and each report names a real
//! conflict.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::scope;

use untorn::{AccessKind, OverlapCell, ReadGuard};

use crate::support::{RECORD, attempt};

const ROUNDS: u64 = 20_000;

#[test]
fn no_read_is_torn_and_no_write_is_lost() {
    let cell = OverlapCell::named("pair", [0_u64; 2]).on_overlap(RECORD);
    let (written, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = Barrier::new(4);
    let check_report = |overlap: &untorn::Overlap| {
        refused.fetch_add(1, Ordering::Relaxed);
        let kinds = [overlap.here.kind, overlap.other.kind];
        assert!(kinds.contains(&AccessKind::Write), "{overlap}");
        assert!(!overlap.is_reentrant(), "{overlap}");
        assert_eq!(overlap.name.as_deref(), Some("pair"));
    };
    scope(|s| {
        for _ in 0..2 {
            s.spawn(|| {
                start.wait();
                for _ in 0..ROUNDS {
                    match cell.try_write() {
                        Ok(mut pair) => {
                            pair[0] += 1;
                            std::hint::spin_loop();
                            pair[1] += 1;
                            written.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(overlap) => check_report(&overlap),
                    }
                }
            });
            s.spawn(|| {
                start.wait();
                for _ in 0..ROUNDS {
                    match cell.try_read() {
                        Ok(pair) => {
                            assert_eq!(pair[0], pair[1]);
                            // Another thread may be attempting a write at this moment.
                            match attempt(|| ReadGuard::clone(&pair)) {
                                Ok(clone) => {
                                    drop(pair);
                                    assert_eq!(clone[0], clone[1]);
                                }
                                Err(overlap) => check_report(&overlap),
                            }
                        }
                        Err(overlap) => check_report(&overlap),
                    }
                }
            });
        }
    });
    let [one, two] = cell.into_inner();
    println!("{} writes, {} refused", one, refused.into_inner());
    assert_eq!([one, two], [written.into_inner(); 2]);
}
