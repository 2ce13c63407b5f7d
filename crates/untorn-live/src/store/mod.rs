//! [`Store`]: a configuration that follows its layers.
//!
//! | file | contents |
//! |---|---|
//! | `builder.rs`, `start.rs` | the builder, and the start of the pollers |
//! | `publish.rs` | contents that the program sets |
//! | `end.rs` | the end of the threads of the sources |
//! | `engine.rs` | updates: merged, checked, published |
//! | `merge.rs`, `guard.rs` | the steps of an update |
//! | `poll.rs` | the source that a poller calls for a layer |
//! | `target.rs` | a layer, as the target of its poller |
//! | `progress.rs`, `status.rs` | refusals and the status |
//! | `reached.rs` | waits for a revision of a source |
//! | `ready.rs` | the wait for the first revision |
//! | `subscription.rs`, `followers.rs` | subscriptions, and those that the store closes |

mod builder;
mod end;
mod engine;
mod followers;
mod guard;
mod merge;
mod poll;
mod progress;
mod publish;
mod reached;
mod ready;
mod start;
mod status;
mod subscription;
mod target;

use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io, thread};

use serde::de::DeserializeOwned;
use untorn::mutants::mutant;
use untorn::poller::RefreshError;
use untorn::{Pinned, Poller, Reader, Revision, Snapshot};

pub use self::builder::StoreBuilder;
pub(crate) use self::engine::Engine;
pub use self::progress::{Recovery, Refusal};
pub use self::status::{CacheStatus, LayerStatus, Polls, Status};
#[cfg(feature = "stream")]
pub use self::subscription::ConfigSubscriptionStream;
use self::subscription::Scope;
pub use self::subscription::{ConfigSubscription, ConfigTransition};
use crate::cache::{Keeper, KeeperState};
use crate::config::Config;
use crate::error::{ConfigError, ErrorKind, Place};
#[cfg(any(feature = "http", feature = "etcd"))]
use crate::layer::Closing;
use crate::layer::RemoteState;
#[cfg(any(feature = "file", feature = "mount"))]
use crate::layer::Watch;
use crate::typed::Live;

/// A configuration that follows its layers: files, mounts, the environment, values. Many threads
/// read it while it changes; each change of a layer is one revision.
///
/// A clone is a reference to the same store. The threads of its sources end with the last clone.
///
/// # Examples
/// ```
/// # #[cfg(all(feature = "file", feature = "env"))] {
/// use std::time::Duration;
/// use untorn_live::Store;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("app.toml");
/// # std::fs::write(&path, "[http]\nport = 80").unwrap();
/// let store = Store::builder()
///     .text("defaults.toml", "http.port = 8080")
///     .file(&path) // followed
///     .env("APP_") // over both
///     .start()
///     .unwrap();
/// store.ready(Duration::from_secs(60)).unwrap();
///
/// let config = store.pin(); // never blocks: one revision of everything
/// assert_eq!(config.get("http.port").unwrap().as_integer(), Some(80));
/// # }
/// ```
///
/// # Failures
/// A file that cannot be parsed, a value of the wrong type, a failing check, an empty source: the
/// configuration in force stays, and [`status`](Self::status) has the reason with file, line and
/// key until the source is mended. Without [`StoreBuilder::on_refusal`], or the feature `tracing`,
/// nothing is printed.
///
/// # The end
/// Dropping the last clone waits until the threads of the sources have ended and the cache has been
/// written, for at most five seconds; a source or a disk that hangs is left behind. [`close`](Self::close) does not wait.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Arc<Engine>,
    /// The pollers, by the numbers of their layers.
    pollers: Vec<(usize, Poller)>,
    /// The layer of [`Store::publish`].
    manual: Option<usize>,
    cache: Option<(Keeper, Arc<KeeperState>)>,
    #[cfg(any(feature = "file", feature = "mount"))]
    watch: Arc<Watch>,
    #[cfg(any(feature = "http", feature = "etcd"))]
    closing: Arc<Closing>,
    /// What sources say of their servers, by the numbers of their layers.
    remotes: Vec<(usize, Arc<RemoteState>)>,
}

impl Store {
    /// Returns a builder for a store.
    ///
    /// # Examples
    /// See [`Store`].
    pub fn builder() -> StoreBuilder {
        StoreBuilder::new()
    }

    /// Creates a store for a test, whose contents are set by [`publish`](Self::publish).
    /// [`StoreBuilder::manual`] does so beside other layers and with checks.
    ///
    /// # Examples
    /// ```
    /// use std::collections::BTreeMap;
    /// use untorn_live::Store;
    ///
    /// let store = Store::manual();
    /// store.publish(&BTreeMap::from([("port", 80)])).unwrap();
    /// assert_eq!(store.pin().get("port").unwrap().as_integer(), Some(80));
    /// ```
    #[must_use]
    pub fn manual() -> Self {
        match Self::builder().manual().start() {
            Ok(store) => store,
            Err(error) => unreachable!("nothing can fail without sources: {error}"),
        }
    }

