//! A snapshot of a part refers to nothing that ends. The type of the value has the lifetime of a
//! borrowed text in a place where it could be extended.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let value = untorn::Published::new((|_| ()) as fn(&'static str));
    let part = untorn::Snapshot::map(value.snapshot(), |_| "265");
    assert_eq!(&*part, "265");
}

#[cfg(untorn_wrong)]
fn part<'t>(
    snapshot: untorn::Snapshot<fn(&'t str)>,
    text: &'t str,
) -> untorn::MappedSnapshot<str> {
    untorn::Snapshot::map(snapshot, |_| text) //~ error
}
