//! The body of the fuzz target `live`: documents, variables and key paths from any bytes.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use serde_json::Value as Json;
use untorn_live::layer::Env;
use untorn_live::{Config, ConfigError, Store, Value};

/// The prefix of variables that are keys.
const PREFIX: &str = "A_";

/// Runs one case: the first byte says what the others are.
///
/// # Panics
/// If the crate panics, a position is beyond its document, or a key does not survive a round trip.
pub(crate) fn run(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind {
        b'e' => environment(rest),
        b'k' => paths(rest),
        kind => {
            let name = match kind % 3 {
                0 => "fuzz.json",
                1 => "fuzz.yaml",
                _ => "fuzz.toml",
            };
            if let Ok(text) = str::from_utf8(rest) {
                document(name, text);
            }
        }
    }
}

fn document(name: &str, text: &str) {
    // A document may end after its last newline.
    let lines = text
        .matches(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
        .count() as u32
        + 1;
    let store = match Store::builder().text(name, text).start() {
        Ok(store) => store,
        Err(error) => return check_error(&error, name, lines),
    };
    let config = store.pin();
    for key in config.keys() {
        let explanation = config.explain(key).expect("it is there");
        let place = explanation.winner.place;
        assert_eq!(&*place.layer, name);
        let line = place.line.expect("a document has lines");
        assert!(
            (1..=lines).contains(&line),
            "{key} is at line {line} of {lines}"
        );
    }
    let tree = round_trip(&config);
    // JSON is what its own parser reads.
    if name.ends_with("json") {
        let parsed: Json = serde_json::from_str(text).expect("it was parsed");
        assert_eq!(with_one_zero(tree), with_one_zero(parsed));
    }
    // A second time nothing differs.
    let manual = Store::builder()
        .manual()
        .allow_empty()
        .start()
        .expect("no thread");
    let revisions = [(); 2].map(|()| manual.publish_text(name, text).expect("it was parsed"));
    assert_eq!(revisions[0], revisions[1]);
    assert_eq!(manual.pin().len(), config.len());
}

/// Returns a tree whose zeros are integers. `-0` is the integer 0 of a configuration, and a float
/// of the parser.
fn with_one_zero(tree: Json) -> Json {
    match tree {
        Json::Number(number) if number.as_f64() == Some(0.0) => Json::from(0),
        Json::Array(elements) => elements.into_iter().map(with_one_zero).collect(),
        Json::Object(members) => {
            let members = members.into_iter();
            Json::Object(
                members
                    .map(|(name, part)| (name, with_one_zero(part)))
                    .collect(),
            )
        }
        other => other,
    }
}

fn check_error(error: &ConfigError, name: &str, lines: u32) {
    let place = error.place().expect("an error of a document has a place");
    assert_eq!(&*place.layer, name);
    if let Some(line) = place.line {
        assert!((1..=lines + 1).contains(&line), "{error}: of {lines} lines");
    }
    assert!(!error.message().is_empty());
    assert!(
        !error.message().contains('\n') || error.key().is_some(),
        "{error}"
    );
}

/// Reads all keys as a tree, publishes the tree, and compares the keys. Returns the tree.
fn round_trip(config: &Config) -> Json {
    let tree: Json = config.section("").expect("a tree");
    let copy = Store::builder()
        .manual()
        .allow_empty()
        .start()
        .expect("no thread");
    copy.publish(&tree).expect("the tree has good keys");
    let copy = copy.pin();
    let of = |config: &Config| -> BTreeMap<String, Value> {
        let keys = config.iter();
        keys.map(|(key, value)| (key.into(), comparable(value)))
            .collect()
    };
    assert_eq!(of(config), of(&copy));
    for key in config.keys() {
        // One key as a section is its value.
        let section: Json = config.section(key).expect("it is there");
        assert_eq!(
            section,
            config.get_as::<Json>(key).expect("it is there"),
            "{key}"
        );
    }
    _ = format!("{config:?}");
    tree
}

/// Returns a value as JSON can have it: no NaN, and texts are strings.
fn comparable(value: &Value) -> Value {
    match value {
        Value::Float(float) if !float.is_finite() => Value::Null,
        Value::Text(text) => Value::String(text.clone()),
        Value::Array(elements) => Value::Array(elements.iter().map(comparable).collect()),
        Value::Table(entries) => {
            let entries = entries.iter();
            let mut entries: Vec<_> = entries
                .map(|(key, value)| (key.clone(), comparable(value)))
                .collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            Value::Table(entries.into())
        }
        value => value.clone(),
    }
}

/// Variables, one a line, as `NAME=VALUE`; the prefix is added to each name.
fn environment(bytes: &[u8]) {
    let lines = bytes.split(|&byte| byte == b'\n');
    let pairs = lines.filter_map(|line| {
        let at = line.iter().position(|&byte| byte == b'=')?;
        let name = [PREFIX.as_bytes(), &line[..at]].concat();
        let value = line[at + 1..].to_vec();
        Some((OsString::from_vec(name), OsString::from_vec(value)))
    });
    let pairs: Vec<_> = pairs.collect();
    let env = Env::prefix(PREFIX).from_pairs(pairs);
    match Store::builder().layer(env).start() {
        Ok(store) => _ = round_trip(&store.pin()),
        Err(error) => assert_eq!(&*error.place().expect("a layer").layer, "env:A_"),
    }
}

/// Paths that a program asks for, one a line.
fn paths(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let builder = Store::builder().text("app.json", r#"{"a": {"b.c": 1, "d": [2]}, "e": {}}"#);
    let builder = text
        .lines()
        .fold(builder, untorn_live::StoreBuilder::secret);
    let store = builder.start().expect("good");
    let config = store.pin();
    for path in text.lines() {
        let is_there = config.contains_key(path);
        assert_eq!(config.get(path).is_some(), is_there);
        assert_eq!(config.explain(path).is_some(), is_there);
        assert!(config.get_as::<Json>(path).is_ok() || !is_there);
        _ = config.section::<Json>(path);
        if let Ok(live) = store.typed::<Option<Json>>(path) {
            _ = live.load();
        }
        _ = store.subscribe_section(path).try_recv();
        _ = store.subscribe_key(path).try_recv();
    }
    _ = format!("{config:?} {}", store.status());
}
