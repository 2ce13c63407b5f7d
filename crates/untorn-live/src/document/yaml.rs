//! YAML.

mod numbers;

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Options, Spanned};
use untorn::mutants::mutant;

use super::{Content, MAX_DEPTH, Node, duplicate, too_deep};
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::value::Value;

pub(super) fn parse(text: &str, place: &Place) -> Result<Node, ConfigError> {
    let parsed = serde_saphyr::from_str_with_options(text, options());
    let parsed: Spanned<Part> = parsed.map_err(|error| {
        let line = error
            .location()
            .map_or(0, |location| location.line() as u32);
        ConfigError::new(ErrorKind::Syntax, one_line(&error.to_string()))
            .at(place.clone().with_line(line))
    })?;
    numbers::check(&parsed.value, text, place)?;
    let line = line_of(&parsed);
    match parsed.value {
        // A document of comments only.
        Part::Value(Value::Null) => Ok(Node {
            line,
            content: Content::Table(Vec::new()),
        }),
        part => node(part, line, "", place, 0),
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        // They are detected here, where both lines are known.
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
    }
}

/// A part of a document. Its position is that of its name: to ask for its own would double the
/// stack that a level of nesting takes.
enum Part {
    Value(Value),
    Array(Vec<Part>),
    Table(Vec<Member>),
}

/// A name of a table, and what it has.
type Member = (Spanned<String>, Part);

fn line_of<T>(spanned: &Spanned<T>) -> u32 {
    spanned.referenced.line() as u32
}

fn node(
    part: Part,
    line: u32,
    path: &str,
    place: &Place,
    depth: usize,
) -> Result<Node, ConfigError> {
    let content = match part {
        Part::Table(members) => {
            if depth > MAX_DEPTH {
                return Err(too_deep(place, line));
            }
            check_names(&members, path, place)?;
            let members = members.into_iter().map(|(name, member)| {
                let line = line_of(&name);
                let path = key::joined(path, &name.value);
                let member = node(member, line, &path, place, depth + 1)?;
                Ok((name.value, member))
            });
            Content::Table(members.collect::<Result<_, ConfigError>>()?)
        }
        part => Content::Value(value(part, line, path, place, depth)?),
    };
    Ok(Node { line, content })
}

/// Returns the error for a name that occurs twice in a table.
fn check_names(members: &[Member], path: &str, place: &Place) -> Result<(), ConfigError> {
    let mut lines = HashMap::with_capacity(members.len());
    for (name, _) in members {
        let line = line_of(name);
        if let Some(first) = lines.insert(&*name.value, line)
            && !mutant("live_repeated_name_is_missed")
        {
            return Err(duplicate(
                &key::joined(path, &name.value),
                first,
                line,
                place,
            ));
        }
    }
    Ok(())
}

/// Returns the value of a scalar or an array, or of a table inside an array.
fn value(
    part: Part,
    line: u32,
    path: &str,
    place: &Place,
    depth: usize,
) -> Result<Value, ConfigError> {
    if depth > MAX_DEPTH {
        return Err(too_deep(place, line));
    }
    Ok(match part {
        Part::Value(value) => value,
        Part::Array(elements) => {
            let elements = elements.into_iter();
            let elements = elements.map(|part| value(part, line, path, place, depth + 1));
            Value::Array(elements.collect::<Result<_, _>>()?)
        }
        Part::Table(members) => {
            check_names(&members, path, place)?;
            let members = members.into_iter().map(|(name, member)| {
                let line = line_of(&name);
                let path = key::joined(path, &name.value);
                let member = value(member, line, &path, place, depth + 1)?;
                Ok((name.value.into(), member))
            });
            Value::Table(members.collect::<Result<_, ConfigError>>()?)
        }
    })
}

/// Returns the first line of a message, without its position: the others draw the place.
fn one_line(message: &str) -> String {
    let line = message.lines().find(|line| !line.trim().is_empty());
    let line = line.unwrap_or("not YAML").trim_start_matches("error: ");
    // The rest is advice for callers of the parser.
    let (line, _) = line.split_once("; use ").unwrap_or((line, ""));
    let is_position = |position: &str| {
        let mut words = position.split(' ');
        words.next() == Some("line") && words.nth(1) == Some("column")
    };
    let message = match line.split_once(": ") {
        Some((position, message)) if is_position(position) => message,
        _ => line,
    };
    match message {
        "cannot deserialize null into string" => "a key is null; quote it",
        "multiple YAML documents detected" => "there are several documents; write one",
        message => message,
    }
    .into()
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a scalar, a sequence or a mapping")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Part, E> {
        Ok(Part::Value(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Part, E> {
        Ok(Part::Value(Value::Integer(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Part, E> {
        Ok(Part::Value(Value::of_u64(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Part, E> {
        Ok(Part::Value(Value::Float(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Part, E> {
        Ok(Part::Value(Value::from(text)))
    }

    fn visit_unit<E>(self) -> Result<Part, E> {
        Ok(Part::Value(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Part, E> {
        Ok(Part::Value(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Part, D::Error> {
        Part::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Part, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Part::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Part, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Part::Table(members))
    }
}

#[cfg(test)]
mod tests {
    use crate::document::Format;

    fn error(text: &str) -> String {
        Format::Yaml.error_of(text)
    }

    #[test]
    fn keys_have_their_lines() {
        let text = "a: 1\nt:\n  b.c: x\n  e: {}\n  none:\nn:\n  - 0.5\n  - k: true\n";
        let expected = [
            ("a", "1", 1),
            ("t.\"b.c\"", "\"x\"", 3),
            ("t.e", "{}", 4),
            ("t.none", "null", 5),
            ("n", r#"[0.5,{"k":true}]"#, 6),
        ]
        .map(|(key, value, line)| (key.into(), value.into(), line));
        assert_eq!(Format::Yaml.entries_of(text), expected);
    }

    /// Not for callers of the parser.
    #[test]
    fn advice_is_for_the_author_of_the_document() {
        for (text, message) in [
            (
                "a: 1\n---\nb: 2",
                "app:3: there are several documents; write one",
            ),
            ("a: 1\n~: 2", "app:2: a key is null; quote it"),
        ] {
            assert_eq!(error(text), message);
        }
    }

    #[test]
    fn bombs_and_mistakes_are_errors_with_a_line() {
        for (text, key) in [
            ("a: 1\nb: 2\na: 3\n", "a"),
            ("t: {a: 1,\n\n  a: 3}\n", "t.a"),
            ("t: [{a: 1,\n\n  a: 3}]\n", "t.a"),
        ] {
            let expected =
                format!("app:3: {key}: the key occurs twice, first at line 1; remove one");
            assert_eq!(error(text), expected);
        }
        assert!(error("a: [1\nb: 2").starts_with("app:"));
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for level in 1..12 {
            let before = level - 1;
            let aliases = vec![format!("*a{before}"); 9].join(",");
            bomb.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(error(&bomb).starts_with("app"), "{}", error(&bomb));
        let deep = "[".repeat(1_000_000);
        assert!(error(&deep).starts_with("app"));
    }
}
