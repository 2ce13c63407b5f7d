//! The trait of sources, and the result of a fetch.

use std::error::Error;
use std::time::Duration;

/// The result of a fetch.
///
/// # Examples
/// ```
/// use untorn::Fetched;
///
/// /// Returns the contents, unless they have the version of the last fetch.
/// fn fetch(last: Option<u64>, version: u64) -> Fetched<[(&'static str, u32); 1]> {
///     if last == Some(version) {
///         return Fetched::Unchanged;
///     }
///     Fetched::Contents([("limit", 265)])
/// }
/// assert_eq!(fetch(None, 1), Fetched::Contents([("limit", 265)]));
/// assert_eq!(fetch(Some(1), 1), Fetched::Unchanged);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fetched<E> {
    /// All contents: the refresh removes every other key from the map.
    Contents(E),
    /// The contents are those of the last fetch. Nothing is compared, nothing is published.
    Unchanged,
}

/// A source that a [`Poller`](super::Poller) fetches contents from, with state of its own: a file
/// and its time stamp, a connection, an entity tag. A closure that returns a
/// `Result` is a source too; it always returns all contents. To report [`Fetched::Unchanged`],
/// implement this trait. A source that can report the changes since the last fetch implements
/// [`DeltaSource`](super::DeltaSource).
///
/// The error of either converts into a `Box<dyn Error + Send + Sync>`: an `io::Error`, a `String`,
/// a `&str` or that box itself, but not a `Box<dyn Error>` without `+ Send + Sync`.
///
/// The poller calls a source on its own thread, one call at a time, without holding a lock. A
/// source must bound its own waiting: stopping the poller waits for a running fetch.
///
/// Contents without entries are refused if the map has entries
/// ([*Failures*](super::Poller#failures)). Return an error for other contents that cannot be right,
/// and for an empty file already at the start: a file may be read while it is truncated, by a
/// program that writes in place or by a full disk.
///
/// # Examples
/// ```
/// use std::io;
/// use std::path::PathBuf;
/// use std::time::SystemTime;
/// use untorn::{Fetched, Source};
///
/// /// The lines of a file, by number.
/// struct Lines {
///     path: PathBuf,
///     last_stamp: Option<(SystemTime, u64)>,
/// }
///
/// impl Source for Lines {
///     type Contents = Vec<(usize, String)>;
///     type Error = io::Error;
///
///     fn fetch(&mut self) -> io::Result<Fetched<Self::Contents>> {
///         let metadata = self.path.metadata()?;
///         let stamp = (metadata.modified()?, metadata.len());
///         if self.last_stamp == Some(stamp) {
///             return Ok(Fetched::Unchanged);
///         }
///         let text = std::fs::read_to_string(&self.path)?;
///         if text.is_empty() {
///             // An editor that writes in place truncates the file first.
///             return Err(io::Error::other("the file is empty"));
///         }
///         if text.len() as u64 != stamp.1 {
///             return Err(io::Error::other("the file changed while it was read"));
///         }
///         self.last_stamp = Some(stamp);
///         Ok(Fetched::Contents(text.lines().map(String::from).enumerate().collect()))
///     }
///
///     fn reset(&mut self) {
///         self.last_stamp = None;
///     }
/// }
/// # let path = tempfile::NamedTempFile::new()?.into_temp_path();
/// # let mut lines = Lines { path: path.to_path_buf(), last_stamp: None };
/// # assert!(lines.fetch().is_err(), "empty");
/// # std::fs::write(&path, "a\nb\n")?;
/// # assert_eq!(lines.fetch()?, Fetched::Contents(vec![(0, "a".into()), (1, "b".into())]));
/// # assert_eq!(lines.fetch()?, Fetched::Unchanged);
/// # std::fs::write(&path, "a\nb\nc\n")?;
/// # assert_ne!(lines.fetch()?, Fetched::Unchanged);
/// # std::fs::write(&path, "")?;
/// # assert!(lines.fetch().is_err(), "emptied");
/// # Ok::<_, io::Error>(())
/// ```
///
/// A half-written file may still pass, and so may a second write of the same length within one tick
/// of the file system's clock. The example `poll_file` takes more care: it waits until a file no
/// longer changes, reads a file again whose last write is too recent to be distinguished from
/// another one, rejects a file that does not parse or has no entries, such as one of comments only,
/// and limits the share of keys that one poll may remove.
///
/// A source of **several files** (or requests) must read them as of one moment: the poller commits
/// them together, whatever they are. A closure that reads a certificate and then its key may return
/// two generations, if they are replaced in between. The example `poll_mount` reads a Kubernetes
/// mount as one generation.
#[diagnostic::on_unimplemented(
    message = "a poller cannot fetch from `{Self}`",
    label = "not a source",
    note = "a source is a closure that takes no arguments and returns `Result<contents, error>`, or a \
            type that implements `untorn::Source`",
    note = "the error must convert into `Box<dyn Error + Send + Sync>`, as a `String` or an `io::Error` does \
            and a `Box<dyn Error>` without `+ Send + Sync` does not"
)]
pub trait Source {
    /// The contents. For a [`Published<T>`](crate::Published) they are a `T`. For a
    /// [`Map`](crate::Map) they are pairs of a key and a value; of duplicate keys the last one
    /// wins.
    ///
    /// Pairs are drained on the poller's thread, before the writer lock of the map is acquired. The
    /// iteration cannot return an error halfway, only panic: read everything in
    /// [`fetch`](Self::fetch), then return it.
    type Contents;

