//! TOML.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::{BEYOND, Content, Lines, MAX_DEPTH, Node, duplicate, line_at, too_deep};
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::value::{Value, parse_float};

pub(super) fn parse(text: &str, place: &Place) -> Result<Node, ConfigError> {
    let (table, errors) = DeTable::parse_recoverable(text);
    if let Some(error) = errors.into_iter().next() {
        return Err(described(text, &error, place));
    }
    let parser = Parser {
        place,
        lines: Lines::new(text),
    };
    parser.table(table.into_inner(), 0, "", 0)
}

struct Parser<'p> {
    place: &'p Place,
    lines: Lines,
}

impl Parser<'_> {
    fn table(
        &self,
        table: DeTable<'_>,
        line: u32,
        path: &str,
        depth: usize,
    ) -> Result<Node, ConfigError> {
        if depth > MAX_DEPTH {
            return Err(too_deep(self.place, line));
        }
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let line = self.lines.line_at(key.span().start);
            let name = key.into_inner().into_owned();
            let path = key::joined(path, &name);
            entries.push((name, self.node(value, line, &path, depth + 1)?));
        }
        // The parser returns them in the order of their names.
        entries.sort_by_key(|(_, node)| node.line);
        Ok(Node {
            line,
            content: Content::Table(entries),
        })
    }

    fn node(
        &self,
        value: Spanned<DeValue<'_>>,
        line: u32,
        path: &str,
        depth: usize,
    ) -> Result<Node, ConfigError> {
        match value.into_inner() {
            DeValue::Table(table) => self.table(table, line, path, depth),
            value => Ok(Node {
                line,
                content: Content::Value(self.value(value, line, path, depth)?),
            }),
        }
    }

    fn value(
        &self,
        value: DeValue<'_>,
        line: u32,
        path: &str,
        depth: usize,
    ) -> Result<Value, ConfigError> {
        if depth > MAX_DEPTH {
            return Err(too_deep(self.place, line));
        }
        Ok(match value {
            DeValue::String(text) => Value::String(text.into()),
            DeValue::Integer(integer) => self.integer(&integer, line, path)?,
            DeValue::Float(float) => {
                let parsed = parse_float(float.as_str());
                Value::Float(parsed.ok_or_else(|| {
                    let message = "the float is out of range; write it as a string";
                    self.error(line, path, message)
                })?)
            }
            DeValue::Boolean(value) => Value::Bool(value),
            DeValue::Datetime(datetime) => Value::String(datetime.to_string().into()),
            DeValue::Array(array) => {
                let elements = array.into_iter().map(|element| {
                    let line = self.lines.line_at(element.span().start);
                    self.value(element.into_inner(), line, path, depth + 1)
                });
                Value::Array(elements.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => {
                let entries = table.into_iter().map(|(key, value)| {
                    let line = self.lines.line_at(key.span().start);
                    let path = key::joined(path, key.get_ref());
                    let value = self.value(value.into_inner(), line, &path, depth + 1)?;
                    Ok((key.into_inner().into(), value))
                });
                Value::Table(entries.collect::<Result<_, ConfigError>>()?)
            }
        })
    }

    fn integer(
        &self,
        integer: &DeInteger<'_>,
        line: u32,
        path: &str,
    ) -> Result<Value, ConfigError> {
        let (text, radix) = (integer.as_str(), integer.radix());
        match (
            i64::from_str_radix(text, radix),
            u64::from_str_radix(text, radix),
        ) {
            (Ok(integer), _) => Ok(Value::Integer(integer)),
            (_, Ok(integer)) => Ok(Value::of_u64(integer)),
            _ => Err(self.error(line, path, BEYOND)),
        }
    }

    fn error(&self, line: u32, path: &str, message: &str) -> ConfigError {
        ConfigError::new(ErrorKind::Syntax, message)
            .at(self.place.clone().with_line(line))
            .at_key(path)
    }
}

/// Returns an error of the parser with its line. For a key that occurs twice it names both lines.
fn described(text: &str, error: &toml::de::Error, place: &Place) -> ConfigError {
    let span = error.span().unwrap_or_default();
    let line = line_at(text, span.start);
    if error.message() == "duplicate key" {
        return match first_of(text, span) {
            Some((key, offset)) => {
                let first = line_at(text, offset);
                duplicate(&key, if first > line { 0 } else { first }, line, place)
            }
            None => ConfigError::new(ErrorKind::DuplicateKey, "the key occurs twice; remove one")
                .at(place.clone().with_line(line)),
        };
    }
    ConfigError::new(ErrorKind::Syntax, error.message()).at(place.clone().with_line(line))
}

/// Returns the path of the key at a span, which occurs earlier too, and the offset of that one. The
/// path is that of a name which takes its place and occurs nowhere else.
fn first_of(text: &str, span: Range<usize>) -> Option<(String, usize)> {
    let name = absent_from(text);
    let (before, after) = (text.get(..span.start)?, text.get(span.end..)?);
    let line = before.rsplit('\n').next()?;
    // The parser replaces a table by the next one of its name.
    let after = match line.trim_start().starts_with('[') {
        true => after.lines().next().unwrap_or_default(),
        false => after,
    };
    let changed = format!("{before}{name}{after}");
    let (table, _) = DeTable::parse_recoverable(&changed);
    let mut path = Vec::new();
    if !is_path_found(table.get_ref(), &name, &mut path) {
        return None;
    }
    // The name itself, without quotes and escapes.
    let segment = format!("{} = 0", text.get(span)?);
    let (segment, _) = DeTable::parse_recoverable(&segment);
    path.push(segment.get_ref().keys().next()?.get_ref().to_string());
    let offset = find(table.get_ref(), &path)?;
    let key = path
        .iter()
        .fold(String::new(), |above, segment| key::joined(&above, segment));
    Some((key, offset))
}

/// Returns a name of digits that a text does not have, in one pass over it.
fn absent_from(text: &str) -> String {
    let runs = text.split(|character: char| !character.is_ascii_digit());
    let longest = runs.map(str::len).max().unwrap_or_default();
    "0".repeat(longest + 1)
}

/// Finds a name in a table, and appends the path of its parent.
fn is_path_found(table: &DeTable<'_>, name: &str, path: &mut Vec<String>) -> bool {
    table.iter().any(|(key, value)| {
        if key.get_ref() == name {
            return true;
        }
        path.push(key.get_ref().to_string());
        let is_found = tables_of(value.get_ref()).any(|table| is_path_found(table, name, path));
        if !is_found {
            path.pop();
        }
        is_found
    })
}

/// Returns the offset of the last key of this path.
fn find(table: &DeTable<'_>, path: &[String]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    if rest.is_empty() {
        return Some(key.span().start);
    }
    // The key was repeated in the last table of an array.
    tables_of(value.get_ref())
        .filter_map(|table| find(table, rest))
        .last()
}

