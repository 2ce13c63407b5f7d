//! A snapshot is mapped if its value borrows nothing, since the result does not name that type.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let text = String::from("265");
    let value = untorn::Published::new(text.as_str());
    let part = untorn::Pinned::map(value.pin(), |text| &text[..1]);
    assert_eq!(&*part, "2");
}

#[cfg(untorn_wrong)]
fn wrong() {
    let text = String::from("265");
    let value = untorn::Published::new(text.as_str()); //~ E0597
    let part = untorn::Snapshot::map(value.snapshot(), |text| &text[..1]);
    assert_eq!(&*part, "2");
}
