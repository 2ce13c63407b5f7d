//! Contents that a type or a check refuses.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer};
use untorn_live::{ConfigError, ErrorKind};

use super::{Wrong, refuses, text};

/// Returns the second generation with more lines, of which the first has this number.
fn with(more: &str) -> (String, u32) {
    let text = text("toml", 2);
    let line = text.lines().count() as u32 + 1;
    (text + more, line)
}

#[derive(Deserialize)]
struct Http {
    #[expect(dead_code, reason = "read by serde only")]
    port: u16,
}

/// The section is missing at first.
type Section = Option<Http>;

#[test]
fn value_of_the_wrong_type_has_its_line() {
    for (value, message) in [
        (
            "\"eighty\"",
            "invalid type: string \"eighty\", expected u16",
        ),
        ("65536", "invalid value: integer `65536`, expected u16"),
        ("[80]", "expected u16"),
    ] {
        let (text, line) = with(&format!("[http]\nport = {value}"));
        let wrong = Wrong::new("toml", text, ErrorKind::Type).at(line + 1);
        let wrong = wrong.key("http.port").message(message);
        refuses(&wrong, |builder| builder.require::<Section>("http"));
    }
}

#[test]
fn missing_field_has_its_section() {
    let (text, line) = with("[http]\nprot = 80");
    let wrong = Wrong::new("toml", text, ErrorKind::Type).key("http");
    let wrong = wrong
        .at(line + 1)
        .message("missing field `port`, perhaps misspelled as `http.prot`");
    refuses(&wrong, |builder| builder.require::<Section>("http"));
}

#[test]
fn unknown_key_has_its_line() {
    #[derive(Deserialize)]
    struct End {
        #[expect(dead_code, reason = "read by serde only")]
        checksum: i64,
    }
    let (text, line) = with("cheksum = 3");
    let wrong = Wrong::new("toml", text, ErrorKind::UnknownKey).at(line);
    let wrong = wrong
        .key("end.cheksum")
        .message("did you mean `end.checksum`?");
    refuses(&wrong, |builder| {
        // A map reads all keys.
        let builder = builder.require::<BTreeMap<String, i64>>("data");
        builder.require::<End>("end").deny_unknown()
    });
}

#[test]
fn failing_check_has_its_key_and_line() {
    let (text, line) = with("limit = 0");
    let wrong = Wrong::new("toml", text, ErrorKind::Check)
        .at(line)
        .key("end.limit");
    refuses(&wrong.message("must be positive"), |builder| {
        builder.check(
            |new, _| match new.get("end.limit").and_then(|limit| limit.as_integer()) {
                Some(..=0) => {
                    let error = ConfigError::new(ErrorKind::Check, "must be positive");
                    Err(error.at_key("end.limit"))
                }
                _ => Ok(()),
            },
        )
    });
}

#[test]
fn check_compares_with_what_is_in_force() {
    let (text, _) = with("limit = 0");
    let wrong = Wrong::new("toml", text, ErrorKind::Check).message("no limit after generation 1");
    refuses(&wrong, |builder| {
        builder.check(|new, old| match old.get_as("data.k0") {
            Ok(1) if new.contains_key("end.limit") => Err("no limit after generation 1"),
            _ => Ok(()),
        })
    });
}

#[test]
fn panicking_check_refuses() {
    let (text, _) = with("limit = 0");
    let wrong = Wrong::new("toml", text, ErrorKind::Panic).message("the check itself is wrong");
    refuses(&wrong, |builder| {
        builder.check(|new, _| {
            assert!(!new.contains_key("end.limit"), "the check itself is wrong");
            Ok::<_, ConfigError>(())
        })
    });
}

struct Fragile;

impl<'de> Deserialize<'de> for Fragile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limit = Option::<i64>::deserialize(deserializer)?;
        assert!(limit != Some(0), "no zero here");
        Ok(Self)
    }
}

#[test]
fn panicking_type_refuses() {
    #[derive(Deserialize)]
    struct End {
        #[expect(dead_code, reason = "read by serde only")]
        limit: Option<Fragile>,
    }
    let (text, _) = with("limit = 0");
    let wrong = Wrong::new("toml", text, ErrorKind::Panic).message("no zero here");
    refuses(&wrong, |builder| builder.require::<End>("end"));
}

#[derive(Deserialize)]
struct Limits {
    low: u32,
    high: u32,
}

/// A check gets the value of a section, which is also the one that is published.
#[test]
fn check_of_a_section_has_its_value_and_place() {
    let (text, line) = with("[limits]\nlow = 9\nhigh = 5");
    let in_order = |limits: &Option<Limits>| match limits {
        Some(limits) if limits.low >= limits.high => Err("low must be below high"),
        _ => Ok(()),
    };
    let wrong = Wrong::new("toml", text, ErrorKind::Check).key("limits");
    let wrong = wrong.at(line + 1).message("low must be below high");
    refuses(&wrong, |builder| builder.check_section("limits", in_order));

    // A key of its own has its own place.
    let at_high = |limits: &Option<Limits>| match limits {
        Some(_) => Err(ConfigError::new(ErrorKind::Check, "too low").at_key("limits.high")),
        None => Ok(()),
    };
    let (text, line) = with("[limits]\nlow = 9\nhigh = 5");
    let wrong = Wrong::new("toml", text, ErrorKind::Check).key("limits.high");
    let wrong = wrong.at(line + 2).message("too low");
    refuses(&wrong, |builder| builder.check_section("limits", at_high));

    // The type is required too.
    let (text, line) = with("[limits]\nlow = 9\nhigh = \"x\"");
    let wrong = Wrong::new("toml", text, ErrorKind::Type).key("limits.high");
    let wrong = wrong.at(line + 2).message("expected u32");
    refuses(&wrong, |builder| builder.check_section("limits", in_order));
}
