//! [`Map`]: reads never block, and readers see a batch of writes whole or not at all.
//!
//! Start at [`Map`]; a [`View`] is what its reads return, a [`Batch`] writes several keys at once.

// | file | what |
// |---|---|
// | `construct.rs`, `configure.rs`, `convert.rs` | creating, naming, forking, conversions |
// | `read.rs`, `view.rs` | the reads of a map; the contents of one revision |
// | `write.rs`, `batch.rs`, `draft.rs`, `outcome.rs` | the writes; a guard that publishes; the contents it prepares; what a write returns |
// | `conditional.rs` | writes that depend on present values, or on a view |
// | `refresh.rs`, `source.rs` | replacing the contents by those of a source; what differs |
// | `initialize.rs`, `in_progress.rs` | values that are computed on demand; the keys whose initializers run |
// | `follow.rs` | subscriptions and waits |
// | `filtered/` | subscriptions to some keys |
// | `restore.rs` | the contents of an earlier view |
// | `into_iter.rs` | the entries by value |
// | `stats.rs` | retained versions and memory |
// | `origin.rs` | the identity of the map that a view is of |
// | `remains.rs` | versions that are dropped in parts |
// | `table/` | the persistent table, without concurrency |
//
// The publication word and the versions are in `../published/`, which is independent of tables.

// In the order in which the documentation shows the methods of a map.
mod construct;
mod read;
mod write;

mod conditional;

mod initialize;

mod refresh;

mod batch;

mod restore;

mod follow;

mod filtered;

mod configure;

mod stats;

mod view;

mod convert;
mod draft;
mod in_progress;
mod into_iter;
mod iter;
mod origin;
mod outcome;
#[cfg(feature = "rayon")]
mod rayon;
mod remains;
mod source;
mod table;
#[cfg(all(test, not(any(untorn_loom, untorn_shuttle))))]
mod tests;

use std::fmt;
use std::hash::BuildHasher;
use std::sync::Arc;

pub use self::batch::Batch;
#[cfg(feature = "stream")]
pub use self::filtered::FilteredSubscriptionStream;
pub use self::filtered::{
    Filter, FilteredSubscription, FilteredTransition, KeySubscription, KeyTransition, KeysWhere,
    OneKey,
};
use self::in_progress::InProgress;
pub use self::into_iter::IntoIter;
pub use self::iter::{Changes, Iter, Keys, Values};
use self::origin::Origin;
pub use self::outcome::{BatchOutcome, DuplicateKeys, Refreshed, RevisionMismatch};
#[cfg(feature = "rayon")]
pub use self::rayon::ParIter;
use self::remains::Remains;
pub use self::stats::MapStats;
use self::table::Table;
pub use self::view::{Change, View};
pub use crate::hash::DefaultHasher;
use crate::published::{Published, Revision, WriteContext, Writer};

/// The default hasher: [foldhash](https://docs.rs/foldhash), fast variant, with a seed for each
/// map.
///
/// foldhash calls itself *minimally* DoS-resistant: there is no fixed list of keys that collides in
/// every program. It does not claim to resist an attacker who interacts with the program, and it
/// takes its seeds from addresses and the clock, not from the random numbers of the system. Hashes
/// leak through the time that a lookup takes and through the order of iteration, which is also the
/// order in which serde serializes. For keys that others choose use [`std::hash::RandomState`].
///
/// # Examples
/// ```
/// use untorn::Map;
/// use untorn::map::DefaultHashBuilder;
///
/// let limits: Map<&str, u32> = Map::with_hasher(DefaultHashBuilder::default());
/// assert!(limits.is_empty());
/// ```
#[derive(Clone, Default)]
pub struct DefaultHashBuilder(foldhash::fast::RandomState);

impl BuildHasher for DefaultHashBuilder {
    type Hasher = DefaultHasher;

    #[inline(always)]
    fn build_hasher(&self) -> DefaultHasher {
        DefaultHasher(self.0.build_hasher())
    }
}

impl fmt::Debug for DefaultHashBuilder {
    /// Formats the name only: logs must not reveal the seed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DefaultHashBuilder")
    }
}

