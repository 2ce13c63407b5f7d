//! serde: what comes back, what wins, whose the error is, and that a map is written at one revision.

use std::collections::HashMap;
use std::hash::RandomState;

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::{from_str, to_string, to_value};
use untorn::{Map, Published, Revision, View};

use crate::while_written;

type Texts = Map<String, Vec<u64>>;

fn texts(entries: u64) -> Texts {
    (0..entries)
        .map(|n| (n.to_string(), (0..n % 4).collect()))
        .collect()
}

#[test]
fn a_map_comes_back_as_it_was() {
    for entries in [0, 1, 2, 100, 5_000] {
        let map = texts(entries);
        map.insert("one \"more\"\n".into(), vec![u64::MAX]);
        let text = to_string(&map).expect("texts are keys");
        let back: Texts = from_str(&text).expect("it was written so");
        assert_eq!(*back.pin(), *map.pin());
        assert_eq!(
            (back.revision(), map.revision().get()),
            (Revision::FIRST, 1)
        );
        assert_eq!(back.name(), None);
        // As std's map would be.
        let model: HashMap<String, Vec<u64>> = from_str(&text).expect("it was written so");
        assert_eq!(model.len(), map.len());
        let view = map.pin();
        assert!(
            model
                .iter()
                .all(|(key, value)| view.get(key) == Some(value))
        );
    }
    assert_eq!(to_string(&Texts::new()).expect("empty"), "{}");
    let numbers = Map::<u64, bool, RandomState>::default();
    numbers.insert(265, true);
    let back: Map<u64, bool, RandomState> =
        from_str(&to_string(&numbers).expect("numbers are keys")).expect("it was written so");
    assert_eq!(*back.pin(), *numbers.pin());
}

#[test]
fn whatever_shows_a_view_is_written_as_the_map() {
    let map = texts(300);
    let wanted = to_value(&map).expect("texts are keys");
    let (pin, snapshot) = (map.pin(), map.snapshot());
    let view: &View<String, Vec<u64>> = &pin;
    assert_eq!(to_value(view).expect("as above"), wanted);
    assert_eq!(to_value(&pin).expect("as above"), wanted);
    map.clear();
    assert_eq!(
        to_value(&snapshot).expect("as above"),
        wanted,
        "at its own revision"
    );
    assert_eq!(to_string(&map).expect("as above"), "{}");
}

#[test]
fn a_published_value_is_that_value() {
    let limits = Published::new((100, "x".to_owned()));
    limits.publish((200, "y".to_owned()));
    for text in [
        to_string(&limits),
        to_string(&limits.pin()),
        to_string(&limits.snapshot()),
    ] {
        assert_eq!(text.expect("a pair"), r#"[200,"y"]"#);
    }
    let back: Published<(u64, String)> = from_str(r#"[200,"y"]"#).expect("a pair");
    assert_eq!(*back.pin(), (200, "y".to_owned()));
    assert_eq!(
        (back.revision(), limits.revision().get()),
        (Revision::FIRST, 1)
    );
    assert_eq!(to_string(&Revision::from(265)).expect("a number"), "265");
    assert_eq!(from_str::<Revision>("265").expect("a number").get(), 265);
    assert!(from_str::<Revision>("-1").is_err());
}

#[test]
fn of_duplicate_keys_the_last_one_wins() {
    let text = r#"{"a": 1, "b": 2, "a": 3, "a": 4}"#;
    let map: Map<String, u64> = from_str(text).expect("duplicates are allowed");
    assert_eq!(
        *map.pin(),
        *Map::from([("a".to_owned(), 4), ("b".to_owned(), 2)]).pin()
    );
}

/// Refuses to be written.
#[derive(Clone)]
struct Secret;

impl Serialize for Secret {
    fn serialize<F: Serializer>(&self, _: F) -> Result<F::Ok, F::Error> {
        Err(F::Error::custom("a secret is not written"))
    }
}

#[test]
fn an_error_is_passed_on() {
    let read = |text| from_str::<Map<String, u64>>(text).expect_err("not a map of numbers");
    assert!(read("[1, 2]").to_string().contains("expected a map"));
    let wrong = read("{\"a\": 1,\n \"b\": \"x\",\n \"c\": 3}");
    assert!(wrong.is_data());
    assert_eq!((wrong.line(), wrong.column()), (2, 9), "{wrong}");
    assert!(read(r#"{"a": 1"#).is_eof());
    let map = Map::from([("password", Secret)]);
    let told = to_string(&map).expect_err("a secret").to_string();
    assert_eq!(told, "a secret is not written");
    let told = to_string(&Published::new(Secret)).expect_err("a secret");
    assert_eq!(told.to_string(), "a secret is not written");
}

#[test]
fn a_map_is_written_at_one_revision_while_somebody_changes_it() {
    let (torn, overlapped) = while_written::torn(|map, keys| {
        let text = to_string(map).expect("texts are keys");
        let all: HashMap<String, u64> = from_str(&text).expect("it was written so");
        assert_eq!(all.len(), 2_000);
        keys.iter().map(|key| all[key]).collect()
    });
    assert_eq!(torn, 0, "of {overlapped}");
}
