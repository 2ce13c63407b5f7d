//! A cell is invariant in its value.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn shorten<'a>(cell: &'a &'static str) -> &'a &'a str {
        cell
    }
    _ = shorten;
}

#[cfg(untorn_wrong)]
fn shorten<'a>(cell: &'a untorn::OverlapCell<&'static str>) -> &'a untorn::OverlapCell<&'a str> {
    cell //~ error
}
