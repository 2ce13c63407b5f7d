//! JSON. The parser reports no positions of values, but it lends the text of each: the position is
//! that of the borrowed text in the document.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use untorn::mutants::mutant;

use super::{BEYOND, Content, Lines, MAX_DEPTH, Node, duplicate, too_deep};
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::value::Value;

/// Parses a document.
pub(super) fn parse(text: &str, place: &Place) -> Result<Node, ConfigError> {
    let (parser, root) = parser(text, place)?;
    parser.node(root, "")
}

/// Checks that a text is JSON whose nesting is bounded.
fn parser<'p>(text: &'p str, place: &'p Place) -> Result<(Parser<'p>, &'p RawValue), ConfigError> {
    let syntax = |error: serde_json::Error| {
        let place = place
            .clone()
            .with_line(u32::try_from(error.line()).unwrap_or(u32::MAX));
        ConfigError::new(ErrorKind::Syntax, without_position(&error)).at(place)
    };
    let root: &RawValue = serde_json::from_str(text).map_err(syntax)?;
    let parser = Parser {
        text,
        place,
        lines: Lines::new(text),
    };
    // Before any recursion.
    if let Some(offset) = too_deep_at(text) {
        return Err(too_deep(place, parser.lines.line_at(offset)));
    }
    Ok((parser, root))
}

/// Parses a value, which may be no object. The path is that of its key.
pub(crate) fn parse_value(text: &str, path: &str, place: &Place) -> Result<Value, ConfigError> {
    let (parser, root) = parser(text, place)?;
    parser.value(root, parser.line_of(root), path)
}

/// Returns the offset of the first bracket of valid JSON that is beyond [`MAX_DEPTH`].
fn too_deep_at(text: &str) -> Option<usize> {
    let (mut depth, mut is_string, mut is_escaped) = (0, false, false);
    text.bytes().position(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_string = !is_string,
            b'{' | b'[' if !is_string => depth += 1,
            b'}' | b']' if !is_string => depth -= 1,
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

struct Parser<'p> {
    text: &'p str,
    place: &'p Place,
    lines: Lines,
}

impl<'p> Parser<'p> {
    fn node(&self, raw: &'p RawValue, path: &str) -> Result<Node, ConfigError> {
        let line = self.line_of(raw);
        if !raw.get().starts_with('{') {
            return Ok(Node {
                line,
                content: Content::Value(self.value(raw, line, path)?),
            });
        }
        let mut table = Vec::new();
        for (name, raw) in self.members(raw, path)? {
            let path = key::joined(path, &name);
            table.push((name.into_owned(), self.node(raw, &path)?));
        }
        Ok(Node {
            line,
            content: Content::Table(table),
        })
    }

    /// Returns the members of an object, in which no key occurs twice.
    fn members(
        &self,
        raw: &'p RawValue,
        path: &str,
    ) -> Result<Vec<(Cow<'p, str>, &'p RawValue)>, ConfigError> {
        let Members(members) = self.part(raw, path)?;
        let mut by_name: Vec<_> = members.iter().map(|(name, raw)| (&**name, *raw)).collect();
        by_name.sort_by_key(|(name, _)| *name);
        for pair in by_name.windows(2) {
            let [(first_name, first), (name, second)] = pair else {
                continue;
            };
            if first_name == name && !mutant("live_repeated_name_is_missed") {
                let (first, second) = (self.line_of(first), self.line_of(second));
                return Err(duplicate(
                    &key::joined(path, name),
                    first,
                    second,
                    self.place,
                ));
            }
        }
        Ok(members)
    }

    fn value(&self, raw: &'p RawValue, line: u32, path: &str) -> Result<Value, ConfigError> {
        match raw.get().as_bytes().first() {
            Some(b'{') => {
                let members = self.members(raw, path)?.into_iter();
                let members = members.map(|(name, raw)| {
                    let path = key::joined(path, &name);
                    let value = self.value(raw, self.line_of(raw), &path)?;
                    Ok((name.into(), value))
                });
                Ok(Value::Table(members.collect::<Result<_, ConfigError>>()?))
            }
            Some(b'[') => {
                let Elements(elements) = self.part(raw, path)?;
                let elements = elements.into_iter();
                let elements = elements.map(|raw| self.value(raw, self.line_of(raw), path));
                Ok(Value::Array(elements.collect::<Result<_, _>>()?))
            }
            _ => self.scalar(raw, line, path),
        }
    }

    fn scalar(&self, raw: &'p RawValue, line: u32, path: &str) -> Result<Value, ConfigError> {
        Ok(match self.part(raw, path)? {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::String(text) => Value::String(text.into()),
            // The parser reads an integer beyond 64 bits as a float.
            serde_json::Value::Number(number)
                if number.is_f64() && raw.get().contains(['.', 'e', 'E']) =>
            {
                Value::Float(number.as_f64().unwrap_or_default())
            }
            // The parser reads it as a float, and only a float has such a zero.
            serde_json::Value::Number(_) if raw.get() == "-0" => Value::Integer(0),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(integer), _) => Value::Integer(integer),
                (None, Some(integer)) => Value::of_u64(integer),
                (None, None) => {
                    let place = self.place.clone().with_line(line);
                    return Err(ConfigError::new(ErrorKind::Syntax, BEYOND)
                        .at(place)
                        .at_key(path));
                }
            },
            serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
                unreachable!("the text of a scalar does not begin with a bracket")
            }
        })
    }

    /// Parses a part of the document, which is known to be valid JSON but for what `T` asks.
    fn part<T: Deserialize<'p>>(&self, raw: &'p RawValue, path: &str) -> Result<T, ConfigError> {
        serde_json::from_str(raw.get()).map_err(|error| {
            let line = self
                .line_of(raw)
                .saturating_add(error.line() as u32)
                .saturating_sub(1);
            let error = ConfigError::new(ErrorKind::Syntax, without_position(&error))
                .at(self.place.clone().with_line(line));
            match path.is_empty() {
                true => error,
                false => error.at_key(path),
            }
        })
    }

    fn line_of(&self, raw: &RawValue) -> u32 {
        let offset = raw
            .get()
            .as_ptr()
            .addr()
            .wrapping_sub(self.text.as_ptr().addr());
        self.lines.line_at(offset)
    }
}

