//! A refresh does not put borrowed keys into a map of longer-lived keys.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    fn load(map: &untorn::Map<&'static str, u8>, _line: &str) {
        map.refresh([("limit", 1)]);
    }
    _ = load;
}

#[cfg(untorn_wrong)]
fn load(map: &untorn::Map<&'static str, u8>, line: &str) {
    map.refresh([(line, 1)]); //~ E0521
}
