//! The sections of a store: a path, the type that reads it, and its value in one revision.

use std::any::{Any, TypeId};
use std::collections::BTreeSet;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use untorn::mutants::mutant;

use super::Fields;
use crate::config::Config;
use crate::error::{ConfigError, ErrorKind};
use crate::key;
use crate::suggestion::similar;

/// The most keys without a section that a status names. Each is compared with all fields.
const MOST_UNKNOWN: usize = 100;

/// A value of a section, by one type for all.
type AnyValue = Arc<dyn Any + Send + Sync>;

/// Builds the value of a section from its keys.
type Build = fn(&Config, &str, BTreeSet<&str>) -> Result<(AnyValue, Fields), ConfigError>;

/// A section of a configuration. A clone is O(1).
#[derive(Clone)]
pub(crate) struct Section {
    pub(crate) path: Arc<str>,
    type_id: TypeId,
    build: Build,
    /// `None` before the first revision.
    value: Option<AnyValue>,
    fields: Arc<Fields>,
}

impl Section {
    pub(crate) fn new<T: DeserializeOwned + Send + Sync + 'static>(path: &str) -> Self {
        Self {
            path: path.into(),
            type_id: TypeId::of::<T>(),
            build: |config, section, keys| {
                let (value, fields) = super::of_section::<T>(config, section, &keys)?;
                Ok((Arc::new(value), fields))
            },
            value: None,
            fields: Arc::default(),
        }
    }

    /// Builds the value for a revision.
    pub(crate) fn build(
        &mut self,
        config: &Config,
        keys: BTreeSet<&str>,
    ) -> Result<(), ConfigError> {
        let (value, fields) = (self.build)(config, &self.path, keys)?;
        self.value = Some(value);
        self.fields = Arc::new(fields);
        Ok(())
    }

    pub(crate) fn has_value(&self) -> bool {
        self.value.is_some()
    }

    /// Returns the value, if it is a `T` and there is a revision.
    pub(crate) fn value<T: 'static>(&self) -> Option<&T> {
        self.value.as_ref()?.downcast_ref()
    }

    pub(crate) fn is<T: 'static>(&self, path: &str) -> bool {
        *self.path == *path && self.type_id == TypeId::of::<T>()
    }

    pub(crate) fn is_for(&self, key: &str) -> bool {
        key::is_in(key, &self.path)
    }
}

impl Config {
    /// Returns the value of a section, if there is one of this path and type.
    pub(crate) fn section_value<T: 'static>(&self, path: &str) -> Option<&T> {
        let mut sections = self.sections.iter();
        sections.find(|section| section.is::<T>(path))?.value()
    }

    /// Adds the key and the place of a section to the error of its check, unless it has a key.
    pub(crate) fn in_section(&self, error: ConfigError, section: &str) -> ConfigError {
        if error.key().is_some() || section.is_empty() {
            return error;
        }
        let keys: BTreeSet<&str> = self.keys().filter(|key| key::is_in(key, section)).collect();
        let place = || super::describe::place_of_section(self, section, &keys);
        error.at_key(section).or_place(place)
    }

    /// Returns whether no section reads a key.
    pub(crate) fn is_unknown(&self, key: &str) -> bool {
        let mut sections = self.sections.iter();
        !sections.any(|section| section.is_for(key) && !section.fields.ignored.contains(key))
            && !mutant("live_unknown_key_is_missed")
    }

    /// Returns the error for a key that no section reads, with a suggestion.
    pub(crate) fn unknown(&self, key: &str) -> ConfigError {
        let known = self
            .sections
            .iter()
            .flat_map(|section| &section.fields.known);
        let message = match similar(key, known.map(String::as_str)) {
            Some(name) => format!("no section reads this key; did you mean `{name}`?"),
            None => "no section reads this key".into(),
        };
        ConfigError::new(ErrorKind::UnknownKey, message)
            .at_key(key)
            .or_place(|| self.place(key))
    }

    /// Returns the errors of the first keys that no section reads, and the number of all; none if
    /// there are no sections.
    pub(crate) fn unknown_keys(&self) -> (Vec<ConfigError>, usize) {
        if self.sections.is_empty() {
            return (Vec::new(), 0);
        }
        let (mut first, mut count) = (BTreeSet::new(), 0);
        for key in self.keys().filter(|key| self.is_unknown(key)) {
            count += 1;
            first.insert(key);
            if first.len() > MOST_UNKNOWN && !mutant("live_unknown_keys_have_no_limit") {
                first.pop_last();
            }
        }
        (
            first.into_iter().map(|key| self.unknown(key)).collect(),
            count,
        )
    }
}
