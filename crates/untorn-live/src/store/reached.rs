//! Waits for a revision of a source.

use std::time::Duration;

use untorn::{Revision, Snapshot};

use super::Store;
use super::progress::Missed;
use crate::config::Config;
use crate::error::{ConfigError, ErrorKind, Place};

impl Store {
    /// Blocks until the configuration has all that a source had at one of *its* revisions, and
    /// returns the newest configuration: a writer puts a key into etcd, gets the revision of the
    /// transaction, and waits until this process serves it.
    ///
    /// `layer` is the name of the layer, such as `etcd:/app/`: those of
    /// [`Status::layers`](crate::Status::layers). The sources with revisions are `Etcd` and a
    /// [`Custom::source`](crate::layer::Custom::source) whose positions are numbers.
    ///
    /// # Errors
    /// If it takes longer than `timeout`, with the refusal of the layer if there is one; if the
    /// store ends; if there is no such layer, or it has no revisions.
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
    /// let config = store.wait_for("server", 3, Duration::from_secs(5)).unwrap();
    /// assert!(config.get("limit").unwrap().as_integer() >= Some(3));
    /// ```
    pub fn wait_for(
        &self,
        layer: &str,
        revision: u64,
        timeout: Duration,
    ) -> Result<Snapshot<Config>, ConfigError> {
        let engine = &self.inner.engine;
        let mut pollers = self.inner.pollers.iter();
        let found = pollers.find(|(number, _)| *engine.shared().layers[*number].name == *layer);
        let Some((number, _)) = found else {
            let layers = self.inner.pollers.iter();
            let names: Vec<_> = layers
                .map(|(number, _)| &*engine.shared().layers[*number].name)
                .collect();
            let message = format!(
                "no source has the name `{layer}`; there are: {}",
                names.join(", ")
            );
            return Err(ConfigError::new(ErrorKind::Source, message));
        };
        let waited = engine
            .progress
            .wait_for(*number, revision, timeout, || engine.has_ended());
        let place = || Place::of_layer(&engine.shared().layers[*number].name);
        match waited {
            Ok(()) if engine.published.revision() == Revision::default() => {
                // The other layers have not answered.
                self.ready(Duration::ZERO)
            }
            Ok(()) => Ok(self.snapshot()),
            Err(Missed::Ended) => {
                let message = format!("the store has ended before revision {revision} came");
                Err(ConfigError::new(ErrorKind::Ended, message).at(place()))
            }
            Err(Missed::TimedOut) => {
                let layer = engine.progress.layers().swap_remove(*number);
                Err(match (layer.refusal(), layer.position) {
                    (Some(refusal), _) => refusal.error.clone(),
                    (None, position) => {
                        let reached = position.map_or_else(
                            || "it has none yet".into(),
                            |position| format!("it is at {position}"),
                        );
                        let message =
                            format!("revision {revision} has not come in time: {reached}");
                        ConfigError::new(ErrorKind::Deadline, message).at(place())
                    }
                })
            }
        }
    }
}
