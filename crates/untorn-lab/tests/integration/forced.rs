//! Overlaps that are forced are reported, each. A longer run is `just forced`.

use untorn_lab::forced::force;

use crate::turns;

#[test]
fn every_forced_overlap_is_reported_with_both_sides_right() {
    let _turn = turns::shared();
    let outcome = force(5_000);
    println!("{outcome}");
    let total = outcome.total();
    assert!(total.forced >= 5_000 && total.beside > 0);
    assert!(total.is_good(), "{outcome}");
}
