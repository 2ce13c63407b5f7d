//! Documents that cannot be parsed.

use untorn_live::ErrorKind::{DuplicateKey, Syntax};

use super::{Wrong, refuses};

#[test]
fn syntax_error_has_its_line() {
    for (extension, text, line) in [
        ("toml", "a = 1\nb = \n", 2),
        ("toml", "a = 1\n[b\nc = 1", 2),
        ("json", "{\"a\": 1,\n\"b\": \n}", 3),
        ("json", "{\"a\": 1", 1),
        ("json", "", 1),
        ("yaml", "a: 1\nb: [1\n", 2),
        ("yaml", "a: 1\nb: @x\n", 2),
    ] {
        refuses(&Wrong::new(extension, text, Syntax).at(line), |builder| {
            builder
        });
    }
}

#[test]
fn other_roots_than_tables_are_refused() {
    for (extension, text) in [
        ("json", "[1]"),
        ("json", "null"),
        ("yaml", "- 1\n"),
        ("yaml", "x\n"),
    ] {
        let wrong = Wrong::new(extension, text, Syntax).at(1);
        refuses(&wrong.message("not a table"), |builder| builder);
    }
}

#[test]
fn repeated_key_has_both_lines() {
    for (extension, text) in [
        ("toml", "[t]\nx = 1\ny = 2\nx = 3"),
        ("json", "{\"t\":\n{\"x\": 1,\n\"y\": 2,\n\"x\": 3}}"),
        ("yaml", "t:\n  x: 1\n  y: 2\n  x: 3\n"),
    ] {
        let wrong = Wrong::new(extension, text, DuplicateKey).at(4).key("t.x");
        refuses(&wrong.message("first at line 2"), |builder| builder);
    }
}

/// A document that is hostile to the search for a name that it does not have.
#[test]
fn repeated_key_among_long_words_is_refused() {
    for (first, rest) in [("key", "-"), ("", "0")] {
        let text = format!("a = 1\na = 2\n# {first}{}", rest.repeat(1 << 20));
        let wrong = Wrong::new("toml", &*text, DuplicateKey).at(2).key("a");
        refuses(&wrong.message("first at line 1"), |builder| builder);
    }
}

#[test]
fn integer_beyond_64_bits_is_refused() {
    let big = "99999999999999999999";
    for (extension, text) in [
        ("toml", format!("a = 1\nb = {big}")),
        ("json", format!("{{\"a\": 1,\n\"b\": {big}}}")),
        ("yaml", format!("a: 1\nb: {big}\n")),
    ] {
        let wrong = Wrong::new(extension, text, Syntax).at(2).key("b");
        refuses(&wrong.message("beyond 64 bits"), |builder| builder);
    }
}

/// A parser that recurses for each bracket would overflow the stack.
#[test]
fn nesting_without_end_is_refused() {
    let deep = 1_000_000;
    let brackets = |open: &str, close: &str| [open.repeat(deep), close.repeat(deep)].concat();
    for (extension, text) in [
        ("toml", format!("a = {}", brackets("[", "]"))),
        ("toml", format!("{}a = 1", "a.".repeat(deep))),
        ("toml", format!("[{}a]", "a.".repeat(deep))),
        ("json", format!("{{\"a\": {}}}", brackets("[", "]"))),
        ("json", "{\"a\":".repeat(deep)),
        ("yaml", format!("a: {}", brackets("[", "]"))),
        ("yaml", format!("a: {}", "- ".repeat(deep))),
    ] {
        refuses(&Wrong::new(extension, text, Syntax).at(1), |builder| {
            builder
        });
    }
}

#[test]
fn yaml_bomb_is_refused() {
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    let victim = super::Victim::start("yaml", |builder| builder);
    crate::support::place(&victim.path, bomb);
    let error = victim
        .store
        .refresh(crate::support::LONG)
        .expect_err("a bomb");
    assert_eq!(error.kind(), Syntax, "{error}");
    assert!(
        error.place().and_then(|place| place.line).is_some(),
        "{error}"
    );
    victim.recovers();
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    for extension in ["toml", "json", "yaml"] {
        let wrong = Wrong::new(extension, b"# \n\n\xff".to_vec(), Syntax).at(3);
        refuses(&wrong.message("not UTF-8"), |builder| builder);
    }
}