/// A map that many threads read while others change it: reads never block, and readers see a batch
/// of writes whole or not at all.
///
/// Share it by `Arc`, by a scope or in a `static`; every method takes `&self`. A *pin* is a view of
/// one *revision*, the state after one commit.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use std::thread;
/// use untorn::Map;
///
/// let config = Arc::new(Map::named("config"));
/// config.batch(|batch| {
///     batch.insert("low", 10);
///     batch.insert("high", 20);
/// });
/// let writer = {
///     let config = Arc::clone(&config);
///     thread::spawn(move || config.update("hits", |n| Some(n.copied().unwrap_or(0) + 1)))
/// };
///
/// let view = config.pin(); // one revision, whatever the writer does
/// assert_eq!(view["high"] - view["low"], 10);
/// for (key, value) in &view {
///     println!("{key} = {value}");
/// }
/// writer.join().unwrap();
/// assert_eq!(config.get("hits"), Some(1));
/// ```
///
/// The hasher of a map is seeded when the map is created, so a `static` needs a `LazyLock`:
///
/// ```
/// use std::sync::LazyLock;
/// use untorn::Map;
///
/// static CONFIG: LazyLock<Map<&str, u32>> = LazyLock::new(|| Map::named("config"));
/// CONFIG.insert("port", 80);
/// assert_eq!(CONFIG.get("port"), Some(80));
/// ```
///
/// Guides: [moving from another map](crate::docs::migrate), [all limits](crate::docs::limits).
///
/// # Keys
/// A key is looked up by every type that is [`Equivalent`](crate::Equivalent) to it and hashes as
/// it does. That is each form that `K` can be borrowed as: `&str` for a `Map<String, _>`, a
/// `Map<Box<str>, _>` or a `Map<Arc<str>, _>`, and `&T` for a `Map<Arc<T>, _>`.
///
/// Composite keys need a type of your own, which compares its parts in place: nothing is allocated
/// for the lookup. It cannot be a bare tuple. `(&str, &str)` is equivalent to itself by the trait,
/// and no crate but that of the trait can make it equivalent to `(String, String)`.
///
/// ```
/// use untorn::{Equivalent, Map};
///
/// /// A user and a device, borrowed. The fields are hashed in the order of the tuple's.
/// #[derive(Hash)]
/// struct Session<'a>(&'a str, &'a str);
///
/// impl Equivalent<(String, String)> for Session<'_> {
///     fn equivalent(&self, (user, device): &(String, String)) -> bool {
///         self.0 == user && self.1 == device
///     }
/// }
///
/// let sessions: Map<(String, String), u32> = Map::new();
/// sessions.insert(("ada".to_owned(), "phone".to_owned()), 7);
/// assert_eq!(sessions.get(&Session("ada", "phone")), Some(7));
/// assert_eq!(sessions.pin()[&Session("ada", "phone")], 7);
/// let to_key = |session: &Session<'_>| (session.0.to_owned(), session.1.to_owned());
/// sessions.get_or_insert_with_by_ref(&Session("ada", "desk"), to_key, |_| 8);
/// assert_eq!(sessions.remove(&Session("ada", "desk")), Some(8));
/// ```
///
/// # Consistency
/// Commits are totally ordered, and batches are serializable. Every view is exactly the state after
/// some commit. A commit that returned before a pin began is in that pin's view, even if the thread
/// holds an older pin. Successive pins of one thread never return older revisions.
///
/// This holds within *one batch and one pin*: two calls of [`get`](Self::get) may observe two
/// revisions (read skew). A read followed by a write across two calls can lose an update, unless
/// both happen in one [`batch`](Self::batch) or by [`batch_if_unchanged`](Self::batch_if_unchanged).
///
/// # Progress
/// Pins and reads never block: after a thread's first pin they are wait-free, unless the thread
/// holds more than seven pins at once.
///
/// Writers wait only for each other. The first waiting writer is overtaken at most 16 times; the
/// n-th at most 16 n times. A write holds the writer lock from its beginning to its commit,
/// closures included; a batch of [`begin_batch`](Self::begin_batch) holds it until its guard ends.
/// (Closures that compute an absent value run without the lock: see
/// [`get_or_insert_with`](Self::get_or_insert_with).) Two threads that each hold a batch of one map
/// and write to the other's map deadlock, as with any two locks. So does a thread with an open
/// write that waits for another thread, or a task, that writes to the same map.
///
/// # Which writes make a revision
/// A write makes a revision if it changes something, and every insert does, even of an equal value.
/// Removing an absent key, clearing an empty map, refreshing with the same contents, a batch
/// without writes and a batch that is dropped make none.
///
/// # Memory
/// The map is persistent: a commit copies the segments that it writes to (copy-on-write) and shares
/// the rest with the version before. So writing one key clones about 300 entries, its neighbors
/// (rarely over 1,000, when a segment splits); about 40 (rarely over 150) if keys or values have a
/// `Drop`; fewer if entries are large; more with a hasher that spreads keys badly. Keep values
/// cheap to clone, and put large ones behind an `Arc`. Cloning a value with interior mutability
/// splits it: a later change is visible in one version only.
///
/// A replaced version is retained while a pin, a snapshot, a reader or a subscription references
/// it, and then freed by a writer, as [`Published`] says. A commit of 16 writes or more looks for
/// such versions; smaller ones do once in 64 (256 while they find none), or after more has been
/// replaced than 1 MiB, a sixteenth of the map, and what the views that the last look found
/// retain. A large version is freed in parts: a commit drops at most twice the entries of the
/// segments that it changes and some 2,000 more.
///
/// So the `Drop` of a key or value that was removed or replaced may run some 100 commits later; for
/// a large version, one more commit for each 2,000 entries. On a map that is no longer written to,
/// it runs at the next [`reclaim`](Self::reclaim). Until then a `Weak` of it can be upgraded. Where
/// a `Drop` has an effect that others wait for, set
/// [`with_prompt_reclamation`](Self::with_prompt_reclamation).
///
/// # Panics
/// - A write on a thread that has another write to the same map open, in a closure or by a batch,
///   panics, since it would deadlock. So does a wait for a commit, [`stats`](Self::stats),
///   [`retained`](Self::retained) and [`reclaim`](Self::reclaim).
/// - A panic in a closure, or in `Hash`, `Eq` or `Clone`, publishes nothing and leaves the map
///   usable. Keys and values that did not get into the map are dropped after the writer lock has
///   been released. (Exceptions: values owned by the closure, and clones already made when a
///   `Clone` panics, are dropped while the lock is held; if their `Drop` writes to the same map,
///   that is a second panic, which aborts.)
/// - A panic in the `Drop` of a key or value that was replaced comes after the commit.
pub struct Map<K, V, S = DefaultHashBuilder> {
    published: Published<View<K, V, S>>,
    remains: Remains<K, V>,
    /// Set if each commit frees every version that nothing references.
    prompt_reclamation: bool,
    in_progress: InProgress<K>,
}

impl<K, V, S> Map<K, V, S> {
    fn of(table: Table<K, V>, hasher: S) -> Self {
        Self::with_origin(table, hasher, Origin::default())
    }

    /// Creates a map with this identity, which has the name.
    fn with_origin(table: Table<K, V>, hasher: S, origin: Origin) -> Self {
        let name = origin.name();
        let published = Published::new(View {
            table,
            revision: Revision::FIRST,
            hasher,
            origin: Arc::new(origin),
        });
        Self {
            published: match name {
                Some(name) => published.with_name(&name),
                None => published,
            },
            remains: Remains::new(),
            prompt_reclamation: false,
            in_progress: InProgress::new(),
        }
    }

    /// Acquires the writer lock. `operation` is a verb such as "write to", for the panic of a
    /// nested write.
    #[track_caller]
    fn writer(&self, operation: &'static str) -> Writer<'_, View<K, V, S>> {
        self.published.writer(&self.context(operation))
    }

    fn context(&self, operation: &'static str) -> WriteContext<'_> {
        WriteContext {
            operation,
            kind: "map",
            name: self.name(),
        }
    }
}
