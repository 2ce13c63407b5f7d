//! A reader is not released while a reference of it is in use.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let limit = untorn::Published::new(String::from("100"));
    let mut reader = limit.reader();
    let value = reader.latest();
    assert_eq!(value, "100");
    reader.release();
}

#[cfg(untorn_wrong)]
fn wrong() {
    let limit = untorn::Published::new(String::from("100"));
    let mut reader = limit.reader();
    let value = reader.latest();
    reader.release(); //~ E0499
    assert_eq!(value, "100");
}
