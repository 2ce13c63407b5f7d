//! The wait for the first revision.

use std::time::Duration;

use untorn::{RecvTimeoutError, Revision, Snapshot};

use super::Store;
use super::engine::Engine;
use crate::config::Config;
use crate::error::{ConfigError, ErrorKind};

impl Store {
    /// Blocks until every layer has answered once, so that there is a configuration, and returns
    /// it.
    ///
    /// # Errors
    /// If that takes longer than `timeout`. The error lists the layers that are missing and their
    /// errors; the store goes on trying. If one layer has failed, the error has the kind, the place
    /// and the key of its error, and otherwise the kind [`NotReady`](ErrorKind::NotReady).
    ///
    /// At once, with the kind [`Ended`](ErrorKind::Ended), if [`close`](Self::close) or
    /// [`stop`](Self::stop) is called before.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// use std::time::Duration;
    /// use untorn_live::{ErrorKind, Store};
    ///
    /// let store = Store::builder().file("no such file.toml").start().unwrap();
    /// store.refresh(Duration::from_secs(60)).unwrap_err(); // the file has been looked for
    /// let error = store.ready(Duration::from_millis(300)).unwrap_err();
    /// assert!(error.to_string().contains("there is no such file"), "{error}");
    /// assert_eq!(error.kind(), ErrorKind::Unreadable);
    /// # }
    /// ```
    #[track_caller]
    pub fn ready(&self, timeout: Duration) -> Result<Snapshot<Config>, ConfigError> {
        let engine = &self.inner.engine;
        let (mut subscription, _mark) = engine.waiters.follow(&engine.published);
        if let Some(ended) = engine.first_or_end() {
            return ended;
        }
        match subscription.recv_timeout(timeout) {
            Ok(transition) => Ok(transition.to),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Closed) => {
                engine.first().ok_or_else(|| engine.not_ready())
            }
        }
    }

    /// Waits as [`ready`](Self::ready) does, in async code of any runtime. Wrap it in the timeout of
    /// the runtime.
    ///
    /// # Errors
    /// If [`close`](Self::close) or [`stop`](Self::stop) is called before there is a configuration:
    /// an error of the kind [`Ended`](ErrorKind::Ended).
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// use untorn_live::Store;
    ///
    /// let store = Store::builder().text("app.toml", "port = 80").start().unwrap();
    /// let config = futures_executor::block_on(store.ready_async()).unwrap();
    /// assert!(config.contains_key("port"));
    /// # }
    /// ```
    pub async fn ready_async(&self) -> Result<Snapshot<Config>, ConfigError> {
        let engine = &self.inner.engine;
        let (mut subscription, _mark) = engine.waiters.follow(&engine.published);
        if let Some(ended) = engine.first_or_end() {
            return ended;
        }
        match subscription.recv_async().await {
            Ok(transition) => Ok(transition.to),
            Err(_) => engine.first().ok_or_else(|| engine.not_ready()),
        }
    }
}

impl Engine {
    /// Returns the result of a wait that ends at once. It has subscribed before, since a store that
    /// ends after this closes the subscription.
    fn first_or_end(&self) -> Option<Result<Snapshot<Config>, ConfigError>> {
        match self.first() {
            Some(config) => Some(Ok(config)),
            None => self.has_ended().then(|| Err(self.not_ready())),
        }
    }

    /// Returns the newest revision, if there is one.
    fn first(&self) -> Option<Snapshot<Config>> {
        let config = self.snapshot();
        (config.revision > Revision::default()).then_some(config)
    }

    /// Returns the error for a store without a revision: the layers that it waits for, and why.
    pub(super) fn not_ready(&self) -> ConfigError {
        let waiting = self.progress.waiting();
        let silent = waiting.iter().filter(|layer| layer.refusal().is_none());
        let silent = silent.map(|layer| format!("{} has not answered", layer.name));
        let failed = waiting.iter().filter_map(|layer| layer.refusal());
        let failed: Vec<_> = failed.map(|refusal| &refusal.error).collect();
        let (kind, message) = match self.has_ended() {
            true => (
                ErrorKind::Ended,
                "the store has ended before there was a configuration",
            ),
            false => (ErrorKind::NotReady, "there is no configuration yet"),
        };
        // Its place and its key stand before the message.
        if let ([error], ErrorKind::NotReady) = (&*failed, kind) {
            let reasons: Vec<_> = [error.message().to_string()]
                .into_iter()
                .chain(silent)
                .collect();
            let message = format!("{message}: {}", reasons.join("; "));
            return ConfigError::clone(error).with_message(message);
        }
        let failed = failed.into_iter().map(ToString::to_string);
        let reasons: Vec<_> = failed.chain(silent).collect();
        ConfigError::new(kind, format!("{message}: {}", reasons.join("; ")))
    }
}
