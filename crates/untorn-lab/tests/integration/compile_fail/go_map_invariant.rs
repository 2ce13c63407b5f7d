//! A shared `GoMap` is invariant in its values.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn shorten<'a>(
        table: untorn::gomap::Table<u8, &'static str>,
    ) -> untorn::gomap::Table<u8, &'a str> {
        table
    }
    _ = shorten;
}

#[cfg(untorn_wrong)]
fn shorten<'m, 'a>(map: &'m untorn::GoMap<u8, &'static str>) -> &'m untorn::GoMap<u8, &'a str> {
    map //~ error
}
