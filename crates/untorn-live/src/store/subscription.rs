//! Subscriptions: the changes of a configuration, or of a part of it.

use std::sync::Arc;
use std::time::Duration;

use untorn::{
    RecvError, RecvTimeoutError, Snapshot, Subscription, SubscriptionHandle, TryRecvError,
};

use crate::config::{Config, KeyChange};
use crate::key;

/// The keys that a subscription follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    All,
    Key(Arc<str>),
    Section(Arc<str>),
}

impl Scope {
    fn has(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Key(one) => **one == *key,
            Self::Section(section) => key::is_in(key, section),
        }
    }

    fn differs(&self, from: &Config, to: &Config) -> bool {
        match self {
            Self::Key(key) => from.get(key) != to.get(key),
            Self::All | Self::Section(_) => {
                to.changes_since(from).any(|change| self.has(change.key))
            }
        }
    }
}

/// A subscription to a store, from [`Store::subscribe`](crate::Store::subscribe),
/// [`subscribe_key`](crate::Store::subscribe_key) or
/// [`subscribe_section`](crate::Store::subscribe_section).
///
/// A slow receiver delays no update: it receives the newest revision, and the number of those that
/// it missed. It needs no thread of the store.
///
/// # Examples
/// ```
/// # #[cfg(feature = "file")] {
/// use untorn_live::Store;
///
/// let store = Store::manual();
/// store.publish_text("app.toml", "[http]\nport = 80\n[log]\nlevel = \"info\"").unwrap();
/// let mut levels = store.subscribe_section("log");
/// store.publish_text("app.toml", "[http]\nport = 81\n[log]\nlevel = \"info\"").unwrap();
/// store.publish_text("app.toml", "[http]\nport = 81\n[log]\nlevel = \"debug\"").unwrap();
///
/// let step = levels.recv().unwrap(); // the change of the port made no step
/// let changes: Vec<_> = step.changes().map(|change| change.to_string()).collect();
/// assert_eq!(changes, [r#"~ log.level: "info" → "debug""#]);
/// # }
/// ```
#[derive(Debug)]
pub struct ConfigSubscription {
    inner: Subscription<Config>,
    steps: Steps,
}

/// The steps of a subscription, of the transitions of the store.
#[derive(Debug)]
struct Steps {
    scope: Scope,
    /// The revision that was compared last.
    last: Snapshot<Config>,
    missed: u64,
    /// Says to the store that the subscription exists.
    _mark: Arc<()>,
}

/// A step of a [`ConfigSubscription`], in which a key that it follows has changed.
///
/// # Examples
/// See [`ConfigSubscription`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConfigTransition {
    /// The configuration before: for the keys that the subscription follows, that of the step
    /// before.
    pub from: Snapshot<Config>,
    /// The newest configuration.
    pub to: Snapshot<Config>,
    /// The number of revisions since the step before that were replaced before the subscription
    /// compared them.
    pub missed: u64,
    scope: Scope,
}

impl ConfigTransition {
    /// Returns the changes of the keys that the subscription follows.
    ///
    /// # Examples
    /// See [`ConfigSubscription`].
    pub fn changes(&self) -> impl Iterator<Item = KeyChange<'_>> {
        let changes = self.to.changes_since(&self.from);
        changes.filter(|change| self.scope.has(change.key))
    }
}

impl ConfigSubscription {
    pub(super) fn new((inner, mark): (Subscription<Config>, Arc<()>), scope: Scope) -> Self {
        let last = inner.last_received().clone();
        let steps = Steps {
            scope,
            last,
            missed: 0,
            _mark: mark,
        };
        Self { inner, steps }
    }

    /// Blocks until a key has changed that the subscription follows, and returns the step to the
    /// newest revision.
    ///
    /// # Errors
    /// If the subscription is [closed](SubscriptionHandle::close), or the store is gone.
    ///
    /// # Examples
    /// See [`ConfigSubscription`].
    pub fn recv(&mut self) -> Result<ConfigTransition, RecvError> {
        loop {
            let transition = self.inner.recv()?;
            if let Some(step) = self.steps.next(transition) {
                return Ok(step);
            }
        }
    }

