//! Layers: the sources of a configuration, later ones over earlier ones.
//!
//! | file | layer |
//! |---|---|
//! | `file.rs` | a file, watched; `stable.rs` reads it while it does not change |
//! | `mount.rs` | a directory with one file for each key; `walk.rs` reads its files |
//! | `env.rs` | environment variables |
//! | `fixed.rs` | values and texts of the program |
//! | `custom.rs` | closures and sources of the program |
//! | `etcd/` | the keys below a prefix of etcd |
//! | `http/` | documents of HTTP servers |
//! | `remote/` | what sources over a network share |
//! | `bytes.rs` | the digest of bytes, and their text |
//! | `watch.rs` | events of the file system |
//! | `trigger.rs` | polls that an event of the source triggers |

#[cfg(any(feature = "file", feature = "mount", feature = "http"))]
mod bytes;
mod custom;
#[cfg(feature = "env")]
mod env;
#[cfg(feature = "etcd")]
mod etcd;
#[cfg(feature = "file")]
mod file;
mod fixed;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "mount")]
mod mount;
#[cfg(any(feature = "http", feature = "etcd"))]
mod remote;
#[cfg(any(feature = "file", feature = "mount"))]
mod stable;
mod trigger;
#[cfg(feature = "mount")]
mod walk;
#[cfg(any(feature = "file", feature = "mount"))]
mod watch;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use untorn::poller::{Delta, FetchedAfter, ResumeToken};

pub use self::custom::Custom;
#[cfg(feature = "env")]
pub use self::env::Env;
#[cfg(feature = "etcd")]
pub use self::etcd::Etcd;
#[cfg(all(feature = "etcd", untorn_fuzzing))]
#[doc(hidden)]
pub use self::etcd::fuzz::run as fuzz_etcd;
#[cfg(feature = "file")]
pub use self::file::File;
pub use self::fixed::Fixed;
pub(crate) use self::fixed::from_serialize;
#[cfg(feature = "http")]
pub use self::http::Http;
#[cfg(all(feature = "http", untorn_fuzzing))]
#[doc(hidden)]
pub use self::http::fuzz::run as fuzz_http;
#[cfg(feature = "mount")]
pub use self::mount::Mount;
#[cfg(any(feature = "http", feature = "etcd"))]
pub(crate) use self::remote::Closing;
#[cfg(any(feature = "http", feature = "etcd"))]
pub use self::remote::Tls;
pub(crate) use self::trigger::Trigger;
#[cfg(any(feature = "file", feature = "mount"))]
pub(crate) use self::watch::{Route, Watch};
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::value::Value;

/// A key of a source, with its value and its position.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: Arc<str>,
    pub(crate) value: Value,
    /// The line in a file, from 1; 0 if there is none.
    pub(crate) line: u32,
    /// The name that the source itself uses: a variable, or a file of a directory.
    pub(crate) item: Option<Arc<str>>,
    /// The revision of the source that set the value; 0 if it has none. In place of a line.
    pub(crate) revision: u64,
}

impl Entry {
    pub(crate) fn new(key: impl Into<Arc<str>>, value: Value, line: u32) -> Self {
        Self {
            key: key.into(),
            value,
            line,
            item: None,
            revision: 0,
        }
    }

    pub(crate) fn with_item(mut self, item: &Arc<str>) -> Self {
        self.item = Some(Arc::clone(item));
        self
    }

    #[cfg(feature = "etcd")]
    fn with_revision(mut self, revision: u64) -> Self {
        self.revision = revision;
        self
    }

    fn in_section(mut self, section: &str) -> Self {
        self.key = key::below(section, &self.key);
        self
    }
}

/// All keys of a source.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Contents {
    pub(crate) entries: Vec<Entry>,
}

impl Contents {
    fn in_section(self, section: &str) -> Self {
        let entries = self.entries.into_iter();
        Self {
            entries: entries.map(|entry| entry.in_section(section)).collect(),
        }
    }
}

/// A change of a source. The key of the entry is that of the delta.
pub(crate) type Change = Delta<Arc<str>, Entry>;

/// The answer of a source.
pub(crate) type Answer = FetchedAfter<Contents, Vec<Change>>;

