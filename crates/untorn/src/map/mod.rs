//! [`Map`]: reads never wait, and what is written in one batch and read under one pin is never seen by halves.

// `table/` is the persistent table, without threads; `view.rs` reads one revision, `draft.rs` makes
// the contents of one, `batch.rs` publishes them, `write.rs` has the writes of a map; `outcome.rs`
// has what a write returns, `stats.rs` what a map keeps, `origin.rs` which map a view is of. The
// one word that names the newest version is in `../published/cell.rs`, without tables.

mod batch;
mod draft;
mod origin;
mod outcome;
#[cfg(feature = "rayon")]
mod rayon;
mod stats;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod write;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::time::Duration;

pub use self::batch::Batch;
use self::draft::Draft;
pub use self::outcome::{Committed, Refreshed, RevisionMismatch};
#[cfg(feature = "rayon")]
pub use self::rayon::ParIter;
pub use self::stats::Stats;
use self::table::Table;
pub use self::view::{Change, Iter, View};
use crate::published::{
    Pinned, Published, Reader, Revision, Snapshot, Subscription, Timeout, Writer,
};

/// The default: [foldhash](https://docs.rs/foldhash), fast variant, with a seed for each map.
///
/// foldhash calls itself *minimally* DoS-resistant: no list of keys collides in every program. It does not claim to resist
/// an attacker who interacts with the program, and does not take its seeds from the random numbers of the system, but
/// from addresses and the clock. What leaks hashes: the time that a look-up takes, and the order of iteration, which is also
/// the order of what serde writes. For keys that others choose take [`std::hash::RandomState`].
pub type DefaultHashBuilder = foldhash::fast::RandomState;

/// A map that many threads read while others change it: reads never wait, and what is written in one batch and read under
/// one pin is never seen by halves.
///
/// # Consistency
/// Commits are totally ordered. Every view is exactly the state after some commit. A commit that returned before a pin
/// began is in that pin's view, also when the pin is nested in an older one. A batch is all or nothing. A thread never
/// goes backwards. The claim is *one batch, one pin*: two calls of [`get`](Self::get) may see two revisions.
///
/// # Progress
/// Pins and reads never block; on targets whose pointers have fewer than 64 bits a pin may wait
/// while a commit swaps one pointer. Writers wait for each other only: a write holds the writer lock
/// of its map from its beginning to its commit, closures included, and a
/// [`begin_batch`](Self::begin_batch) until its guard ends. So two threads that each have a batch
/// of one map open and write to the map of the other wait forever, as with any two locks, and so
/// does a thread with an open write that waits for another thread, or task, which writes to the
/// same map.
///
/// # Which writes make a revision
/// Those that change something: removing what is not there, clearing an empty map, refreshing with
/// the same contents, a batch without writes and one that is dropped do not. An insert does, even
/// of an equal value.
///
/// # Memory
/// A commit copies the segments that it writes to and shares the rest with the version before. So neighbours of a changed
/// key are cloned, for one key some 300 and, with a segment that is split, hardly ever over 1,000; with keys or values that
/// have a `Drop` some 40, and hardly ever over 150; fewer if entries are larger than 64 bytes. (With a hasher that spreads badly, more.) Keep
/// values cheap to clone, `Arc` large ones, and note that a value with interior mutability is another value in the next
/// version. What is kept, and who frees it, is as told at [`Published`].
///
/// # Moving here
/// [A page](crate::pages::migrate) has the calls of other maps beside these, and [another](crate::pages::limits) the limits.
///
/// # Panics
/// A write on a thread that has another write to the same map open, in a closure or by a batch,
/// would deadlock; it panics, and so does a wait for a commit. A panic in a closure, or in `Hash`,
/// `Eq` or `Clone`, publishes nothing and leaves the map usable. What did not get into the map is
/// dropped after the writer lock has been released. (Not so what such a closure owned, nor the
/// copies of neighbours that a `Clone` that panics leaves: if their `Drop` writes to the same map,
/// that is a second panic.) A panic in the `Drop` of a key or value that was replaced comes after
/// the commit.
///
/// ```
/// use untorn::Map;
///
/// let config = Map::named("config");
/// config.batch(|batch| {
///     batch.insert("1", "265");
///     batch.insert("2", "265");
/// });
/// let view = config.pin();
/// assert_eq!(view.get("1"), view.get("2")); // written together, read together
/// ```
///
/// A `static` has to be made at compile time, which a map, whose hasher is seeded at random, cannot be. A `LazyLock` makes it at
/// its first use:
///
/// ```
/// use std::sync::LazyLock;
/// use untorn::Map;
///
/// static CONFIG: LazyLock<Map<&str, u32>> = LazyLock::new(|| Map::named("config"));
/// CONFIG.insert("1", 265);
/// assert_eq!(CONFIG.get("1"), Some(265));
/// ```
pub struct Map<K, V, S = DefaultHashBuilder> {
    published: Published<View<K, V, S>>,
}

