//! Free-running threads: no two inside that may not be, and who is refused is told of somebody who was there.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::scope;

use untorn::{AccessKind, OverlapCell, ReadGuard};

use crate::support::{NOTE, attempt};

const ROUNDS: u64 = 20_000;

#[test]
fn no_pair_is_seen_torn_and_no_write_is_lost() {
    let cell = OverlapCell::named("pair", [0_u64; 2]).on_overlap(NOTE);
    let (written, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    let start = Barrier::new(4);
    let told = |overlap: &untorn::Overlap| {
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
                        Err(overlap) => told(&overlap),
                    }
                }
            });
            s.spawn(|| {
                start.wait();
                for _ in 0..ROUNDS {
                    match cell.try_read() {
                        Ok(pair) => {
                            assert_eq!(pair[0], pair[1]);
                            // Somebody may just be trying to write.
                            match attempt(|| ReadGuard::clone(&pair)) {
                                Ok(clone) => {
                                    drop(pair);
                                    assert_eq!(clone[0], clone[1]);
                                }
                                Err(overlap) => told(&overlap),
                            }
                        }
                        Err(overlap) => told(&overlap),
                    }
                }
            });
        }
    });
    let [one, two] = cell.into_inner();
    println!("{} writes, {} refused", one, refused.into_inner());
    assert_eq!([one, two], [written.into_inner(); 2]);
}
