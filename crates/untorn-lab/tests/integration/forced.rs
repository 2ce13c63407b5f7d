//! Every forced overlap is reported. A longer run is `just forced`.

use untorn_lab::forced::force;

use crate::turns;

#[test]
fn forced_overlaps_are_reported_with_both_sides() {
    let _turn = turns::shared();
    let outcome = force(5_000);
    println!("{outcome}");
    let total = outcome.total();
    assert!(total.forced >= 5_000 && total.read_only > 0);
    assert!(total.is_good(), "{outcome}");
}
