//! The environment: names that are no key of the program, and keys that a name cannot have.

use serde::Deserialize;
use untorn_live::layer::Env;
use untorn_live::{ConfigError, ErrorKind, Store, StoreBuilder};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Http {
    port: u16,
    max_conn: u32,
}

fn builder(env: Env) -> StoreBuilder {
    let defaults = "[http]\nport = 80\nmax-conn = 5";
    Store::builder().text("defaults.toml", defaults).layer(env)
}

fn refused(env: Env) -> ConfigError {
    let error = builder(env).start().expect_err("it is wrong");
    assert_eq!(error.kind(), ErrorKind::Syntax, "{error}");
    error
}

#[test]
fn prefix_without_its_underscore_is_refused() {
    // Also if no variable has it.
    for pairs in [vec![], vec![("APPLE", "1")]] {
        let error = refused(Env::prefix("APP").from_pairs(pairs));
        assert_eq!(
            error.to_string(),
            "env:APP: the prefix `APP` does not end in `_`, so it would take variables of others; \
             write `APP_`"
        );
    }
    let all = Env::prefix("").from_pairs([("PORT", "1")]);
    let store = builder(all).start().expect("no prefix is needed");
    assert_eq!(store.pin().get_as("port"), Ok(1));
}

#[test]
fn unknown_variable_is_listed_and_refused() {
    let env = || Env::prefix("APP_").from_pairs([("APP_HTTP__PROT", "1")]);
    let expected =
        "APP_HTTP__PROT: http.prot: no section reads this key; did you mean `http.port`?";
    let store = builder(env()).require::<Http>("http").start();
    let unknown = store.expect("it is listed only").status().unknown_keys;
    let shown: Vec<_> = unknown.iter().map(ToString::to_string).collect();
    assert_eq!(shown, [expected]);
    let builder = builder(env()).require::<Http>("http").deny_unknown();
    let error = builder.start().expect_err("it is refused");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn variable_with_a_name_of_its_own_sets_any_key() {
    let env = Env::prefix("APP_")
        .variable("APP_HTTP_MAX_CONN", "http.max-conn")
        .variable("PORT", "http.port")
        .variable("UNSET", "http.unset")
        .from_pairs([("APP_HTTP_MAX_CONN", "7"), ("PORT", "81"), ("OTHER", "1")]);
    let store = builder(env).require::<Http>("http").start().expect("good");
    let http = store.typed::<Http>("http").expect("required");
    assert_eq!((http.load().port, http.load().max_conn), (81, 7));
    // It is no key by the rules of the prefix too.
    assert_eq!(store.pin().len(), 2);
    assert!(store.status().unknown_keys.is_empty());
    let explained = store.pin().explain("http.max-conn").expect("a key");
    assert_eq!(
        explained.to_string(),
        "http.max-conn = \"7\" from APP_HTTP_MAX_CONN\n  overrides 5 from defaults.toml:3"
    );
}

#[test]
fn named_variables_are_checked() {
    let error = refused(Env::prefix("APP_").variable("PORT", "http..port"));
    assert_eq!(
        error.to_string(),
        "PORT: the variable is named for `http..port`, which is no key: write a dotted path, and \
         quote a segment that has a dot"
    );
    let twice = Env::prefix("APP_")
        .variable("PORT", "a")
        .variable("PORT", "b");
    assert_eq!(
        refused(twice).to_string(),
        "PORT: the variable is named for two keys, `a` and `b`; remove one"
    );
    let pairs = [("PORT", "1"), ("APP_HTTP__PORT", "2")];
    let twice = Env::prefix("APP_").variable("PORT", "http.port");
    let error = builder(twice.from_pairs(pairs)).start();
    assert_eq!(
        error.expect_err("a key twice").to_string(),
        "APP_HTTP__PORT: http.port: the variables APP_HTTP__PORT and PORT are the same key; unset one"
    );
}

/// A text that is JSON is read by the rules of a document.
#[test]
fn json_of_a_variable_is_as_strict_as_a_document() {
    let error = |json: &str| {
        let store = builder(Env::prefix("APP_").from_pairs([("APP_LIST", json)]));
        let store = store.start().expect("a text");
        let error = store.pin().get_as::<serde_json::Value>("list");
        assert_eq!(error, Ok(json.into()), "no type asks for more than a text");
        let error = store.pin().get_as::<Vec<serde_json::Value>>("list");
        error.expect_err("it is wrong").to_string()
    };
    for (json, expected) in [
        (
            r#"[{"a": 1, "a": 2}]"#,
            "APP_LIST: list: list.a: the key occurs twice, first at line 1; remove one",
        ),
        (
            "[18446744073709551616]",
            "APP_LIST: list: the integer is beyond 64 bits; write it as a string",
        ),
        ("[1e999]", "APP_LIST: list: number out of range"),
    ] {
        assert_eq!(error(json), expected);
    }
}

#[test]
fn float_out_of_range_is_no_infinity() {
    let read = |text: &str| {
        let store = builder(Env::prefix("APP_").from_pairs([("APP_RATE", text)]));
        let config = store.start().expect("a text").snapshot();
        let value = config.get("rate").and_then(untorn_live::Value::as_float);
        assert_eq!(config.get_as::<f64>("rate").ok(), value, "{text}");
        (value, config.get_as::<f32>("rate").ok())
    };
    assert_eq!(read("1e999"), (None, None));
    assert_eq!(read("-1e99"), (Some(-1e99), None));
    assert_eq!(
        read("-Infinity"),
        (Some(f64::NEG_INFINITY), Some(f32::NEG_INFINITY))
    );
    assert_eq!(read("0.5"), (Some(0.5), Some(0.5)));
}

#[cfg(unix)]
#[test]
fn names_that_are_not_unicode_are_refused() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt;

    let name = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let pairs = |bytes: &[u8]| Env::prefix("APP_").from_pairs([(name(bytes), "1")]);
    let error = refused(pairs(b"APP_\xff"));
    assert!(
        error
            .to_string()
            .ends_with("the name of the variable is not UTF-8"),
        "{error}"
    );
    builder(pairs(b"OTHER_\xff"))
        .start()
        .expect("another program's");
}