    /// Blocks as [`recv`](Self::recv) does, but for at most `timeout`.
    ///
    /// # Errors
    /// If nothing has changed within that time, or as `recv`.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::RecvTimeoutError;
    /// use untorn_live::Store;
    ///
    /// let store = Store::manual();
    /// let mut changes = store.subscribe();
    /// let timeout = Duration::from_millis(1);
    /// assert_eq!(changes.recv_timeout(timeout).unwrap_err(), RecvTimeoutError::Timeout);
    /// ```
    pub fn recv_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<ConfigTransition, RecvTimeoutError> {
        let began = std::time::Instant::now();
        loop {
            let left = timeout.saturating_sub(began.elapsed());
            let transition = self.inner.recv_timeout(left)?;
            if let Some(step) = self.steps.next(transition) {
                return Ok(step);
            }
            // Other keys may change forever.
            if left.is_zero() {
                return Err(RecvTimeoutError::Timeout);
            }
        }
    }

    /// Returns the step to the newest revision, if a key has changed. Does not block.
    ///
    /// # Errors
    /// If nothing has changed, or as [`recv`](Self::recv).
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    ///
    /// let store = Store::manual();
    /// assert!(store.subscribe().try_recv().is_err());
    /// ```
    pub fn try_recv(&mut self) -> Result<ConfigTransition, TryRecvError> {
        let transition = self.inner.try_recv()?;
        // It was the newest revision, so there is nothing more to compare.
        self.steps.next(transition).ok_or(TryRecvError::Empty)
    }

    /// Waits as [`recv`](Self::recv) does, in async code of any runtime. Can be canceled: no step is
    /// lost.
    ///
    /// # Errors
    /// As `recv`.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// use untorn_live::Store;
    ///
    /// let store = Store::manual();
    /// let mut changes = store.subscribe();
    /// store.publish_text("app.toml", "port = 80").unwrap();
    /// let step = futures_executor::block_on(changes.recv_async()).unwrap();
    /// assert_eq!(step.changes().count(), 1);
    /// # }
    /// ```
    pub async fn recv_async(&mut self) -> Result<ConfigTransition, RecvError> {
        loop {
            let transition = self.inner.recv_async().await?;
            if let Some(step) = self.steps.next(transition) {
                return Ok(step);
            }
        }
    }

    /// Returns a handle that closes the subscription from another thread.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    ///
    /// let mut changes = Store::manual().subscribe();
    /// changes.handle().close();
    /// assert!(changes.recv().is_err());
    /// ```
    pub fn handle(&self) -> SubscriptionHandle {
        self.inner.handle()
    }

    /// Returns the steps as a stream, which ends with the subscription.
    ///
    /// # Examples
    /// ```
    /// use futures_util::StreamExt;
    /// use untorn_live::Store;
    ///
    /// let store = Store::manual();
    /// let mut changes = store.subscribe().into_stream();
    /// store.publish_text("app.json", r#"{"port": 80}"#).unwrap();
    /// let step = futures_executor::block_on(changes.next()).unwrap();
    /// assert_eq!(step.changes().count(), 1);
    /// ```
    #[cfg(feature = "stream")]
    #[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
    pub fn into_stream(self) -> ConfigSubscriptionStream {
        ConfigSubscriptionStream {
            inner: self.inner.into_stream(),
            steps: self.steps,
        }
    }
}

/// A stream of the steps of a [`ConfigSubscription`], from
/// [`into_stream`](ConfigSubscription::into_stream).
#[cfg(feature = "stream")]
#[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
#[derive(Debug)]
#[must_use = "a stream does nothing unless polled"]
pub struct ConfigSubscriptionStream {
    inner: untorn::SubscriptionStream<Config>,
    steps: Steps,
}

#[cfg(feature = "stream")]
#[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
impl futures_core::Stream for ConfigSubscriptionStream {
    type Item = ConfigTransition;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<ConfigTransition>> {
        let this = self.get_mut();
        loop {
            let next = std::pin::Pin::new(&mut this.inner).poll_next(context);
            let Some(transition) = std::task::ready!(next) else {
                return std::task::Poll::Ready(None);
            };
            if let Some(step) = this.steps.next(transition) {
                return std::task::Poll::Ready(Some(step));
            }
        }
    }
}

impl Steps {
    fn next(&mut self, transition: untorn::Transition<Config>) -> Option<ConfigTransition> {
        self.missed += transition.missed;
        let from = std::mem::replace(&mut self.last, transition.to);
        if !self.scope.differs(&from, &self.last) {
            return None;
        }
        Some(ConfigTransition {
            from,
            to: self.last.clone(),
            missed: std::mem::take(&mut self.missed),
            scope: self.scope.clone(),
        })
    }
}
