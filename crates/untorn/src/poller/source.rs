//! Where fresh contents come from.

use std::error::Error;

/// What a fetch brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fetched<E> {
    /// The contents, all of them: a key that is not among them is taken out of the map.
    Contents(E),
    /// The source knows that they are what it brought last. Nothing is compared, nothing is published.
    Unchanged,
}

/// A place that a [`Poller`](super::Poller) fetches contents from, with a state of its own: a file and when it was
/// written, a connection, an entity tag. Where no state is needed, a closure that returns a `Result` is a source.
///
/// A source is called on the poller's thread only, one call at a time, and no lock is held meanwhile. It must bound its
/// own waiting: who stops the poller waits for the fetch that is going on.
///
/// What it brings is taken as it is: **contents without entries empty the map**. A source whose contents are never
/// rightly empty, or that reads a file, returns an error for those: a program that writes in place empties the file
/// first, and so does a full disk.
///
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
///     fn lost(&mut self) {
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
    /// It is drained on the poller's thread, before writers of the map have to wait. It has no way to fail half-way but
    /// a panic: read everything first, then return it.
    type Entries: IntoIterator;

    /// Why a fetch failed. The status shows its text and that of its [`source`](Error::source)s, up to 32 causes and
    /// 8 KiB. Its `Display` must end: one that loops without writing, or after its formatter has returned an error,
    /// keeps the poller from ever stopping.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// Brings the contents.
    ///
    /// # Errors
    /// Anything that keeps it from bringing all of them. The map keeps what it has.
    ///
    /// # Panics
    /// It may: that is a failure like an error, and it is called again. It should leave itself in a state that bears
    /// that.
    fn fetch(&mut self) -> Result<Fetched<Self::Entries>, Self::Error>;

    /// Called when what [`fetch`](Self::fetch) just brought did not get into the map, because something panicked while
    /// it was drained or compared. A source that answers [`Fetched::Unchanged`] forgets here what it has seen, so that
    /// the next fetch brings everything again. (If the panic came after the commit, that was for nothing.) Does nothing
    /// by default.
    fn lost(&mut self) {}
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
