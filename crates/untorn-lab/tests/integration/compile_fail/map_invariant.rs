//! A shared `Map` is invariant in its values, a view is covariant.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn shorten<'v, 'a>(view: &'v untorn::View<u8, &'static str>) -> &'v untorn::View<u8, &'a str> {
        view
    }
    _ = shorten;
}

#[cfg(untorn_wrong)]
fn shorten<'m, 'a>(map: &'m untorn::Map<u8, &'static str>) -> &'m untorn::Map<u8, &'a str> {
    map //~ error
}
