//! A write guard is invariant in the value, a read guard is covariant.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn shorten<'c, 'a>(reading: untorn::ReadGuard<'c, &'static str>) -> untorn::ReadGuard<'c, &'a str> {
        reading
    }
    _ = shorten;
}

#[cfg(untorn_wrong)]
fn shorten<'c, 'a>(writing: untorn::WriteGuard<'c, &'static str>) -> untorn::WriteGuard<'c, &'a str> {
    writing //~ error
}
