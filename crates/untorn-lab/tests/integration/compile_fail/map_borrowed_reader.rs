//! Data borrowed by a `Map` must outlive each handle of the map.

#[cfg(not(untorn_wrong))]
#[test]
fn right() {
    let text = String::from("265");
    let reader = {
        let map = untorn::Map::from([(text.as_str(), 1)]);
        map.reader()
    };
    drop(reader);
}

#[cfg(untorn_wrong)]
fn wrong() {
    let reader = {
        let text = String::from("265");
        let map = untorn::Map::from([(text.as_str(), 1)]); //~ E0597
        map.reader()
    };
    drop(reader);
}
