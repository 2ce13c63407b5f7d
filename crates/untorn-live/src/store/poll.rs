//! The source that a poller calls for a layer.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use untorn::poller::{DeltaSource, FetchedAfter, ResumeToken};

use super::engine::Engine;
use crate::error::{ConfigError, ErrorKind, Place};
use crate::layer::{Answer, Change, Contents, Fetch};
use crate::panic;

thread_local! {
    static IS_OF_A_SOURCE: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether the current thread is that of a source, of this store or another one.
pub(super) fn is_thread_of_a_source() -> bool {
    IS_OF_A_SOURCE.get()
}

pub(super) struct LayerSource {
    pub(super) fetch: Box<dyn Fetch>,
    pub(super) engine: Arc<Engine>,
    pub(super) layer: usize,
}

impl DeltaSource for LayerSource {
    type Contents = Contents;
    type Deltas = Vec<Change>;
    type Error = ConfigError;

    fn fetch_after(
        &mut self,
        token: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Contents, Vec<Change>>, ConfigError> {
        IS_OF_A_SOURCE.set(true);
        let token = token.filter(|_| !self.engine.must_fetch_whole(self.layer));
        let fetched = catch_unwind(AssertUnwindSafe(|| self.fetch.fetch(token)));
        // What a program's own source says may quote a secret.
        let redacted = |error| self.engine.redacted(error);
        let fetched = fetched.unwrap_or_else(|payload| {
            self.engine.forget_refused(self.layer);
            let panic = ConfigError::new(ErrorKind::Panic, panic::text_of(payload));
            // The poller reports it, so it must not have the secret.
            resume_unwind(Box::new(redacted(panic).message().to_string()))
        });
        let fetched = fetched.map_err(redacted).and_then(|answer| match answer {
            FetchedAfter::Contents { .. } => Ok(answer),
            _ if token.is_some() => Ok(answer),
            answer => Err(self.misuse(&answer)),
        });
        let position = self.fetch.position();
        self.engine.progress.set_pending(self.layer, position);
        match &fetched {
            // The source no longer has the contents that were refused.
            Ok(FetchedAfter::Unchanged) => self.engine.forget_refused(self.layer),
            Ok(_) => {}
            // The poller reports the text of an error; the status has its place and its key too.
            Err(error) if error.kind() == ErrorKind::Ended => {}
            Err(error) => {
                self.engine.forget_refused(self.layer);
                self.engine.progress.refused(self.layer, error);
            }
        }
        fetched
    }

    fn reset_contents(&mut self) {
        self.fetch.reset();
    }

    fn wanted_delay(&self) -> Option<Duration> {
        self.fetch.wanted_delay()
    }
}

impl LayerSource {
    /// Returns the error for a source that has not answered with contents when it was asked for
    /// all.
    fn misuse(&self, answer: &Answer) -> ConfigError {
        let what = match answer {
            FetchedAfter::Unchanged => "that nothing has changed",
            FetchedAfter::Gap => "that it does not have the changes",
            _ => "with changes",
        };
        let message = format!("the source answered {what} when it was asked for all contents");
        let error = ConfigError::new(ErrorKind::Source, message);
        let error = error.with_help("let it return `FetchedAfter::Contents` for a token of `None`");
        error.at(Place::of_layer(&self.engine.layer_name(self.layer)))
    }
}