impl<K, V> Map<K, V> {
    /// An empty map, at revision 0.
    #[must_use]
    pub fn new() -> Self {
        Self::with_hasher(DefaultHashBuilder::default())
    }

    /// An empty map with a name, which its `Debug` shows.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::new().with_name(name)
    }
}

impl<K, V, S> Map<K, V, S> {
    /// An empty map that hashes with `hasher`, whose clones must hash as it does. Keys whose hashes agree in the bits above
    /// the lowest nine share a segment, whatever its size: a hasher should not leave those to chance.
    #[must_use]
    pub fn with_hasher(hasher: S) -> Self {
        Self::of(Table::new(), hasher)
    }

    /// The same map with a name.
    ///
    /// ```
    /// use std::hash::RandomState;
    /// use untorn::Map;
    ///
    /// let sessions: Map<String, u32, _> = Map::with_hasher(RandomState::new()).with_name("sessions");
    /// assert_eq!(sessions.name(), Some("sessions"));
    /// ```
    #[must_use]
    pub fn with_name(self, name: &str) -> Self {
        self.pin().origin.set_name(name);
        Self {
            published: self.published.with_name(name),
        }
    }

    fn of(table: Table<K, V>, hasher: S) -> Self {
        Self {
            published: Published::new(View {
                table,
                revision: Revision::FIRST,
                hasher,
                origin: Arc::default(),
            }),
        }
    }

    /// The right to publish. `what` is to be done, such as "write to".
    #[track_caller]
    fn writer(&self, what: &'static str) -> Writer<'_, View<K, V, S>> {
        self.published.writer(&What(what, self.name()))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.published.name()
    }

    /// Borrows the newest view for a moment: what is read through it is of one revision. O(1), waits for nobody.
    pub fn pin(&self) -> Pinned<'_, View<K, V, S>> {
        self.published.pin()
    }

    /// The newest view, to keep. O(1), waits for nobody.
    pub fn snapshot(&self) -> Snapshot<View<K, V, S>> {
        self.published.snapshot()
    }

    /// A handle that reads the newest view again and again at the least cost. An idle one keeps one version.
    #[must_use]
    pub fn reader(&self) -> Reader<View<K, V, S>> {
        self.published.reader()
    }

    /// The newest revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.published.revision()
    }

    /// Waits until `wanted` or a later revision is the newest, and returns the newest.
    ///
    /// # Errors
    /// [`Timeout`] if that takes longer than `at_most`.
    ///
    /// # Panics
    /// If it would have to wait while this thread has a write to this map open: that would
    /// deadlock.
    #[track_caller]
    pub fn wait_for(&self, wanted: Revision, at_most: Duration) -> Result<Revision, Timeout> {
        self.published.wait_for(wanted, at_most)
    }

    /// Follows the commits from now on: each step comes as two snapshots, the one seen last and the newest. A slow
    /// subscriber misses revisions, is told how many, and costs nobody else anything.
    ///
    /// ```
    /// let config = untorn::Map::from([("1", 265), ("2", 17)]);
    /// let mut changes = config.subscribe();
    /// config.insert("1", 266);
    /// config.remove("2");
    /// let change = changes.recv().unwrap();
    /// assert_eq!((change.to.diff(&change.from).count(), change.missed), (2, 1));
    /// drop(config);
    /// assert!(changes.recv().is_err(), "it ends with the map");
    /// ```
    pub fn subscribe(&self) -> Subscription<View<K, V, S>> {
        self.published.subscribe()
    }

    /// Number of entries now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pin().len()
    }

    /// Whether there is no entry now.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Frees every replaced version that nobody sees any more and returns how many those were. Waits for writers.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock.
    #[track_caller]
    pub fn reclaim(&self) -> usize {
        self.writer("reclaim versions of").reclaim()
    }

    /// How many replaced versions are kept; [`stats`](Self::stats) tells more. Waits for writers.
    ///
    /// # Panics
    /// If this thread has a write to this map open: that would deadlock.
    #[must_use]
    #[track_caller]
    pub fn retained(&self) -> usize {
        self.writer("count the versions of").retired().len()
    }
}

