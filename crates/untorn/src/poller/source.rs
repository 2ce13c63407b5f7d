//! Sources of contents.

use std::error::Error;

/// The result of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fetched<E> {
    /// All contents: a key that is not among them is removed from the map.
    Contents(E),
    /// The contents are those of the last fetch. Nothing is compared, nothing is published.
    Unchanged,
}

/// A source that a [`Poller`](super::Poller) fetches contents from, with state of its own: a file and its
/// time stamp, a connection, an entity tag. Where no state is needed, a closure that returns a `Result`
/// is a source.
///
/// The poller calls a source on its own thread, one call at a time, without a lock. A source must bound
/// its own waiting: stopping the poller waits for a running fetch.
///
/// The contents are taken as they are: **contents without entries empty the map**. If empty contents
/// cannot be right, or if the source reads a file, let it return an error for them: a program that writes
/// in place truncates the file first, and so does a full disk.
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
///     seen: Option<(SystemTime, u64)>,
/// }
///
/// impl Source for Lines {
///     type Entries = Vec<(usize, String)>;
///     type Error = io::Error;
///
///     fn fetch(&mut self) -> io::Result<Fetched<Self::Entries>> {
///         let metadata = self.path.metadata()?;
///         let stamp = (metadata.modified()?, metadata.len());
///         if self.seen == Some(stamp) {
///             return Ok(Fetched::Unchanged);
///         }
///         let text = std::fs::read_to_string(&self.path)?;
///         if text.is_empty() {
///             // An editor that writes in place empties the file first.
///             return Err(io::Error::other("the file is empty"));
///         }
///         if text.len() as u64 != stamp.1 {
///             return Err(io::Error::other("the file changed while it was read"));
///         }
///         self.seen = Some(stamp);
///         Ok(Fetched::Contents(text.lines().map(String::from).enumerate().collect()))
///     }
///
///     fn reset(&mut self) {
///         self.seen = None;
///     }
/// }
/// # let path = tempfile::NamedTempFile::new()?.into_temp_path();
/// # let mut lines = Lines { path: path.to_path_buf(), seen: None };
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
/// A half-written file may still pass, and so may a second write of the same length within one tick of the file system's
/// clock. The example `poll_file` takes more care: it waits until a file is quiet, reads again what is too young to be
/// distinguished, and refuses what does not parse or has no entries, such as a file of comments only.
pub trait Source {
    /// The contents: pairs of a key and a value. Of duplicate keys the last one wins.
    ///
    /// It is drained on the poller's thread, before the writer lock of the map is acquired. It can fail
    /// halfway by a panic only: read everything first, then return it.
    type Entries: IntoIterator;

    /// The error of a fetch. The status has its text and that of its [`source`](Error::source)s, up to 32
    /// causes and 8 KiB. Its `Display` must end: one that loops without writing, or after its formatter
    /// has returned an error, keeps the poller from ever stopping.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// Fetches the contents.
    ///
    /// # Panics
    /// A panic is a failure like an error, and `fetch` is called again: an implementation must stay
    /// usable after its own panics.
    ///
    /// # Errors
    /// If not all contents can be fetched. The map keeps what it has.
    fn fetch(&mut self) -> Result<Fetched<Self::Entries>, Self::Error>;

    /// Called if the contents of the last [`fetch`](Self::fetch) did not get into the map, because their
    /// iteration or comparison panicked. A source that returns [`Fetched::Unchanged`] resets its state
    /// here, so that the next fetch returns all contents again. (After a panic that comes after the
    /// commit, that is redundant.) Does nothing by default.
    fn reset(&mut self) {}
}

impl<F, E, R> Source for F
where
    F: FnMut() -> Result<E, R>,
    E: IntoIterator,
    R: Into<Box<dyn Error + Send + Sync>>,
{
    type Entries = E;
    type Error = R;

    fn fetch(&mut self) -> Result<Fetched<E>, R> {
        self().map(Fetched::Contents)
    }
}
