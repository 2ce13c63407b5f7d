//! Mistakes of a caller: a section asked as a key, a misspelled key. The errors name the next step.

use serde::Deserialize;
use untorn_live::layer::Env;
use untorn_live::{ConfigError, ErrorKind, Store};

#[derive(Debug, Deserialize)]
struct Http {
    #[expect(dead_code, reason = "read by serde only")]
    port: u16,
    #[expect(dead_code, reason = "read by serde only")]
    tls: Option<Tls>,
}

#[derive(Debug, Deserialize)]
struct Tls {
    #[expect(dead_code, reason = "read by serde only")]
    certificate: String,
}

fn store(text: &str) -> Store {
    let builder = Store::builder().text("app.toml", text);
    builder.start().expect("it is a document")
}

#[track_caller]
fn assert_shown(error: &ConfigError, shown: &str) {
    assert_eq!(error.to_string(), shown);
    assert_eq!(error.kind(), ErrorKind::Type);
}

#[test]
fn section_asked_as_a_key_names_the_call() {
    let store = store("[http]\nport = 80\nhost = \"a\"\n[https]\nport = 443");
    let error = store.pin().get_as::<u16>("http").expect_err("a section");
    assert_shown(
        &error,
        "http: this is a section, not a key; call `Config::section` or `Store::typed`, or read \
         one of its keys, such as `http.host`",
    );
    assert_eq!(error.message(), "this is a section, not a key");
    assert!(store.pin().explain("http").is_none() && store.pin().get("http").is_none());
}

#[test]
fn misspelled_key_gets_a_suggestion() {
    let store = store("[http]\nport = 80\nhost = \"a\"");
    let error = store.pin().get_as::<u16>("http.prot").expect_err("none");
    assert_shown(
        &error,
        "http.prot: no layer has this key; did you mean `http.port`?",
    );
    let error = store.pin().get_as::<u16>("http.zzz").expect_err("none");
    assert_shown(&error, "http.zzz: no layer has this key");
}

/// A lookup that fails must not cost a scan of a large configuration.
#[test]
fn missing_key_of_many_is_not_compared() {
    let keys = (0..10_001).map(|number| format!("key{number} = 1\n"));
    let store = store(&keys.collect::<String>());
    let error = store.pin().get_as::<u16>("key").expect_err("none");
    assert_shown(&error, "key: no layer has this key");
}

#[test]
fn key_asked_as_a_section_names_the_call() {
    let store = store("[http]\nport = 80\ntls = 1");
    let error = store.typed::<Http>("http.port").expect_err("a key");
    assert_shown(
        &error,
        "app.toml:2: http.port: invalid type: integer `80`, expected struct Http; `http.port` is a \
         key: call `Config::get_as`, or name the section that has it",
    );
    // A mistake of the file, not of the caller.
    let error = store.typed::<Http>("http").expect_err("a wrong value");
    assert_shown(
        &error,
        "app.toml:3: http.tls: invalid type: integer `1`, expected struct Tls",
    );
    let error = store.typed::<u16>("http").expect_err("a section");
    assert_shown(&error, "app.toml:2: http: invalid type: map, expected u16");
    assert!(store.typed::<u16>("http.port").is_ok());
}

#[test]
fn misspelled_section_gets_a_suggestion() {
    let store = store("[http]\nport = 80");
    let error = store.typed::<Http>("htpp").expect_err("none");
    assert_shown(
        &error,
        "htpp: missing field `port`; no layer has this section; did you mean `http`?",
    );
    let error = store.typed::<Http>("zzz").expect_err("none");
    assert_shown(
        &error,
        "zzz: missing field `port`; no layer has this section",
    );
}

#[test]
fn missing_field_has_the_place_of_its_section() {
    let missing = |text: &str| {
        let builder = Store::builder().text("defaults.toml", "[http]\nlow = 1");
        let env = Env::prefix("APP_").from_pairs([("APP_HTTP__HIGH", "2")]);
        let builder = builder.text("app.toml", text).layer(env);
        let error = builder.require::<Http>("http").start();
        error.expect_err("a field is missing")
    };
    // The last layer that has lines, and the first of them.
    assert_shown(
        &missing("x = 1\n[http]\nhost = \"a\"\nb = 1"),
        "app.toml:3: http: missing field `port`",
    );
    assert_shown(
        &missing("x = 1"),
        "defaults.toml:2: http: missing field `port`",
    );
    assert_shown(
        &missing("[http]\nport = 1\n[http.tls]\nx = 1"),
        "app.toml:4: http.tls: missing field `certificate`",
    );
    // Not a key of a section below.
    assert_shown(
        &missing("[http]\nhost = \"a\"\n[http.more]\nport = 1"),
        "app.toml:2: http: missing field `port`",
    );
    // Another key is perhaps the one that is missing.
    assert_shown(
        &missing("[http]\nhost = \"a\"\nprot = 1"),
        "app.toml:3: http: missing field `port`, perhaps misspelled as `http.prot`",
    );
    let env = Env::prefix("APP_").from_pairs([("APP_HTTP__HOST", "a")]);
    let error = Store::builder()
        .layer(env)
        .require::<Http>("http")
        .start()
        .expect_err("a field is missing");
    assert_shown(&error, "env:APP_: http: missing field `port`");
}

/// A status page stays readable, and its cost is bounded, when most keys have no section.
#[test]
fn status_names_a_hundred_unknown_keys() {
    let keys = (0..250).map(|number| format!("key{number:03} = 1\n"));
    let text = keys.collect::<String>() + "[http]\nport = 80\nprot = 80";
    let builder = Store::builder().text("app.toml", &text);
    let store = builder.require::<Http>("http").start().expect("valid");
    let status = store.status();
    assert_eq!(
        (status.unknown_keys.len(), status.unknown_key_count),
        (100, 251)
    );
    let named = status.unknown_keys.iter().map(ConfigError::key);
    let [first, last] = ["http.prot", "key098"].map(Some);
    assert_eq!(
        (named.clone().next(), named.clone().next_back()),
        (Some(first), Some(last))
    );
    let shown = status.to_string();
    assert!(
        shown.ends_with("\n151 more keys that no section reads"),
        "{shown}"
    );
}

/// As the documentation of `deny_unknown` says.
#[test]
fn names_in_arrays_are_checked_by_their_type() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Strict {
        #[expect(dead_code, reason = "read by serde only")]
        port: u16,
    }
    #[derive(Debug, Deserialize)]
    struct Lenient {
        #[expect(dead_code, reason = "read by serde only")]
        port: u16,
    }

    let text = "[[servers]]\nport = 1\nprot = 2";
    let builder = || Store::builder().text("app.toml", text).deny_unknown();
    let lenient = builder().require::<Vec<Lenient>>("servers").start();
    assert!(lenient.expect("one key").status().unknown_keys.is_empty());
    let error = builder().require::<Vec<Strict>>("servers").start();
    let error = error.expect_err("an unknown field").to_string();
    assert!(
        error.starts_with("app.toml:1: servers: unknown field `prot`"),
        "{error}"
    );
}