    /// The error of a fetch. The status has its text and that of its [`source`](Error::source)s, up
    /// to 32 causes and 8 KiB. Its `Display` must terminate: one that loops without writing, or
    /// after its formatter has returned an error, keeps the poller from ever stopping.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// Fetches the contents.
    ///
    /// # Panics
    /// A panic is a failure like an error, and `fetch` is called again: an implementation must stay
    /// usable after its own panics.
    ///
    /// # Errors
    /// If not all contents can be fetched. The map keeps its contents.
    fn fetch(&mut self) -> Result<Fetched<Self::Contents>, Self::Error>;

    /// Resets the source, so that the next [`fetch`](Self::fetch) returns all contents. The poller
    /// calls this if the contents of the last fetch did not get into the map, because they were
    /// refused, or because their iteration or comparison panicked. (After a panic that comes after
    /// the commit, the call is redundant.)
    ///
    /// A source that returns [`Fetched::Unchanged`] must implement this. Does nothing by default.
    fn reset(&mut self) {}

    /// Returns the delay of the next fetch, counted from the end of the last one: the time for
    /// which a lease is valid, or a server wants no request. The poller calls this after each poll;
    /// after one that has passed its deadline the result does not count.
    ///
    /// After a success it takes the place of the period; after a failure the next fetch comes after
    /// this or the backoff, whichever is longer. [Jitter](super::PollerBuilder::jitter) lengthens it
    /// only, by a tenth unless that is set, so ask for a lease early enough. The
    /// [gap](super::PollerBuilder::min_gap) is its minimum; triggers do not wait for it. `None`, the
    /// default, leaves the period and the backoff.
    ///
    /// # Panics
    /// A panic counts as a failure of the poll, whose contents remain.
    ///
    /// # Examples
    /// ```
    /// # use std::sync::Arc;
    /// use std::time::{Duration, Instant};
    /// use untorn::{Fetched, Map, Poller, Source};
    ///
    /// /// A token, which is fetched again when four fifths of its lease have passed.
    /// struct Token {
    ///     lease: Option<Duration>,
    /// }
    ///
    /// impl Source for Token {
    ///     type Contents = [(&'static str, String); 1];
    ///     type Error = String;
    ///
    ///     fn fetch(&mut self) -> Result<Fetched<Self::Contents>, String> {
    ///         self.lease = Some(Duration::from_secs(3600)); // from the answer of a server
    ///         Ok(Fetched::Contents([("token", "s.6f3a".into())]))
    ///     }
    ///
    ///     fn next_delay(&self) -> Option<Duration> {
    ///         self.lease.map(|lease| lease * 4 / 5)
    ///     }
    /// }
    ///
    /// let tokens = Arc::new(Map::new());
    /// let source = Token { lease: None };
    /// let poller = Poller::every(Duration::from_secs(30), source).start(&tokens)?;
    /// poller.wait_until_fresh(Duration::from_secs(60)).unwrap();
    /// let left = poller.status().activity.due().unwrap() - Instant::now();
    /// assert!(left > Duration::from_secs(47 * 60)); // not after 30 seconds
    /// # Ok::<_, std::io::Error>(())
    /// ```
    fn next_delay(&self) -> Option<Duration> {
        None
    }
}

impl<F, C, R> Source for F
where
    F: FnMut() -> Result<C, R>,
    R: Into<Box<dyn Error + Send + Sync>>,
{
    type Contents = C;
    type Error = R;

    fn fetch(&mut self) -> Result<Fetched<C>, R> {
        self().map(Fetched::Contents)
    }
}
