//! Values, and texts that are parsed by the type that reads them.

use std::str::FromStr;

use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::Context;
use super::mismatch::Mismatch;
use crate::document::parse_value;
use crate::error::Place;
use crate::value::{Value, parse_float};

/// The value of a key, or an element of it.
#[derive(Clone, Copy)]
pub(super) struct Leaf<'c> {
    context: &'c Context,
    key: &'c str,
    value: &'c Value,
    is_element: bool,
}

impl<'c> Leaf<'c> {
    pub(super) fn new(context: &'c Context, key: &'c str, value: &'c Value) -> Self {
        Self {
            context,
            key,
            value,
            is_element: false,
        }
    }

    /// Records that the type has no field for the key. An element is a part of its key, of which
    /// the type reads others.
    pub(super) fn ignore(self) {
        if self.is_element {
            return;
        }
        self.context.0.borrow_mut().ignored.insert(self.key.into());
    }

    /// Returns an element, or the value that a text stands for.
    fn with<'v>(self, value: &'v Value) -> Leaf<'v>
    where
        'c: 'v,
    {
        Leaf {
            context: self.context,
            key: self.key,
            value,
            is_element: true,
        }
    }

    /// Returns the text, if the value has no type.
    fn text(self) -> Option<&'c str> {
        match self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the array or table that a text has as JSON.
    fn parsed(self, text: &str) -> Result<Value, Mismatch> {
        // The place is that of the key. A key below it has none.
        let place = Place::of_layer(&"".into());
        parse_value(text, self.key, &place).map_err(|error| {
            let below = error.key().filter(|key| *key != self.key);
            let mismatch = match below {
                Some(key) => Mismatch::custom(format_args!("{key}: {}", error.message())),
                None => Mismatch::custom(error.message()),
            };
            mismatch.or_key(self.key)
        })
    }
}

/// Returns the elements of a text, between commas.
fn elements_of(text: &str) -> Value {
    let elements = text
        .split(',')
        .map(|element| Value::Text(element.trim().into()));
    Value::Array(match text {
        "" => [].into(),
        _ => elements.collect(),
    })
}

/// Returns the array or table for which a type may take a text; `None` if it has one value.
pub(crate) fn parts_of(text: &str) -> Option<Value> {
    let text = text.trim();
    if text.starts_with(['[', '{']) {
        return parse_value(text, "", &Place::of_layer(&"".into())).ok();
    }
    text.contains(',').then(|| elements_of(text))
}

/// Reads a number: that of a text is parsed, an integer may be a float.
macro_rules! numbers {
    ($parse:path: $($method:ident $visit:ident),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            match self.text().and_then($parse) {
                Some(value) => visitor.$visit(value),
                None => self.deserialize_any(visitor),
            }
        }
    )*};
}

fn integer<T: FromStr>(text: &str) -> Option<T> {
    text.trim().parse().ok()
}

impl<'de> Deserializer<'de> for Leaf<'_> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let read = match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Unsigned(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(text) | Value::Text(text) => visitor.visit_str(text),
            Value::Array(elements) => visitor.visit_seq(Elements {
                leaf: self,
                elements: elements.iter(),
            }),
            Value::Table(entries) => visitor.visit_map(Entries {
                leaf: self,
                entries: entries.iter(),
                next: None,
            }),
        };
        read.map_err(|error: Mismatch| error.or_key(self.key))
    }

    numbers! { integer:
        deserialize_i8 visit_i8,
        deserialize_i16 visit_i16,
        deserialize_i32 visit_i32,
        deserialize_i64 visit_i64,
        deserialize_i128 visit_i128,
        deserialize_u8 visit_u8,
        deserialize_u16 visit_u16,
        deserialize_u32 visit_u32,
        deserialize_u64 visit_u64,
        deserialize_u128 visit_u128,
    }

    numbers! { parse_float: deserialize_f32 visit_f32, deserialize_f64 visit_f64 }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.text().and_then(|_| self.value.as_bool()) {
            Some(value) => visitor.visit_bool(value),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        let Some(text) = self.text().map(str::trim) else {
            return self.deserialize_any(visitor);
        };
        let value = if text.starts_with('[') {
            self.parsed(text)?
        } else {
            elements_of(text)
        };
        self.with(&value).deserialize_any(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self.text().map(str::trim) {
            Some(text) if text.starts_with('{') => {
                let value = self.parsed(text)?;
                self.with(&value).deserialize_any(visitor)
            }
            _ if self.is_element || matches!(self.value, Value::Table(_)) => {
                self.deserialize_any(visitor)
            }
            _ => self
                .deserialize_any(visitor)
                .map_err(Mismatch::without_table),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let read = match self.value {
            Value::String(text) => {
                let text: StrDeserializer<'_, Mismatch> = (**text).into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            Value::Text(text) => {
                let text: StrDeserializer<'_, Mismatch> = text.trim().into_deserializer();
                text.deserialize_enum(name, variants, visitor)
            }
            Value::Table(entries) => {
                let entries = Entries {
                    leaf: self,
                    entries: entries.iter(),
                    next: None,
                };
                MapAccessDeserializer::new(entries).deserialize_enum(name, variants, visitor)
            }
            other => Err(Mismatch::invalid_type(
                Unexpected::Other(other.kind()),
                &name,
            )),
        };
        read.map_err(|error| error.or_key(self.key))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.ignore();
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct identifier
    }
}

/// The elements of an array, for serde.
struct Elements<'c> {
    leaf: Leaf<'c>,
    elements: std::slice::Iter<'c, Value>,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Mismatch;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Mismatch> {
        let element = self.elements.next();
        element
            .map(|value| seed.deserialize(self.leaf.with(value)))
            .transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.elements.len())
    }
}

/// The entries of a table inside an array, for serde.
struct Entries<'c> {
    leaf: Leaf<'c>,
    entries: std::slice::Iter<'c, (std::sync::Arc<str>, Value)>,
    next: Option<&'c Value>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mismatch> {
        let Some((name, value)) = self.entries.next() else {
            return Ok(None);
        };
        self.next = Some(value);
        let name: StrDeserializer<'_, Mismatch> = (**name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let value = self.next.take();
        let value =
            value.ok_or_else(|| Mismatch::custom("the type reads a value without its key"))?;
        seed.deserialize(self.leaf.with(value))
    }
}