/// Returns the message of an error without its position, which the place has.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).into()
}

/// The members of an object, repeated ones included.
struct Members<'de>(Vec<(Cow<'de, str>, &'de RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    members.push((Cow::Owned(name), map.next_value()?));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The elements of an array.
struct Elements<'de>(Vec<&'de RawValue>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ElementsVisitor;

        impl<'de> Visitor<'de> for ElementsVisitor {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Elements<'de>, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(ElementsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use crate::document::Format;

    fn error(text: &str) -> String {
        Format::Json.error_of(text)
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(
            error("{\n\"a\": {\n\"b\": 1,\n\"b\": 2}}"),
            "app:4: a.b: the key occurs twice, first at line 3; remove one"
        );
        assert!(error("{\n\"a\": \n}").starts_with("app:3: expected value"));
        for big in [
            "18446744073709551616",
            "-9223372036854775809",
            "100000000000000000000",
        ] {
            assert_eq!(
                error(&format!("{{\"big\":\n{big}}}")),
                "app:2: big: the integer is beyond 64 bits; write it as a string"
            );
        }
        assert!(error("[1]").contains("not a table"));
        assert_eq!(
            error("{\n\"a\": {\"b\": [1,\n1e999]}}"),
            "app:3: a.b: number out of range"
        );
    }

    #[test]
    fn integers_have_64_bits() {
        for (text, value) in [
            ("-0", "0"),
            ("-0.0", "-0.0"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "9223372036854775808"),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            let entries = Format::Json.entries_of(&format!("{{\"k\": {text}}}"));
            assert_eq!(entries, [("k".into(), value.into(), 1)]);
        }
    }

    #[test]
    fn keys_have_their_lines() {
        let text = "{\"a\": 1,\n\"t\": {\"b.c\":\n\"x\\n\", \"e\": {}}, \"n\": [null, 0.5, {\"k\": true}]}";
        let expected = [
            ("a", "1", 1),
            ("t.\"b.c\"", r#""x\n""#, 3),
            ("t.e", "{}", 3),
            ("n", r#"[null,0.5,{"k":true}]"#, 3),
        ]
        .map(|(key, value, line)| (key.into(), value.into(), line));
        assert_eq!(Format::Json.entries_of(text), expected);
    }

    #[test]
    fn deep_nesting_is_an_error() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!(
                "{{\"a\":{}1{}}}",
                open.repeat(1_000_000),
                close.repeat(1_000_000)
            );
            assert_eq!(error(&deep), "app:1: nested more than 40 levels deep");
        }
    }
}
