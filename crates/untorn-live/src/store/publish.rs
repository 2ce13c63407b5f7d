//! Contents that the program sets.

use std::sync::Arc;

use serde::Serialize;
use untorn::Revision;

use super::Store;
use super::engine::Refused;
use super::merge::Update;
use crate::document::Format;
use crate::error::{ConfigError, ErrorKind, Place};
use crate::layer::{Contents, from_serialize};

impl Store {
    /// Sets the contents of the [manual](crate::StoreBuilder::manual) layer, from a struct or a map.
    ///
    /// # Errors
    /// If the configuration is refused, or the store has no manual layer. Contents that are refused
    /// for what other layers have take effect with an update of one of these that makes them right,
    /// unless others are set before.
    ///
    /// # Examples
    /// See [`Store::manual`].
    pub fn publish(&self, contents: &(impl Serialize + ?Sized)) -> Result<Revision, ConfigError> {
        let place = Place::of_layer(&"manual".into());
        self.set(from_serialize(contents, &place))
    }

    /// Sets the contents of the [manual](crate::StoreBuilder::manual) layer, from a string whose format
    /// is that of the extension of `name`.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), or if the text cannot be parsed.
    ///
    /// # Examples
    /// See [`Config::changes_since`](crate::Config::changes_since).
    pub fn publish_text(&self, name: &str, text: &str) -> Result<Revision, ConfigError> {
        let name: Arc<str> = name.into();
        let place = Place::of_layer(&name);
        let format = Format::of(&*name).ok_or_else(|| Format::unknown().at(place.clone()));
        let contents = format.and_then(|format| format.parse(text, &place));
        self.set(contents.map(|contents| {
            Contents {
                entries: contents
                    .entries
                    .into_iter()
                    .map(|entry| entry.with_item(&name))
                    .collect(),
            }
        }))
    }

    fn set(&self, contents: Result<Contents, ConfigError>) -> Result<Revision, ConfigError> {
        let engine = &self.inner.engine;
        let Some(layer) = self.inner.manual else {
            let message = "cannot publish to this store: it has no manual layer";
            let error = ConfigError::new(ErrorKind::Source, message);
            return Err(error.with_help("call `StoreBuilder::manual`"));
        };
        let contents = contents.map_err(|error| engine.redacted(error));
        let contents = contents.inspect_err(|error| {
            // In a check this thread holds the lock already, and no callback may run.
            if !engine.is_busy_here() {
                engine.forget_refused(layer);
                engine.progress.refused(layer, error);
            }
        })?;
        let updated = engine.update(layer, Update::Contents(contents), None);
        let updated = updated.map_err(Refused::into_error);
        updated.map(|refreshed| refreshed.revision)
    }
}