impl<K, V, S: Clone> Map<K, V, S> {
    /// Returns another map that begins with the contents of this one, at revision 0. O(1): both
    /// share everything until one of them changes it. A view of one is not a view of the other: see
    /// [`batch_if_unchanged`](Self::batch_if_unchanged).
    #[must_use]
    pub fn fork(&self) -> Self {
        let newest = self.pin();
        let fork = Self::of(newest.table.clone(), newest.hasher.clone());
        match self.name() {
            Some(name) => fork.with_name(name),
            None => fork,
        }
    }
}

impl<K: Eq + Hash, V, S: BuildHasher> Map<K, V, S> {
    /// The value of `key` now, cloned. Two calls may see two revisions: read several keys under one [`pin`](Self::pin).
    ///
    /// ```
    /// let config = untorn::Map::from([("1", 265), ("2", 265)]);
    /// // May be of two revisions, if somebody writes in between:
    /// let _ = (config.get("1"), config.get("2"));
    /// // Never:
    /// let view = config.pin();
    /// let _ = (view.get("1"), view.get("2"));
    /// ```
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
        V: Clone,
    {
        self.pin().get(key).cloned()
    }

    /// Whether `key` has a value now.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.pin().contains_key(key)
    }
}

/// What is done to which map, for the panic of a write inside of another one.
struct What<'m>(&'static str, Option<&'m str>);

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(what, name) = self;
        match name {
            Some(name) => write!(f, "{what} map {name:?}"),
            None => write!(f, "{what} a map"),
        }
    }
}

impl<K: Eq + Hash, V: PartialEq, S: BuildHasher> PartialEq for Map<K, V, S> {
    /// Whether the newest views of both have the same entries, at whatever revisions. Pins each of
    /// them once and compares entry by entry; a commit to one of the maps meanwhile does not mix
    /// two revisions.
    ///
    /// ```
    /// let limits = untorn::Map::from([("low", 10), ("high", 20)]);
    /// let fork = limits.fork();
    /// assert_eq!(limits, fork);
    /// fork.insert("low", 11);
    /// assert_ne!(limits, fork);
    /// ```
    fn eq(&self, other: &Self) -> bool {
        *self.pin() == *other.pin()
    }
}

impl<K: Eq + Hash, V: Eq, S: BuildHasher> Eq for Map<K, V, S> {}

impl<K, V, S: Default> Default for Map<K, V, S> {
    fn default() -> Self {
        Self::with_hasher(S::default())
    }
}

impl<K, V, S> Extend<(K, V)> for &Map<K, V, S>
where
    K: Eq + Hash + Clone,
    V: Clone,
    S: BuildHasher + Clone,
{
    /// Inserts all of them, in one commit. They are drained before other writers have to wait.
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        let mut entries = entries.into_iter().collect::<Vec<_>>().into_iter();
        let mut batch = self.begin_batch();
        // By reference: what a panic leaves over is dropped after the batch, which releases the
        // lock.
        batch.extend(entries.by_ref());
        batch.commit();
    }
}

impl<K, V, S> Extend<(K, V)> for Map<K, V, S>
where
    K: Eq + Hash + Clone,
    V: Clone,
    S: BuildHasher + Clone,
{
    /// As that of `&Map`.
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        (&*self).extend(entries);
    }
}

impl<K: Eq + Hash + Clone, V: Clone, R> From<HashMap<K, V, R>> for Map<K, V> {
    fn from(entries: HashMap<K, V, R>) -> Self {
        entries.into_iter().collect()
    }
}

impl<K, V, S> FromIterator<(K, V)> for Map<K, V, S>
where
    K: Eq + Hash + Clone,
    V: Clone,
    S: BuildHasher + Clone + Default,
{
    /// A map that begins with these entries, at revision 0.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut draft = Draft::new(Table::new(), S::default());
        draft.extend(entries);
        let (table, hasher, leftovers) = draft.into_parts();
        let map = Self::of(table, hasher);
        // Written out, so that a panic in a `Drop` drops the map too.
        drop(leftovers);
        map
    }
}

impl<K: Eq + Hash + Clone, V: Clone, const N: usize> From<[(K, V); N]> for Map<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        Self::from_iter(entries)
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for Map<K, V, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let newest = self.pin();
        let mut debug = f.debug_struct("Map");
        if let Some(name) = self.name() {
            debug.field("name", &name);
        }
        debug
            .field("revision", &newest.revision.get())
            .field("entries", &*newest)
            .finish()
    }
}
