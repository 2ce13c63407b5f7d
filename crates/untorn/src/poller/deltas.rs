//! Sources of changes: the trait, its answers, and the position that a poller resumes from.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::source::{Fetched, Source};

/// A change of one key, from a [`DeltaSource`].
///
/// # Examples
/// ```
/// use untorn::poller::Delta;
///
/// let deltas = [Delta::Put("low", 10), Delta::Delete("high")];
/// assert_eq!(deltas.map(|delta| *delta.key()), ["low", "high"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delta<K, V> {
    /// The key has this value now.
    Put(K, V),
    /// The key is absent now.
    Delete(K),
}

impl<K, V> Delta<K, V> {
    /// Returns the key.
    ///
    /// # Examples
    /// ```
    /// use untorn::poller::Delta;
    ///
    /// assert_eq!(Delta::Put("low", 10).key(), &"low");
    /// ```
    pub fn key(&self) -> &K {
        match self {
            Self::Put(key, _) | Self::Delete(key) => key,
        }
    }
}

/// The position of a [`DeltaSource`] in its history: a revision, an offset, a version of a list.
/// The poller stores it and returns it at the next fetch; only the source knows its meaning.
///
/// A clone is O(1). The bytes of a token can be stored, to
/// [resume](super::PollerBuilder::resume_from) from it after a restart.
///
/// # Examples
/// ```
/// use untorn::poller::ResumeToken;
///
/// let token = ResumeToken::from(1_700);
/// assert_eq!(token.to_u64(), Some(1_700));
/// assert_eq!(ResumeToken::new(token.as_bytes()), token);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResumeToken(Arc<[u8]>);

impl ResumeToken {
    /// Creates a token from any bytes.
    ///
    /// # Examples
    /// ```
    /// use untorn::poller::ResumeToken;
    ///
    /// assert_eq!(ResumeToken::new("rv-1700").as_bytes(), b"rv-1700");
    /// ```
    #[must_use]
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self(bytes.as_ref().into())
    }

    /// Returns the bytes of the token.
    ///
    /// # Examples
    /// ```
    /// use untorn::poller::ResumeToken;
    ///
    /// assert_eq!(ResumeToken::from(1).as_bytes(), [0, 0, 0, 0, 0, 0, 0, 1]);
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the number that the token was made from; `None` if it was made from other than eight
    /// bytes.
    ///
    /// # Examples
    /// ```
    /// use untorn::poller::ResumeToken;
    ///
    /// assert_eq!(ResumeToken::from(1_700).to_u64(), Some(1_700));
    /// assert_eq!(ResumeToken::new("rv-1700").to_u64(), None);
    /// ```
    #[must_use]
    pub fn to_u64(&self) -> Option<u64> {
        self.0[..].try_into().ok().map(u64::from_be_bytes)
    }
}

impl From<u64> for ResumeToken {
    /// Creates a token from a number, as eight bytes, the highest first.
    fn from(number: u64) -> Self {
        Self::new(number.to_be_bytes())
    }
}

impl fmt::Debug for ResumeToken {
    /// Formats the bytes as a string with escapes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResumeToken(\"{}\")", self.0.escape_ascii())
    }
}

/// The result of [`DeltaSource::fetch_after`].
///
/// # Examples
/// ```
/// use untorn::poller::{Delta, FetchedAfter, ResumeToken};
///
/// let answer: FetchedAfter<Vec<(&str, u32)>, Vec<Delta<&str, u32>>> = FetchedAfter::Deltas {
///     deltas: vec![Delta::Put("low", 11)],
///     token: ResumeToken::from(3),
/// };
/// assert_ne!(answer, FetchedAfter::Unchanged);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchedAfter<C, D> {
    /// All contents: the refresh removes every other key from the map.
    Contents {
        /// The contents.
        contents: C,
        /// The position of the contents. Without one, the next fetch is of all contents again.
        token: Option<ResumeToken>,
    },
    /// The changes since the token of the call, in their order.
    Deltas {
        /// The changes. There may be none, if only the position has advanced.
        deltas: D,
        /// The position after the last change.
        token: ResumeToken,
    },
    /// Nothing has changed since the token of the call.
    Unchanged,
    /// The source cannot return the changes since the token: it does not know the token, or has
    /// discarded that part of its history. The poller drops the token and fetches all contents at
    /// once.
    Gap,
}