/// Returns a value as a table, or the tables of an array.
fn tables_of<'t, 'i>(value: &'t DeValue<'i>) -> impl Iterator<Item = &'t DeTable<'i>> {
    let elements = match value {
        DeValue::Array(elements) => &**elements,
        _ => &[],
    };
    let tables = elements
        .iter()
        .filter_map(|element| element.get_ref().as_table());
    value.as_table().into_iter().chain(tables)
}

#[cfg(test)]
mod tests {
    use crate::document::Format;

    fn error(text: &str) -> String {
        Format::Toml.error_of(text)
    }

    #[test]
    fn errors_name_the_line() {
        assert_eq!(
            error("[t]\nx = [1.0,\n -1e999]"),
            "app:3: t.x: the float is out of range; write it as a string"
        );
        assert_eq!(
            error("a = 1\n[t]\nb = 2\nb = 3"),
            "app:4: t.b: the key occurs twice, first at line 3; remove one"
        );
        assert!(
            error("a = 1\nb = \n").starts_with("app:2: "),
            "{}",
            error("a = 1\nb = \n")
        );
        assert_eq!(
            error("big = 18446744073709551616"),
            "app:1: big: the integer is beyond 64 bits; write it as a string"
        );
    }

    #[test]
    fn duplicate_has_its_path_and_both_lines() {
        let cases = [
            ("[a]\nx = 1\n[b.a]\ny = 1\n[a]\nz = 1", "a", 1, 5),
            ("[a]\nx = 1\n[b]\nx = 2\n\"x\" = 3", "b.x", 4, 5),
            ("a.b = 1\nb = 2\na.b = 3\na.b = 4", "a.b", 1, 3),
            ("[a]\n[b]\n[a]\n[a]", "a", 1, 3),
            ("[[l]]\nx = 1\n[[l]]\nx = 2\nx = 3", "l.x", 4, 5),
            ("t = [{ x = 1,\nx = 2 }]", "t.x", 1, 2),
            ("\"a.b\" = 1\nkey = 0\n\"a\\u002Eb\" = 2", "\"a.b\"", 1, 3),
        ];
        for (text, key, first, second) in cases {
            let expected = format!(
                "app:{second}: {key}: the key occurs twice, first at line {first}; remove one"
            );
            assert_eq!(error(text), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = 1_000_000;
        let texts = [
            format!("a = {}1{}", "[".repeat(deep), "]".repeat(deep)),
            format!("a = {}1{}", "{a=".repeat(deep), "}".repeat(deep)),
            format!("{}a = 1", "a.".repeat(deep)),
            format!("[{}a]", "a.".repeat(deep)),
        ];
        for text in texts {
            let error = error(&text);
            assert!(
                error.starts_with("app:1: ") && error.contains("recurs"),
                "{error}"
            );
        }
    }

    #[test]
    fn integers_have_64_bits() {
        let text = "a = -9223372036854775808\nb = 18446744073709551615\nc = 0xFFFF_FFFF_FFFF_FFFF";
        let values = Format::Toml.entries_of(text).into_iter();
        let values: Vec<_> = values.map(|(_, value, _)| value).collect();
        let largest = u64::MAX.to_string();
        assert_eq!(values, [&*i64::MIN.to_string(), &*largest, &*largest]);
    }

    #[test]
    fn keys_have_their_lines() {
        let text = "a = 1\n[t]\nb.c = \"x\"\n\"d.e\" = [1, {f = 2}]\nempty = {}\n";
        let expected = [
            ("a", "1", 1),
            ("t.b.c", "\"x\"", 3),
            ("t.\"d.e\"", "[1,{\"f\":2}]", 4),
            ("t.empty", "{}", 5),
        ]
        .map(|(key, value, line)| (key.into(), value.into(), line));
        assert_eq!(Format::Toml.entries_of(text), expected);
    }
}
