//! serde: round trips, duplicate keys, errors, one revision per serialized map, and overlaps as one
//! line of JSON.

use std::cell::Cell as StdCell;
use std::collections::HashMap;
use std::hash::RandomState;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, from_str, to_string, to_value};
use untorn::{
    GoMap, Map, OnOverlap, Overlap, OverlapCell, Pinned, Published, Revision, Snapshot, View,
};

use super::while_written;

type Texts = Map<String, Vec<u64>>;

fn texts(entries: u64) -> Texts {
    (0..entries)
        .map(|n| (n.to_string(), (0..n % 4).collect()))
        .collect()
}

#[test]
fn map_round_trips_through_json() {
    for entries in [0, 1, 2, 100, 5_000] {
        let map = texts(entries);
        map.insert("one \"more\"\n".into(), vec![u64::MAX]);
        let text = to_string(&map).expect("texts are keys");
        let back: Texts = from_str(&text).expect("valid JSON of a map");
        assert_eq!(*back.pin(), *map.pin());
        assert_eq!(
            (back.revision(), map.revision().get()),
            (Revision::FIRST, 1)
        );
        assert_eq!(back.name(), None);
        // As with std's map.
        let model: HashMap<String, Vec<u64>> = from_str(&text).expect("valid JSON of a map");
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
        from_str(&to_string(&numbers).expect("numbers are keys")).expect("valid JSON of a map");
    assert_eq!(*back.pin(), *numbers.pin());
}

#[test]
fn views_serialize_like_their_map() {
    let map = texts(300);
    let wanted = to_value(&map).expect("texts are keys");
    let (pin, snapshot) = (map.pin(), map.snapshot());
    let view: &View<String, Vec<u64>> = &pin;
    assert_eq!(to_value(view).expect("serializable"), wanted);
    assert_eq!(to_value(&pin).expect("serializable"), wanted);
    map.clear();
    assert_eq!(
        to_value(&snapshot).expect("serializable"),
        wanted,
        "at its own revision"
    );
    assert_eq!(to_string(&map).expect("serializable"), "{}");
}

#[test]
fn published_serializes_as_its_value() {
    let limits = Published::new((100, "x".to_owned()));
    limits.publish((200, "y".to_owned()));
    for text in [
        to_string(&limits),
        to_string(&limits.pin()),
        to_string(&limits.snapshot()),
    ] {
        assert_eq!(text.expect("a pair"), r#"[200,"y"]"#);
    }
    let parts = [
        to_string(&Pinned::map(limits.pin(), |pair| &*pair.1)),
        to_string(&Snapshot::map(limits.snapshot(), |pair| &*pair.1)),
    ];
    assert!(
        parts
            .into_iter()
            .all(|part| part.is_ok_and(|text| text == r#""y""#))
    );
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
fn last_duplicate_key_wins() {
    let text = r#"{"a": 1, "b": 2, "a": 3, "a": 4}"#;
    let map: Map<String, u64> = from_str(text).expect("duplicates are allowed");
    assert_eq!(
        *map.pin(),
        *Map::from([("a".to_owned(), 4), ("b".to_owned(), 2)]).pin()
    );
}

/// A value that refuses to be serialized.
#[derive(Clone)]
struct Secret;

impl Serialize for Secret {
    fn serialize<F: Serializer>(&self, _: F) -> Result<F::Ok, F::Error> {
        Err(F::Error::custom("a secret is not written"))
    }
}

#[test]
fn serialization_errors_are_passed_on() {
    let read = |text| from_str::<Map<String, u64>>(text).expect_err("not a map of numbers");
    assert!(read("[1, 2]").to_string().contains("expected a map"));
    let wrong = read("{\"a\": 1,\n \"b\": \"x\",\n \"c\": 3}");
    assert!(wrong.is_data());
    assert_eq!((wrong.line(), wrong.column()), (2, 9), "{wrong}");
    assert!(read(r#"{"a": 1"#).is_eof());
    let map = Map::from([("password", Secret)]);
    let error = to_string(&map).expect_err("a secret").to_string();
    assert_eq!(error, "a secret is not written");
    let error = to_string(&Published::new(Secret)).expect_err("a secret");
    assert_eq!(error.to_string(), "a secret is not written");
}

#[test]
fn map_serializes_at_one_revision_under_writes() {
    let (torn, overlapped) = while_written::torn(|map, keys| {
        let text = to_string(map).expect("texts are keys");
        let all: HashMap<String, u64> = from_str(&text).expect("valid JSON of a map");
        assert_eq!(all.len(), 2_000);
        keys.iter().map(|key| all[key]).collect()
    });
    assert_eq!(torn, 0, "of {overlapped}");
}

/// Returns one overlap of a map and one of a cell, both on a thread whose creator is recorded.
fn overlaps() -> Vec<Overlap> {
    untorn::spawn("worker \"7\"\n", || {
        let cell = OverlapCell::named("config", vec!["correct horse".to_owned()]);
        let _reading = [cell.read(), cell.read(), cell.read()];
        let of_cell = cell.try_write().map(drop).expect_err("we read");
        thread_local! {
            static MET: StdCell<Option<Overlap>> = const { StdCell::new(None) };
        }
        let map = GoMap::from([("hunter2".to_owned(), "battery staple".to_owned())])
            .on_overlap(OnOverlap::Call(|overlap| MET.set(Some(overlap.clone()))));
        let met = AssertUnwindSafe(|| map.get_with("hunter2", |_| map.clear()));
        assert!(catch_unwind(met).is_err());
        vec![*of_cell, MET.take().expect("the overlap was recorded")]
    })
    .join()
    .expect("no panic")
}

#[test]
fn overlap_serializes_all_fields_on_one_line() {
    let overlaps = overlaps();
    let keys = |value: &Value| {
        let object = value.as_object().expect("an object");
        let mut keys: Vec<_> = object.keys().cloned().collect();
        keys.sort_unstable();
        keys.join(" ")
    };
    for overlap in &overlaps {
        let line = to_string(overlap).expect("nothing can fail");
        assert_eq!(line.lines().count(), 1, "{line}");
        for secret in ["horse", "hunter", "staple"] {
            assert!(!line.contains(secret), "{line}");
        }
        let value: Value = from_str(&line).expect("it is JSON");
        assert_eq!(
            keys(&value),
            "additional_readers here kind message name other state subject"
        );
        for (name, site) in [("here", &overlap.here), ("other", &overlap.other)] {
            let side = &value[name];
            assert_eq!(
                keys(side),
                "created_at duration_ns kind location number operation stretched thread"
            );
            assert_eq!(side["thread"], "worker \"7\"\n");
            assert_eq!(side["number"], site.thread_number);
            let place = site.location.expect("it is inside").to_string();
            assert_eq!(side["location"].as_str(), Some(&*place));
            let created = site.created_at.expect("by `spawn`").to_string();
            assert_eq!(side["created_at"].as_str(), Some(&*created));
            assert_eq!(side["operation"], site.operation);
            let lasted = site.duration.map(|lasted| lasted.as_nanos() as u64);
            assert_eq!(side["duration_ns"].as_u64(), lasted);
        }
        assert_eq!(
            (&value["here"]["kind"], &value["other"]["kind"]),
            (&"write".into(), &"read".into())
        );
        assert_eq!(value["kind"], "read_and_write");
        assert_eq!(value["message"], overlap.message());
    }
    let [of_cell, of_map] = [0, 1].map(|n| to_value(&overlaps[n]).expect("serializable"));
    assert_eq!(
        (&of_cell["subject"], &of_cell["name"]),
        (&"cell".into(), &"config".into())
    );
    assert_eq!(of_cell["state"], "alloc::vec::Vec<alloc::string::String>");
    assert_eq!(of_cell["additional_readers"], 2);
    assert_eq!(
        (&of_map["subject"], &of_map["name"]),
        (&"map".into(), &Value::Null)
    );
    assert_eq!(of_map["state"], "1 key, B=0, flags=hash_writing");
}

#[test]
fn unknown_fields_are_null() {
    let thread = std::thread::spawn(|| {
        let cell = OverlapCell::new(265);
        let _reading = cell.read();
        to_value(cell.try_write().map(drop).expect_err("we read"))
    });
    let value = thread.join().expect("no panic").expect("serializable");
    assert_eq!(value["name"], Value::Null);
    assert_eq!(value["other"]["created_at"], Value::Null);
    assert_eq!(value["other"]["duration_ns"], Value::Null);
    assert_eq!(value["other"]["thread"], "<unnamed>");
}
