//! A revision that is built: its sections and its checks, which are foreign code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use untorn::Revision;

use super::super::merge::{Merge, Merged};
use super::{Engine, Rules};
use crate::config::Config;
use crate::error::{ConfigError, ErrorKind};
use crate::panic;
use crate::typed::Section;

impl Engine {
    /// Builds a revision: its sections, and its checks.
    pub(super) fn build(
        &self,
        merge: &Merge,
        rules: &Rules,
        taken: &[(usize, Merged)],
    ) -> Result<Config, ConfigError> {
        let old = self.published.snapshot();
        let mut config = Config {
            view: merge.view(),
            sections: Arc::clone(&old.sections),
            revision: Revision::from(u64::from(old.revision) + 1),
            shared: Arc::clone(&self.shared),
        };
        let candidate = config.clone();
        let built = self.foreign(|| {
            let mut sections = old.sections.to_vec();
            for section in &mut sections {
                let mut touched = touched(taken);
                let is_touched = touched.any(|key| section.is_for(key));
                if is_touched || !section.has_value() {
                    let path = Arc::clone(&section.path);
                    section.build(&candidate, merge.keys_in(&path))?;
                }
            }
            config.sections = sections.into();
            if rules.are_unknown_keys_refused {
                Self::check_unknown(&config, taken)?;
            }
            for check in &rules.checks {
                check(&config, &old).map_err(|error| {
                    let key = error.key().map(String::from);
                    error.or_place(|| config.place(&key?))
                })?;
            }
            Ok(config)
        });
        // The error of a check, or the text of a panic, may quote a value.
        built.map_err(|error| old.redacted(candidate.redacted(error)))
    }

    /// Refuses a key that no section reads. In the first revision it may be one of any layer.
    fn check_unknown(config: &Config, taken: &[(usize, Merged)]) -> Result<(), ConfigError> {
        let is_first = config.revision == Revision::from(1);
        let unknown = match is_first {
            true => config.keys().find(|key| config.is_unknown(key)),
            false => {
                let mut present = touched(taken).filter(|key| config.contains_key(key));
                present.find(|key| config.is_unknown(key))
            }
        };
        unknown.map_or(Ok(()), |key| Err(config.unknown(key)))
    }

    /// Adds a section, if there is none of this path and type, and builds its value. Returns its
    /// number.
    pub(in crate::store) fn add_section<T>(&self, path: &str) -> Result<usize, ConfigError>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let state = self.lock()?;
        let old = self.published.snapshot();
        let mut sections = old.sections.iter();
        if let Some(number) = sections.position(|section| section.is::<T>(path)) {
            return Ok(number);
        }
        if old.revision == Revision::default() {
            return Err(self.not_ready());
        }
        let mut section = Section::new::<T>(path);
        let built = self.foreign(|| section.build(&old, state.merge.keys_in(path)));
        built.map_err(|error| old.redacted(error))?;
        let config = Config {
            sections: old.sections.iter().cloned().chain([section]).collect(),
            revision: Revision::from(u64::from(old.revision) + 1),
            ..Config::clone(&old)
        };
        let _busy = self.busy();
        self.published.publish(config);
        Ok(old.sections.len())
    }

    /// Runs foreign code. A panic is an error.
    fn foreign<R>(&self, f: impl FnOnce() -> Result<R, ConfigError>) -> Result<R, ConfigError> {
        let _busy = self.busy();
        // A panic changes nothing that is used afterward: the update is undone.
        let result = catch_unwind(AssertUnwindSafe(f));
        result.unwrap_or_else(|payload| {
            let text = panic::text_of(payload);
            let message = format!("a check or a section panicked: {text}");
            Err(ConfigError::new(ErrorKind::Panic, message))
        })
    }
}

/// Returns the keys that updates have changed.
fn touched(taken: &[(usize, Merged)]) -> impl Iterator<Item = &str> {
    let touched = taken.iter().flat_map(|(_, merged)| &merged.touched);
    touched.map(|key| &**key)
}