    /// Pins the newest revision. Never blocks; wait-free after the thread's first pin, with at most
    /// seven pins at once. Keys, typed values and origins that are read from one
    /// pin are of one revision.
    ///
    /// Before the first revision it has no keys; [`ready`](Self::ready) waits for that.
    ///
    /// # Examples
    /// See [`Store`].
    pub fn pin(&self) -> Pinned<'_, Config> {
        self.inner.engine.pin()
    }

    /// Returns the newest revision, to be kept or sent to another thread.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// let store = untorn_live::Store::builder().text("app.toml", "port = 80").start().unwrap();
    /// let config = store.snapshot();
    /// std::thread::spawn(move || assert!(config.contains_key("port"))).join().unwrap();
    /// # }
    /// ```
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<Config> {
        self.inner.engine.snapshot()
    }

    /// Returns a reader, which stores the newest revision for a thread that reads it all the time.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// let store = untorn_live::Store::builder().text("app.toml", "port = 80").start().unwrap();
    /// let mut reader = store.reader();
    /// assert!(reader.latest().contains_key("port"));
    /// # }
    /// ```
    #[must_use]
    pub fn reader(&self) -> Reader<Config> {
        self.inner.engine.published.reader()
    }

    /// Returns a section as a `T`, always that of the newest revision. The empty section has all
    /// keys.
    ///
    /// From now on a configuration whose section does not deserialize into `T` is refused.
    /// [`StoreBuilder::require`] does so from the first revision on; then this can be called before
    /// it. Blocks while a revision is being checked; makes a revision, unless the section is
    /// required.
    ///
    /// # Errors
    /// If the section in force is no `T`: the error has file, line and key. It says so if the
    /// section is one key, and suggests a similar section if there is none. If there is no
    /// configuration yet, and the section is not required: call [`ready`](Self::ready) first.
    ///
    /// # Examples
    /// See [`Live`].
    pub fn typed<T>(&self, section: &str) -> Result<Live<T>, ConfigError>
    where
        T: DeserializeOwned + Send + Sync + 'static,
    {
        let number = self.inner.engine.add_section::<T>(section)?;
        Ok(Live::new(Arc::clone(&self.inner.engine), number))
    }

    /// Subscribes to all keys.
    ///
    /// # Examples
    /// See [`ConfigSubscription`].
    #[must_use]
    pub fn subscribe(&self) -> ConfigSubscription {
        self.subscribe_to(Scope::All)
    }

    /// Subscribes to one key, which may not exist yet. A section has no value that changes: use
    /// [`subscribe_section`](Self::subscribe_section) for its keys.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// let store = untorn_live::Store::manual();
    /// let mut ports = store.subscribe_key("port");
    /// store.publish_text("app.toml", "port = 80").unwrap();
    /// assert_eq!(ports.recv().unwrap().to.get("port").unwrap().as_integer(), Some(80));
    /// # }
    /// ```
    #[must_use]
    pub fn subscribe_key(&self, key: &str) -> ConfigSubscription {
        self.subscribe_to(Scope::Key(key.into()))
    }

    /// Subscribes to the keys below a section.
    ///
    /// # Examples
    /// See [`ConfigSubscription`].
    #[doc(alias = "subscribe_prefix")]
    #[must_use]
    pub fn subscribe_section(&self, section: &str) -> ConfigSubscription {
        self.subscribe_to(Scope::Section(section.into()))
    }

    fn subscribe_to(&self, scope: Scope) -> ConfigSubscription {
        let engine = &self.inner.engine;
        ConfigSubscription::new(engine.followers.follow(&engine.published), scope)
    }

    /// Returns the status: the last poll of each layer, and refusals with their reasons. Scans all
    /// keys if there are sections or secrets, for keys that no section reads and secrets that no
    /// key is. Does not wait for a check.
    ///
    /// # Examples
    /// See [`Status`].
    #[must_use]
    pub fn status(&self) -> Status {
        let engine = &self.inner.engine;
        let config = engine.pin();
        let polls = |number: usize| {
            let mut pollers = self.inner.pollers.iter();
            let (_, poller) = pollers.find(|(layer, _)| *layer == number)?;
            Some(Polls::new(&poller.status()))
        };
        let remote = |number: usize| {
            let mut remotes = self.inner.remotes.iter();
            let (_, remote) = remotes.find(|(layer, _)| *layer == number)?;
            Some(remote.get())
        };
        let layers = engine.progress.layers().into_iter().enumerate();
        let layers = layers.map(|(number, layer)| LayerStatus {
            revision: engine.progress.position(number),
            refusal: layer.refusal().cloned(),
            has_answered: layer.has_answered(),
            name: layer.name,
            polls: polls(number),
            remote: remote(number),
        });
        let (unknown_keys, unknown_key_count) = config.unknown_keys();
        Status {
            revision: config.revision.get(),
            keys: config.len(),
            is_ready: config.revision > Revision::default(),
            has_ended: engine.has_ended(),
            layers: layers.collect(),
            cache: self.inner.cache.as_ref().map(|(_, state)| {
                let state = state.get();
                CacheStatus {
                    written: state.written.map(Revision::get),
                    in_use_since: state.in_use_since.filter(|_| engine.is_from_cache()),
                    error: state.error,
                }
            }),
            unused_secrets: config.unused_secrets(),
            unknown_keys,
            unknown_key_count,
        }
    }

    /// Fetches from all sources now, as after a `SIGHUP`, blocks until they have answered, and
    /// returns the newest revision. All keys of an etcd are listed, whatever its watch has said.
    ///
    /// # Errors
    /// The first refusal, or the first source that has not answered within `timeout`. The others
    /// are taken all the same.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// # use std::time::Duration;
    /// # use untorn_live::Store;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("app.toml");
    /// # std::fs::write(&path, "port = 80").unwrap();
    /// let store = Store::builder().file(&path).start().unwrap();
    /// store.refresh(Duration::from_secs(60)).unwrap();
    /// std::fs::write(&path, "port = ").unwrap();
    /// assert!(store.refresh(Duration::from_secs(60)).is_err());
    /// assert!(store.pin().contains_key("port"));
    /// # }
    /// ```
    pub fn refresh(&self, timeout: Duration) -> Result<Revision, ConfigError> {
        if poll::is_thread_of_a_source() || self.inner.engine.is_busy_here() {
            let message = "cannot wait for the sources in a check, or in a callback that runs on \
                           the thread of one: this would deadlock";
            return Err(ConfigError::new(ErrorKind::Check, message));
        }
        let engine = &self.inner.engine;
        if engine.has_ended() {
            let message = "cannot fetch from the sources: the store has ended";
            return Err(ConfigError::new(ErrorKind::Ended, message));
        }
        for (_, remote) in &self.inner.remotes {
            remote.want_whole();
        }
        // At once, by a thread for each: a poll that was only triggered would end before it is
        // waited for, and be made twice.
        let polls: Vec<io::Result<_>> = thread::scope(|scope| {
            let pollers = self.inner.pollers.iter();
            let polls: Vec<_> = pollers
                .map(|(_, poller)| {
                    let poll = move || poller.refresh_now(timeout);
                    thread::Builder::new().spawn_scoped(scope, poll)
                })
                .collect();
            let polls = polls.into_iter().map(|poll| Ok(poll?.join()));
            polls.collect()
        });
        let mut result = Ok(());
        for ((number, _), poll) in self.inner.pollers.iter().zip(polls) {
            let poll = match poll {
                Ok(poll) => poll.unwrap_or_else(|payload| std::panic::resume_unwind(payload)),
                Err(error) => {
                    let place = Place::of_layer(&engine.layer_name(*number));
                    result = result.and(Err(start::cannot_start(error).at(place)));
                    continue;
                }
            };
            let Err(failure) = poll else {
                continue;
            };
            let layer = engine.progress.layers().swap_remove(*number);
            let error = match (layer.refusal(), &failure) {
                (Some(refusal), _) if !engine.has_ended() => refusal.error.clone(),
                // Refused alone, and taken by now, with what another layer had.
                (None, RefreshError::Failed(_))
                    if !engine.has_ended() && !mutant("live_refresh_fails_for_what_was_taken") =>
                {
                    continue;
                }
                _ => {
                    let kind = match failure {
                        RefreshError::Timeout { .. } => ErrorKind::Deadline,
                        RefreshError::Stopped => ErrorKind::Ended,
                        _ => ErrorKind::Source,
                    };
                    let place = Place::of_layer(&layer.name);
                    ConfigError::new(kind, failure.to_string()).at(place)
                }
            };
            result = result.and(Err(error));
        }
        result.map(|()| engine.published.revision())
    }

    /// Lets an update pass that the guard refused, and fetches its layer now. It may be fetched
    /// later too, but one that removes other keys has to pass the guard, and so has every update
    /// after one that is taken.
    ///
    /// Returns at once; the status shows the result.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "file")] {
    /// use untorn_live::Store;
    ///
    /// let store = Store::manual();
    /// store.publish_text("app.toml", "port = 80").unwrap();
    /// store.publish_text("app.toml", "").unwrap_err(); // an empty file is refused
    /// let refusal = store.status().refusals().next().cloned().unwrap();
    /// store.accept(&refusal);
    /// store.publish_text("app.toml", "").unwrap();
    /// assert!(store.pin().is_empty());
    /// # }
    /// ```
    pub fn accept(&self, refusal: &Refusal) {
        let Some(number) = refusal.number else {
            return;
        };
        let engine = &self.inner.engine;
        engine.progress.accept(number, &refusal.error);
        let mut pollers = self.inner.pollers.iter();
        if let Some((_, poller)) = pollers.find(|(layer, _)| *layer == number) {
            poller.trigger();
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.pin();
        f.debug_struct("Store")
            .field("revision", &config.revision)
            .field("keys", &config.len())
            .finish_non_exhaustive()
    }
}