/// A source, by one type for all layers.
pub(crate) trait Fetch: Send {
    /// Fetches the contents, or the changes since the position of the token.
    fn fetch(&mut self, token: Option<&ResumeToken>) -> Result<Answer, ConfigError>;

    /// Makes the next fetch return all contents.
    fn reset(&mut self) {}

    /// Returns the revision of the source that the configuration has reached if the last answer is
    /// taken; `None` if the source has none.
    fn position(&self) -> Option<u64> {
        None
    }

    /// Returns the delay of the next fetch that the source wants.
    fn wanted_delay(&self) -> Option<Duration> {
        None
    }
}

/// A layer of a configuration: [`File`], [`Mount`], [`Env`], [`Fixed`], [`Custom`], or, with
/// features of their own, `Http` and `Etcd`.
///
/// # Examples
/// ```
/// # #[cfg(feature = "file")] {
/// use untorn_live::layer::{Fixed, Layer};
/// use untorn_live::Store;
///
/// let defaults = Layer::from(Fixed::text("defaults.toml", "port = 80"));
/// let store = Store::builder().layer(defaults).start().unwrap();
/// assert_eq!(store.pin().get("port").unwrap().as_integer(), Some(80));
/// # }
/// ```
pub struct Layer {
    pub(crate) name: Arc<str>,
    pub(crate) setup: Setup,
}

impl Layer {
    /// Returns the name, by which errors and the status call the layer.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::{Fixed, Layer};
    ///
    /// assert_eq!(Layer::from(Fixed::text("app.json", "{}")).name(), "app.json");
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Puts the keys of the layer below a section: `tls.crt` and `tls.key` of a mount, for example,
    /// beside a file that has the other sections. The empty section is the root.
    ///
    /// A section that is no dotted path, such as `tls.`, is an error of
    /// [`StoreBuilder::start`](crate::StoreBuilder::start).
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    /// use untorn_live::layer::{Fixed, Layer};
    ///
    /// let text = Layer::from(Fixed::text("http.json", r#"{"port": 80}"#)).in_section("http");
    /// let store = Store::builder().layer(text).start().unwrap();
    /// assert_eq!(store.pin().get("http.port").unwrap().as_integer(), Some(80));
    /// ```
    #[must_use]
    pub fn in_section(mut self, section: &str) -> Self {
        if !section.is_empty() && !key::is_canonical(section) {
            let message = format!(
                "the layer is put below `{section}`, which is no section: write a dotted path, and \
                 quote a segment that has a dot"
            );
            let error = ConfigError::new(ErrorKind::Syntax, message);
            self.setup = Setup::Fixed(Err(error.at(Place::of_layer(&self.name))));
            return self;
        }
        let section: Arc<str> = section.into();
        self.setup = match self.setup {
            Setup::Fixed(contents) => {
                Setup::Fixed(contents.map(|contents| contents.in_section(&section)))
            }
            Setup::Polled(mut polled) => {
                let open = polled.open;
                polled.open = Box::new(move |opening| {
                    let inner = open(opening);
                    Box::new(InSection { inner, section })
                });
                Setup::Polled(polled)
            }
            Setup::Manual => Setup::Manual,
        };
        self
    }
}

/// A source whose keys are below a section.
struct InSection {
    inner: Box<dyn Fetch>,
    section: Arc<str>,
}

impl Fetch for InSection {
    fn fetch(&mut self, token: Option<&ResumeToken>) -> Result<Answer, ConfigError> {
        let section = &self.section;
        Ok(match self.inner.fetch(token)? {
            FetchedAfter::Contents { contents, token } => FetchedAfter::Contents {
                contents: contents.in_section(section),
                token,
            },
            FetchedAfter::Deltas { deltas, token } => {
                let deltas = deltas.into_iter().map(|delta| match delta {
                    Delta::Put(_, entry) => {
                        let entry = entry.in_section(section);
                        Delta::Put(Arc::clone(&entry.key), entry)
                    }
                    Delta::Delete(key) => Delta::Delete(key::below(section, &key)),
                });
                FetchedAfter::Deltas {
                    deltas: deltas.collect(),
                    token,
                }
            }
            other => other,
        })
    }

