//! The keys of a section as a tree, which serde reads.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::value::{MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::Context;
use super::leaf::Leaf;
use super::mismatch::Mismatch;
use crate::config::Config;
use crate::key;
use crate::value::Value;

/// A key, or the keys below a path.
pub(super) enum Tree<'c> {
    Leaf(Leaf<'c>),
    Table(Table<'c>),
}

/// The keys below a path, by their next segment.
pub(super) struct Table<'c> {
    path: String,
    entries: BTreeMap<String, Tree<'c>>,
    context: &'c Context,
}

impl<'c> Tree<'c> {
    pub(super) fn of(
        config: &'c Config,
        section: &str,
        keys: &BTreeSet<&'c str>,
        context: &'c Context,
    ) -> Self {
        let mut root = Table::new(section.into(), context);
        for &key in keys {
            let Some(value) = config.get(key) else {
                continue;
            };
            match key::relative(key, section) {
                Some(path) => root.insert(path, Leaf::new(context, key, value)),
                // The section is one key. An empty table gives way to the keys below.
                None if is_empty_table(value) => {}
                None => return Self::Leaf(Leaf::new(context, key, value)),
            }
        }
        Self::Table(root)
    }
}

/// Returns whether a value is an empty table, to which another layer may add keys.
pub(crate) fn is_empty_table(value: &Value) -> bool {
    matches!(value, Value::Table(entries) if entries.is_empty())
}

impl<'c> Table<'c> {
    fn new(path: String, context: &'c Context) -> Self {
        Self {
            path,
            entries: BTreeMap::new(),
            context,
        }
    }

    fn insert(&mut self, path: &str, leaf: Leaf<'c>) {
        let (segment, rest) = key::split_first(path);
        let Some(rest) = rest else {
            // An empty table gives way to the keys below.
            self.entries.entry(segment).or_insert(Tree::Leaf(leaf));
            return;
        };
        let inner = key::joined(&self.path, &segment);
        let entry = self
            .entries
            .entry(segment)
            .and_modify(|tree| {
                if let Tree::Leaf(_) = tree {
                    *tree = Tree::Table(Table::new(inner.clone(), self.context));
                }
            })
            .or_insert_with(|| Tree::Table(Table::new(inner.clone(), self.context)));
        if let Tree::Table(table) = entry {
            table.insert(rest, leaf);
        }
    }

    fn ignore(&self) {
        for tree in self.entries.values() {
            match tree {
                Tree::Leaf(leaf) => leaf.ignore(),
                Tree::Table(table) => table.ignore(),
            }
        }
    }

    fn access(self) -> Entries<'c> {
        Entries {
            path: self.path,
            entries: self.entries.into_iter(),
            next: None,
        }
    }
}

/// Calls the method of the leaf, or reads the table.
macro_rules! leaf_or_map {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            match self {
                Self::Leaf(leaf) => leaf.$method(visitor),
                Self::Table(table) => visitor.visit_map(table.access()),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Tree<'_> {
    type Error = Mismatch;

    leaf_or_map! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32
        deserialize_i64 deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32
        deserialize_u64 deserialize_u128 deserialize_f32 deserialize_f64 deserialize_char
        deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf deserialize_unit
        deserialize_seq deserialize_map deserialize_identifier
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self {
            Self::Leaf(leaf) => leaf.deserialize_option(visitor),
            // The section `Option<T>` has no keys.
            Self::Table(table) if table.entries.is_empty() => visitor.visit_none(),
            table @ Self::Table(_) => visitor.visit_some(table),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match self {
            Self::Leaf(leaf) => leaf.ignore(),
            Self::Table(table) => table.ignore(),
        }
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match self {
            Self::Leaf(leaf) => leaf.deserialize_enum(name, variants, visitor),
            Self::Table(table) => {
                let access = MapAccessDeserializer::new(table.access());
                access.deserialize_enum(name, variants, visitor)
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        if let Self::Table(table) = &self {
            let paths = fields.iter().map(|field| key::joined(&table.path, field));
            table.context.0.borrow_mut().known.extend(paths);
        }
        self.deserialize_map(visitor)
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

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        self.deserialize_unit(visitor)
    }
}

/// The entries of a table, for serde.
struct Entries<'c> {
    path: String,
    entries: std::collections::btree_map::IntoIter<String, Tree<'c>>,
    next: Option<(String, Tree<'c>)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Mismatch;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Mismatch> {
        let Some((segment, tree)) = self.entries.next() else {
            return Ok(None);
        };
        let path = key::joined(&self.path, &segment);
        let name = Name(segment.clone());
        self.next = Some((segment, tree));
        seed.deserialize(name)
            .map(Some)
            .map_err(|error| error.or_key(&path))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        let (segment, tree) = self
            .next
            .take()
            .ok_or_else(|| serde::de::Error::custom("the type reads a value without its key"))?;
        let path = key::joined(&self.path, &segment);
        seed.deserialize(tree).map_err(|error| error.or_key(&path))
    }
}

/// The name of a field, or a key of a map, which may be a number.
struct Name(String);

/// Parses the name for types that are no strings.
macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty),* $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => visitor.visit_string(self.0),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Name {
    type Error = Mismatch;

    parsed! {
        deserialize_bool visit_bool bool,
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_string(self.0)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        let text: StringDeserializer<Mismatch> = self.0.into_deserializer();
        text.deserialize_enum(name, variants, visitor)
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf option unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}
