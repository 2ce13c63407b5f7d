//! The numbers of a document that the parser reads otherwise than they are written.

use std::cell::RefCell;
use std::fmt;

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_saphyr::Spanned;

use super::{Member, Part, line_of, options};
use crate::document::BEYOND;
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::value::Value;

/// The error for an integer whose base depends on the version of YAML. It leaves out the integer,
/// which may be a secret.
const LEADING_ZERO: &str = "an integer with a leading zero is octal in YAML 1.1 and decimal in \
                            YAML 1.2; quote it if it is a text, write it with 0o if it is octal";

/// A smaller integer is a float by its tag.
const SMALLEST_BEYOND: f64 = (1_u64 << 63) as f64;

/// The error for a number that would become infinite.
const BEYOND_FLOAT: &str = "the float is beyond 64 bits; write .inf if it is infinite";

/// Returns an error for an integer that the parser has taken for a float, since it has a leading
/// zero or is too large, and for a float that has become infinite.
///
/// Only the text shows them, and the parser does not pass it on with a value. So a document with
/// such a value is parsed again, and only the positions of such values are asked for.
pub(super) fn check(root: &Part, text: &str, place: &Place) -> Result<(), ConfigError> {
    if !is_suspicious(root) {
        return Ok(());
    }
    let found = RefCell::new(None);
    let seed = Seed {
        part: root,
        path: "",
        text,
        place,
        found: &found,
    };
    // It was parsed before, so it has no other errors.
    _ = serde_saphyr::with_deserializer_from_str_with_options(text, options(), |deserializer| {
        seed.deserialize(deserializer)
    });
    found.into_inner().map_or(Ok(()), Err)
}

/// Returns whether a part has a float that may be an integer in the text, or is infinite.
fn is_suspicious(part: &Part) -> bool {
    match part {
        Part::Value(Value::Float(float)) => float.is_infinite() || float.fract() == 0.0,
        Part::Value(_) => false,
        Part::Array(elements) => elements.iter().any(is_suspicious),
        Part::Table(members) => members.iter().any(|(_, part)| is_suspicious(part)),
    }
}

/// Reads a part again.
#[derive(Clone, Copy)]
struct Seed<'s> {
    part: &'s Part,
    path: &'s str,
    text: &'s str,
    place: &'s Place,
    found: &'s RefCell<Option<ConfigError>>,
}

impl<'s> Seed<'s> {
    fn of(self, part: &'s Part) -> Self {
        Self { part, ..self }
    }

    /// Records the error of a scalar.
    fn check(&self, scalar: &Spanned<IgnoredAny>) {
        let Some(text) = self.text_of(scalar) else {
            return;
        };
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        let is_integer = digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_number = digits.starts_with(|digit: char| digit.is_ascii_digit());
        let Part::Value(Value::Float(float)) = *self.part else {
            return;
        };
        let message = if is_integer && digits.starts_with('0') {
            LEADING_ZERO
        } else if is_integer && float.abs() >= SMALLEST_BEYOND {
            BEYOND
        } else if is_number && float.is_infinite() {
            BEYOND_FLOAT
        } else {
            return;
        };
        let mut found = self.found.borrow_mut();
        found.get_or_insert_with(|| {
            ConfigError::new(ErrorKind::Syntax, message)
                .at(self.place.clone().with_line(line_of(scalar)))
                .at_key(self.path)
        });
    }

    /// Returns the text of a scalar where it is defined, without its anchor and tag.
    fn text_of(&self, scalar: &Spanned<IgnoredAny>) -> Option<&'s str> {
        let span = scalar.defined.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let length = usize::try_from(span.byte_len()?).ok()?;
        let text = self.text.get(start..start.checked_add(length)?)?;
        text.split_whitespace().next_back()
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.part {
            part if !is_suspicious(part) => IgnoredAny::deserialize(deserializer).map(drop),
            Part::Value(_) => {
                self.check(&Spanned::deserialize(deserializer)?);
                Ok(())
            }
            Part::Array(elements) => deserializer.deserialize_seq(Elements(self, elements)),
            Part::Table(members) => deserializer.deserialize_map(Members(self, members)),
        }
    }
}

/// Reads the elements of an array again.
struct Elements<'s>(Seed<'s>, &'s [Part]);

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sequence that was read before")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        for element in self.1 {
            seq.next_element_seed(self.0.of(element))?;
        }
        Ok(())
    }
}

/// Reads the members of a table again, which come in the same order.
struct Members<'s>(Seed<'s>, &'s [Member]);

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the mapping that was read before")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        for (name, part) in self.1 {
            let path = key::joined(self.0.path, &name.value);
            map.next_key::<IgnoredAny>()?;
            let seed = Seed {
                path: &path,
                ..self.0.of(part)
            };
            map.next_value_seed(seed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{BEYOND, BEYOND_FLOAT, LEADING_ZERO};
    use crate::document::Format;

    #[test]
    fn numbers_are_those_of_yaml_1_2() {
        for (text, value) in [
            ("0", "0"),
            ("-0", "0"),
            ("+7", "7"),
            ("0o644", "420"),
            ("0x1F", "31"),
            ("0.5", "0.5"),
            ("-0.0", "-0.0"),
            ("1e3", "1000.0"),
            ("9223372036854775808", "9223372036854775808"),
            ("18446744073709551615", "18446744073709551615"),
            (".inf", "inf"),
            ("-.inf", "-inf"),
            (".nan", "NaN"),
            // No numbers.
            ("00:30", r#""00:30""#),
            ("'0644'", r#""0644""#),
            ("\"089\"", r#""089""#),
            ("!!str 0644", r#""0644""#),
            ("|\n 0644", r#""0644\n""#),
            ("1.2.3", r#""1.2.3""#),
        ] {
            let entries = Format::Yaml.entries_of(&format!("é: ü\nk: {text}\n"));
            assert_eq!(entries[1], ("k".into(), value.into(), 2), "{text}");
        }
    }

    #[test]
    fn ambiguous_and_large_numbers_are_errors() {
        let zero = LEADING_ZERO;
        for (text, line, key, message) in [
            ("é: ü\nmode: 0644", 2, "mode", zero),
            ("a: 01234", 1, "a", zero),
            ("a: 007", 1, "a", zero),
            ("a: 089", 1, "a", zero),
            ("a: -012", 1, "a", zero),
            ("a: 00", 1, "a", zero),
            ("a:\n  - 1\n  - 0644", 3, "a", zero),
            (
                "a: 1.0\nb: !!float 2\nl: [{m: 2.0}, {m: 0644}]",
                3,
                "l.m",
                zero,
            ),
            ("a: &a {n: 1}\nb:\n  <<: *a\n  m: 0644", 4, "b.m", zero),
            // An anchor and a tag do not hide it.
            ("a: &m !!float 0644\nb: *m", 1, "a", zero),
            ("a: 18446744073709551616", 1, "a", BEYOND),
            ("a: -9223372036854775809", 1, "a", BEYOND),
            ("a: 1e999", 1, "a", BEYOND_FLOAT),
        ] {
            let expected = format!("app:{line}: {key}: {message}");
            assert_eq!(Format::Yaml.error_of(text), expected, "{text}");
        }
    }
}
