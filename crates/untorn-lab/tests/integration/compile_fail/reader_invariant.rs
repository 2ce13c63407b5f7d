//! A reader, which returns later values too, is invariant; a snapshot is covariant.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn shorten<'a>(snapshot: untorn::Snapshot<&'static str>) -> untorn::Snapshot<&'a str> {
        snapshot
    }
    _ = shorten;
}

#[cfg(untorn_wrong)]
fn shorten<'a>(reader: untorn::Reader<&'static str>) -> untorn::Reader<&'a str> {
    reader //~ error
}
