//! Keys of etcd as keys of a configuration.

use std::sync::Arc;

use untorn::mutants::mutant;

use super::super::{Contents, Entry};
use super::wire::KeyValue;
use crate::document::Format;
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::value::Value;

/// How keys and values of etcd are read.
#[derive(Clone, Debug)]
pub(super) struct Naming {
    pub(super) prefix: Arc<str>,
    pub(super) separator: Arc<str>,
    pub(super) are_documents_parsed: bool,
    pub(super) place: Place,
}

impl Naming {
    /// Returns the entries of a key: one, or those of its document. A directory has none: its name
    /// ends with the separator, and it has no value.
    pub(super) fn entries(&self, kv: &KeyValue) -> Result<Contents, ConfigError> {
        let revision = kv.mod_revision.0;
        let rest = self.rest(&kv.key.0)?;
        let is_directory = rest.is_empty() || rest.ends_with(&*self.separator);
        if is_directory && kv.value.0.is_empty() {
            return Ok(Contents::default());
        }
        if rest.is_empty() {
            return Err(self.wrong(&kv.key.0, "is the prefix itself, and has a value"));
        }
        if rest.split(&*self.separator).count() > key::MAX_DEPTH {
            let why = format!("has more than {} parts", key::MAX_DEPTH);
            return Err(self.wrong(&kv.key.0, &why));
        }
        let path = self.joined(rest);
        let place = self.place.clone().with_revision(revision);
        let text = std::str::from_utf8(&kv.value.0).map_err(|_| {
            ConfigError::new(ErrorKind::Syntax, "the value is not UTF-8")
                .at(place.clone())
                .at_key(&path)
        })?;
        let (directories, name) = rest.rsplit_once(&*self.separator).unwrap_or(("", rest));
        if let Some(format) = Format::of(name).filter(|_| self.are_documents_parsed) {
            let item: Arc<str> = String::from_utf8_lossy(&kv.key.0).into();
            let place = self.place.clone().with_item(Some(Arc::clone(&item)));
            let section = self.joined(directories);
            let contents = format.parse(text, &place)?;
            let entries = contents.entries.into_iter();
            return Ok(Contents {
                entries: entries
                    .map(|entry| entry.with_item(&item).in_section(&section))
                    .collect(),
            });
        }
        let revision = match mutant("live_etcd_key_has_no_revision") {
            true => 0,
            false => revision,
        };
        Ok(Contents {
            entries: vec![Entry::new(path, Value::Text(text.into()), 0).with_revision(revision)],
        })
    }

    /// Returns the key of the configuration for a key of etcd; `None` for the prefix itself.
    pub(super) fn path(&self, name: &[u8]) -> Result<Option<String>, ConfigError> {
        let rest = self.rest(name)?;
        Ok((!rest.is_empty()).then(|| self.joined(rest)))
    }

    /// Returns what follows the prefix.
    fn rest<'k>(&self, name: &'k [u8]) -> Result<&'k str, ConfigError> {
        let text = std::str::from_utf8(name).map_err(|_| self.wrong(name, "is not UTF-8"))?;
        let rest = text.strip_prefix(&*self.prefix);
        rest.ok_or_else(|| self.wrong(name, "is not below the prefix"))
    }

    fn wrong(&self, name: &[u8], why: &str) -> ConfigError {
        let message = format!("the key {:?} {why}", String::from_utf8_lossy(name));
        ConfigError::new(ErrorKind::Syntax, message).at(self.place.clone())
    }

    /// Returns the path of the parts of a name.
    fn joined(&self, name: &str) -> String {
        let mut path = String::new();
        if !name.is_empty() {
            for segment in name.split(&*self.separator) {
                key::push_segment(&mut path, segment);
            }
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Bytes, Number};
    use super::*;

    fn naming() -> Naming {
        Naming {
            prefix: "/app/".into(),
            separator: "/".into(),
            are_documents_parsed: false,
            place: Place::of_layer(&"etcd:/app/".into()),
        }
    }

    fn kv(key: &[u8], value: &[u8]) -> KeyValue {
        KeyValue {
            key: Bytes(key.to_vec()),
            value: Bytes(value.to_vec()),
            mod_revision: Number(5),
        }
    }

    #[test]
    fn keys_have_paths_and_revisions() {
        let contents = naming().entries(&kv(b"/app/http/po.rt", b"80"));
        let entries = contents.expect("a good key").entries;
        let expected = Entry::new("http.\"po.rt\"", Value::Text("80".into()), 0).with_revision(5);
        assert_eq!(entries, [expected]);
        // Directories of other tools.
        for key in ["/app/", "/app/http/"] {
            let contents = naming().entries(&kv(key.as_bytes(), b""));
            assert_eq!(contents, Ok(Contents::default()), "{key}");
        }
    }

    #[test]
    fn wrong_keys_are_errors_that_name_them() {
        let deep = "/app/".to_string() + &"a/".repeat(2 * key::MAX_DEPTH) + "a";
        let wrong: [(&[u8], &[u8], &str); 5] = [
            (b"/apple", b"1", "not below the prefix"),
            (b"/app/", b"1", "the prefix itself"),
            (b"/app/\xff", b"1", "not UTF-8"),
            (b"/app/a", b"\xff", "the value is not UTF-8"),
            (deep.as_bytes(), b"1", "parts"),
        ];
        for (key, value, expected) in wrong {
            let error = naming().entries(&kv(key, value)).expect_err(expected);
            assert!(error.message().contains(expected), "{error}");
        }
    }
}