/// A source that returns the changes since the last fetch, such as the watch of a key-value store
/// or a replication log. The cost of a poll is that of its changes, not of the contents.
///
/// The poller stores the position, so a source needs no state but its connection. Each answer is
/// one commit; the position advances with the commit. After an error, a panic or a
/// [refusal](super::Refusal) the next call has the token of before. A source whose history has a
/// [gap](FetchedAfter::Gap) is asked for all contents.
///
/// Deltas are applied to the map as it is: entries that other threads write stay until their key is
/// put or deleted, or until the next contents. Of several deltas of one key only the last is
/// applied. The guard ([`PollerBuilder::max_removed`](super::PollerBuilder::max_removed)) applies
/// to deltas too. A [`Published`](crate::Published) takes no deltas.
///
/// Every [`Source`], hence every closure, is a `DeltaSource` without deltas.
///
/// # Examples
/// ```
/// use std::sync::{Arc, Mutex};
/// use std::time::Duration;
/// use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
/// use untorn::{Map, Poller};
///
/// /// The log of a server, and the number of entries that it has discarded.
/// #[derive(Default)]
/// struct Log {
///     entries: Vec<Delta<&'static str, u32>>,
///     discarded: usize,
/// }
///
/// struct Client(Arc<Mutex<Log>>);
///
/// impl DeltaSource for Client {
///     type Contents = Vec<(&'static str, u32)>;
///     type Deltas = Vec<Delta<&'static str, u32>>;
///     type Error = String;
///
///     fn fetch_after(
///         &mut self,
///         token: Option<&ResumeToken>,
///     ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, String> {
///         let log = self.0.lock().map_err(|error| error.to_string())?;
///         let token_now = ResumeToken::from(log.entries.len() as u64);
///         let Some(token) = token else {
///             let contents = vec![("low", 10), ("high", 20)]; // the state of the server
///             return Ok(FetchedAfter::Contents { contents, token: Some(token_now) });
///         };
///         match token.to_u64().map(|position| position as usize) {
///             Some(position) if position >= log.discarded => Ok(FetchedAfter::Deltas {
///                 deltas: log.entries[position..].to_vec(),
///                 token: token_now,
///             }),
///             _ => Ok(FetchedAfter::Gap),
///         }
///     }
/// }
///
/// let log = Arc::new(Mutex::new(Log::default()));
/// let limits = Arc::new(Map::new());
/// let client = Client(Arc::clone(&log));
/// let poller = Poller::every(Duration::from_secs(10), client).start(&limits)?;
/// let timeout = Duration::from_secs(60);
/// poller.wait_until_fresh(timeout).unwrap();
/// assert_eq!(limits.len(), 2);
///
/// log.lock().unwrap().entries.extend([Delta::Put("low", 11), Delta::Delete("high")]);
/// poller.refresh_now(timeout).unwrap();
/// assert_eq!((limits.get("low"), limits.get("high")), (Some(11), None));
/// assert_eq!(poller.status().resume_token, Some(ResumeToken::from(2)));
/// # Ok::<_, std::io::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a poller cannot fetch from `{Self}`",
    label = "not a source",
    note = "a source is a closure that takes no arguments and returns `Result<contents, error>`, or a \
            type that implements `untorn::Source` or `untorn::poller::DeltaSource`",
    note = "for a `Map` the contents are pairs of a key and a value; for a `Published` they are a value",
    note = "the error must convert into `Box<dyn Error + Send + Sync>`, as a `String` or an `io::Error` does \
            and a `Box<dyn Error>` without `+ Send + Sync` does not"
)]
pub trait DeltaSource {
    /// All contents: pairs of a key and a value, as of a [`Source`].
    type Contents;

    /// The changes since a position: an [`IntoIterator`] of [`Delta`], drained on the poller's
    /// thread before the writer lock of the map is acquired.
    type Deltas;

    /// The error of a fetch, as of a [`Source`].
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// Fetches the changes since `token`, or all contents if it is `None` or if they are cheaper
    /// to return.
    ///
    /// # Panics
    /// A panic is a failure like an error.
    ///
    /// # Errors
    /// If the server cannot be asked. The map and the position remain. A history that has been
    /// discarded is no error but a [`FetchedAfter::Gap`].
    fn fetch_after(
        &mut self,
        token: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, Self::Error>;

    /// Resets a [`Source`] whose contents did not get into the map.
    #[doc(hidden)]
    fn reset_contents(&mut self) {}

    /// Returns the delay of the next fetch, as [`Source::next_delay`] does.
    ///
    /// # Examples
    /// See [`Source::next_delay`].
    fn wanted_delay(&self) -> Option<Duration> {
        None
    }
}

/// The deltas of a source that has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDeltas {}

#[diagnostic::do_not_recommend]
impl<S: Source> DeltaSource for S {
    type Contents = S::Contents;
    type Deltas = NoDeltas;
    type Error = S::Error;

    fn fetch_after(
        &mut self,
        _: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<S::Contents, NoDeltas>, S::Error> {
        Ok(match self.fetch()? {
            Fetched::Contents(contents) => FetchedAfter::Contents {
                contents,
                token: None,
            },
            Fetched::Unchanged => FetchedAfter::Unchanged,
        })
    }

    fn reset_contents(&mut self) {
        self.reset();
    }

    fn wanted_delay(&self) -> Option<Duration> {
        self.next_delay()
    }
}