    fn reset(&mut self) {
        self.inner.reset();
    }

    fn position(&self) -> Option<u64> {
        self.inner.position()
    }

    fn wanted_delay(&self) -> Option<Duration> {
        self.inner.wanted_delay()
    }
}

/// What a layer does at the start.
pub(crate) enum Setup {
    /// It has its contents, or an error.
    Fixed(Result<Contents, ConfigError>),
    /// It is polled.
    Polled(Polled),
    /// The program sets its contents.
    Manual,
}

/// A layer that is polled.
pub(crate) struct Polled {
    pub(crate) period: Duration,
    pub(crate) min_gap: Duration,
    /// The longest time between two polls after failures.
    pub(crate) max_backoff: Duration,
    /// The longest delay of the first poll.
    pub(crate) initial_delay: Duration,
    pub(crate) open: Open,
    /// Triggers polls, for events of the source.
    pub(crate) trigger: Option<Arc<Trigger>>,
    /// The events of the file system that trigger a poll.
    #[cfg(any(feature = "file", feature = "mount"))]
    pub(crate) route: Option<Arc<Route>>,
    /// Returns whether the source reads a file, by its path without links.
    pub(crate) reads: Option<Reads>,
    /// What the source says of its server.
    pub(crate) remote: Option<Arc<RemoteState>>,
}

#[cfg(any(feature = "file", feature = "mount"))]
impl Polled {
    /// Returns a layer that is polled after events of its files, and each period.
    fn of_files(period: Duration, route: Arc<Route>, reads: Reads, open: Open) -> Self {
        /// Events come in bursts.
        const MIN_GAP: Duration = Duration::from_millis(10);

        Self {
            period,
            min_gap: MIN_GAP.min(period),
            // A file that is missing is no burden for a server.
            max_backoff: period,
            initial_delay: Duration::ZERO,
            open,
            trigger: Some(Arc::clone(&route.trigger)),
            route: Some(route),
            reads: Some(reads),
            remote: None,
        }
    }
}

/// Returns whether a source reads a file.
pub(crate) type Reads = Box<dyn Fn(&Path) -> bool + Send>;

/// Opens a source.
pub(crate) type Open = Box<dyn FnOnce(&Opening) -> Box<dyn Fetch> + Send>;

/// What a source gets from the store that opens it.
pub(crate) struct Opening {
    pub(crate) place: Place,
    #[cfg(any(feature = "file", feature = "mount"))]
    pub(crate) watch: Arc<Watch>,
    #[cfg(any(feature = "http", feature = "etcd"))]
    pub(crate) closing: Arc<Closing>,
}

/// The server of a source, in [`LayerStatus::remote`](crate::LayerStatus::remote).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Remote {
    /// The address of the server that answered last.
    pub endpoint: Option<Arc<str>>,
    /// The revision of the server up to which all changes are known, as for etcd; perhaps refused.
    /// The one in force is [`LayerStatus::revision`](crate::LayerStatus::revision).
    pub revision: Option<u64>,
    /// How often a connection was opened again.
    pub reconnects: u64,
    /// How often all contents were fetched again, since changes may have been missed.
    pub resyncs: u64,
}

/// What a source says of its server, which the status reads, and what the store asks of it.
#[derive(Debug, Default)]
pub(crate) struct RemoteState {
    remote: Mutex<Remote>,
    is_whole_wanted: AtomicBool,
}

impl RemoteState {
    pub(crate) fn get(&self) -> Remote {
        self.lock().clone()
    }

    #[cfg_attr(
        not(any(feature = "http", feature = "etcd")),
        expect(dead_code, reason = "only sources over a network have servers")
    )]
    pub(crate) fn update(&self, change: impl FnOnce(&mut Remote)) {
        change(&mut self.lock());
    }

    /// Asks for all contents at the next poll, where otherwise what has changed would do.
    pub(crate) fn want_whole(&self) {
        self.is_whole_wanted.store(true, Ordering::SeqCst);
    }

    /// Returns whether all contents were asked for, once.
    #[cfg(feature = "etcd")]
    fn take_wanted(&self) -> bool {
        self.is_whole_wanted.swap(false, Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Remote> {
        self.remote.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
