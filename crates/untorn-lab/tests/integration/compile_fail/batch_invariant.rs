//! A batch is invariant in its values, an iterator over it is covariant.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    use untorn::map::Iter;

    fn shorten<'b, 'a>(entries: Iter<'b, u8, &'static str>) -> Iter<'b, u8, &'a str> {
        entries
    }
    _ = shorten;
}

#[cfg(untorn_wrong)]
fn shorten<'m, 'a>(
    batch: untorn::Batch<'m, u8, &'static str>,
) -> untorn::Batch<'m, u8, &'a str> {
    batch //~ error
}
