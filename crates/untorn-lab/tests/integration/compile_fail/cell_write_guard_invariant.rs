//! A write guard is invariant in the value, a read guard is covariant.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn shorten<'c, 'a>(reading: untorn::Reading<'c, &'static str>) -> untorn::Reading<'c, &'a str> {
        reading
    }
    _ = shorten;
}

#[cfg(untorn_wrong)]
fn shorten<'c, 'a>(writing: untorn::Writing<'c, &'static str>) -> untorn::Writing<'c, &'a str> {
    writing //~ error
}
