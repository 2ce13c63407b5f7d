//! A shared `Published` is invariant in its value.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn shorten<'v, 'a>(value: &'v &'static str) -> &'v &'a str {
        value
    }
    _ = shorten;
}

#[cfg(untorn_wrong)]
fn shorten<'p, 'a>(value: &'p untorn::Published<&'static str>) -> &'p untorn::Published<&'a str> {
    value //~ error
}
