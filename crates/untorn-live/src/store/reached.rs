//! Waits for a revision of a source.

use std::time::{Duration, Instant};

use untorn::{Revision, Snapshot};

use super::Store;
use super::progress::Missed;
use crate::config::Config;
use crate::error::{ConfigError, ErrorKind, Place};

impl Store {
    /// Blocks until the configuration contains `revision` of the source `layer`, and returns the
    /// newest configuration. So a writer that puts a key into etcd gets the revision of the
    /// transaction, and waits until this process serves it.
    ///
    /// `layer` is the name of the layer, such as `etcd:/app/`: those of
    /// [`Status::layers`](crate::Status::layers). The sources with revisions are `Etcd` and a
    /// [`Custom::source`](crate::layer::Custom::source) whose positions are numbers.
    ///
    /// # Errors
    /// At once, with the refusal, if the store refuses what the source had at that revision or a
    /// later one. If it takes longer than `timeout`, with the refusal of the layer if there is one;
    /// if the store ends; if there is no such layer, or it has no revisions.
    ///
    /// Do not wait for a revision of etcd that changed only other prefixes: it may never be
    /// reached. After a source loses its data, revisions start again from small numbers. Until the
    /// store detects this, by the next response, such a number counts as already reached, and this
    /// returns at once.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
    /// use untorn_live::layer::Custom;
    /// use untorn_live::{Store, Value};
    ///
    /// /// A server whose revision grows by one with each fetch.
    /// struct Server;
    ///
    /// impl DeltaSource for Server {
    ///     type Contents = Vec<(String, Value)>;
    ///     type Deltas = Vec<Delta<String, Value>>;
    ///     type Error = String;
    ///
    ///     fn fetch_after(
    ///         &mut self,
    ///         token: Option<&ResumeToken>,
    ///     ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, String> {
    ///         let revision = token.and_then(ResumeToken::to_u64).map_or(0, |revision| revision + 1);
    ///         let contents = vec![("limit".into(), (revision as i64).into())];
    ///         Ok(FetchedAfter::Contents { contents, token: Some(revision.into()) })
    ///     }
    /// }
    ///
    /// let server = Custom::source("server", Duration::from_millis(10), Server);
    /// let store = Store::builder().layer(server).start().unwrap();
    /// let config = store.wait_for("server", 3, Duration::from_secs(60)).unwrap();
    /// assert!(config.get("limit").unwrap().as_integer() >= Some(3));
    /// ```
    pub fn wait_for(
        &self,
        layer: &str,
        revision: u64,
        timeout: Duration,
    ) -> Result<Snapshot<Config>, ConfigError> {
        let start = Instant::now();
        let (engine, number) = (&self.inner.engine, self.number_of(layer)?);
        let left = || timeout.saturating_sub(start.elapsed());
        loop {
            let was_ready = engine.published.revision() > Revision::default();
            let waited = engine
                .progress
                .wait_for(number, revision, left(), || engine.has_ended());
            waited.map_err(|missed| self.missed(number, revision, &missed))?;
            if was_ready {
                return Ok(self.snapshot());
            }
            // The other layers may not have answered, and the cache may replace what has come.
            self.ready(left())?;
            if engine.progress.position(number) >= Some(revision) {
                return Ok(self.snapshot());
            }
        }
    }

    /// Waits as [`wait_for`](Self::wait_for) does, in async code of any runtime. Wrap it in the
    /// timeout of the runtime.
    ///
    /// # Errors
    /// Those of [`wait_for`](Self::wait_for) but for the timeout. A source without revisions is
    /// waited for until the end of the store.
    ///
    /// # Examples
    /// ```
    /// # use untorn_live::{ConfigError, Store};
    /// # async fn example(store: &Store, revision: u64) -> Result<(), ConfigError> {
    /// // The answer of etcd to a put has its revision.
    /// let config = store.wait_for_async("etcd:/app/", revision).await?;
    /// assert!(config.contains_key("limit"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn wait_for_async(
        &self,
        layer: &str,
        revision: u64,
    ) -> Result<Snapshot<Config>, ConfigError> {
        let (engine, number) = (&self.inner.engine, self.number_of(layer)?);
        loop {
            let was_ready = engine.published.revision() > Revision::default();
            let waited = engine
                .progress
                .wait_for_async(number, revision, || engine.has_ended());
            let waited = waited.await;
            waited.map_err(|missed| self.missed(number, revision, &missed))?;
            if was_ready {
                return Ok(self.snapshot());
            }
            self.ready_async().await?;
            if engine.progress.position(number) >= Some(revision) {
                return Ok(self.snapshot());
            }
        }
    }

    /// Returns the number of a layer that has a source.
    fn number_of(&self, layer: &str) -> Result<usize, ConfigError> {
        let layers = &self.inner.engine.shared().layers;
        let numbers = self.inner.pollers.iter().map(|(number, _)| *number);
        let found = numbers
            .clone()
            .find(|&number| *layers[number].name == *layer);
        found.ok_or_else(|| {
            let names: Vec<_> = numbers.map(|number| &*layers[number].name).collect();
            let names = names.join(", ");
            let message = format!("no source has the name `{layer}`; there are: {names}");
            ConfigError::new(ErrorKind::Source, message)
        })
    }

    /// Returns the error of a wait.
    fn missed(&self, number: usize, revision: u64, missed: &Missed) -> ConfigError {
        let engine = &self.inner.engine;
        let layer = engine.progress.layers().swap_remove(number);
        let (kind, message) = match (missed, layer.refusal()) {
            (Missed::Ended, _) => (
                ErrorKind::Ended,
                format!("the store has ended before revision {revision} came"),
            ),
            (_, Some(refusal)) => return refusal.error.clone(),
            // It is taken by now, with what came after it.
            (Missed::Refused, None) => (
                ErrorKind::Source,
                format!("revision {revision} was refused"),
            ),
            (Missed::TimedOut, None) => {
                let reached = engine.progress.position(number).map_or_else(
                    || "the source has no revision yet; check the source".into(),
                    |position| format!("the source is at {position}; use a longer timeout"),
                );
                (
                    ErrorKind::Deadline,
                    format!("timed out waiting for revision {revision}: {reached}"),
                )
            }
        };
        ConfigError::new(kind, message).at(Place::of_layer(&layer.name))
    }
}
