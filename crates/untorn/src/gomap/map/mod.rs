//! `GoMap`: the table behind the overlap gate.

mod convert;
pub(super) mod cursor;
mod header;
mod rewrite;

use std::borrow::Borrow;
use std::fmt;
use std::panic::RefUnwindSafe;

use self::cursor::MapWalk;
use self::header::{Header, UpdateOnDrop};
use crate::gomap::table::Table;
use crate::gomap::table::assign::Replaced;
use crate::gomap::table::cursor::Walk;
use crate::gomap::table::hash::{FoldHash, KeyHash, SeededBuildHasher};
use crate::gomap::table::key::Key;
use crate::gomap::table::lookup::hashes_first;
use crate::gomap::table::stats::Stats;
use crate::gomap::table::trace::Lookup;
use crate::overlap::{AccessKind, Guarded, OnOverlap, Operation, Stretch, tsan};

/// Go's map, with Go's rule: whoever reads or writes it while another writes is told so, with both sides named.
///
/// Every method takes `&self`; share the map by `Arc` or a scope, as Go shares a map by its reference. The rule is
/// not a lock: nobody ever waits. It is for programs in which writers are *meant* to be alone, by a lock, a channel
/// or a phase of the program, and which want to be told where that is not so. To be safe instead of told, use
/// [`Map`](crate::Map): it is shared in the same way, most of its methods have the same names, and nothing overlaps.
///
/// # What counts as an overlap
/// Two accesses at the same time, at least one of them a write (`insert`, `update`, `remove`, `retain`, `clear`). Unlike in Go *every*
/// such pair counts: a reader that was first, `len`, a map that is empty or nil, the copying of the value in and
/// out. Of two overlapping accesses at least one reports; accesses that do not overlap are never reported, whatever
/// orders them. A map that is used again from inside one of its own accesses, by a `Hash`, `Eq`, `Clone`, `Drop` or
/// a closure, overlaps with itself if one of the two writes.
///
/// # What happens then
/// By default what happens in Go: a report on stderr and exit status 2; nothing can catch it. [`OnOverlap`] has the
/// milder ways, for one map by [`on_overlap`](Self::on_overlap), for all by `UNTORN_ON_OVERLAP=panic`. The access
/// that noticed does not proceed, so there is no data race even in a program that breaks the rule.
///
/// # Cost
/// A read costs the table's look-up and, for the gate, a few stores to memory of the thread's own, a fence and a load
/// of a word that no reader writes; a write also looks at a record for each thread that was using maps at the same
/// time as any other, and at the clock. No method waits for another thread, unless the
/// process is about to end with a report, or two walks begin at once, which take turns at a list; and none sleeps, unless
/// [`stretch`](Self::stretch) or `UNTORN_STRETCH` asks for it. As in Go, removing gives no memory back; `clear` does.
///
/// # Order
/// An access that begins after a write has ended sees what it wrote.
///
/// # Panics
/// If the policy is to panic, every method panics on an overlap, before it has touched the map. `Debug` is an access
/// too: printing a map while another thread writes is an overlap. A panic in `Hash`, `Eq`, `Clone` or a closure
/// leaves the map usable.
///
/// ```
/// use std::sync::Arc;
/// use untorn::GoMap;
///
/// let config = Arc::new(GoMap::named("config"));
/// config.insert("1", "265");
/// let reader = {
///     let config = Arc::clone(&config);
///     untorn::spawn("reader", move || config.get("1"))
/// };
/// // Nobody writes meanwhile, so this is fine.
/// assert_eq!(config.get("1"), Some("265"));
/// assert_eq!(reader.join().unwrap(), Some("265"));
/// ```
///
/// A `static` has to be made at compile time, which a map, whose seed is random, cannot be. A `LazyLock` makes it at its first
/// use:
///
/// ```
/// use std::sync::LazyLock;
/// use untorn::GoMap;
///
/// static CONFIG: LazyLock<GoMap<&str, u32>> = LazyLock::new(|| GoMap::named("config"));
/// CONFIG.insert("1", 265);
/// assert_eq!(CONFIG.get("1"), Some(265));
/// ```
pub struct GoMap<K, V, S = FoldHash> {
    cell: Guarded<Table<K, V, S>, Header>,
    /// The table's hasher once more, since hashes are made before the gate is entered.
    hasher: S,
}

// A panic inside an access leaves the gate, and the table as its methods leave it.
impl<K, V, S: RefUnwindSafe> RefUnwindSafe for GoMap<K, V, S> where Table<K, V, S>: RefUnwindSafe {}

macro_rules! operation {
    ($kind:ident $name:literal) => {
        &Operation {
            name: concat!("GoMap::", $name),
            kind: AccessKind::$kind,
        }
    };
}

impl<K, V> GoMap<K, V> {
    /// An empty map. Nothing is allocated before the first write.
    #[must_use]
    pub fn new() -> Self {
        Self::from(Table::new())
    }

    /// An empty map with a name that reports show. Names of more than 64 bytes are cut.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self::new().with_name(name)
    }

    /// An empty map with room for `hint` entries: Go's `make(map[K]V, hint)`.
    #[must_use]
    pub fn with_hint(hint: usize) -> Self {
        Self::from(Table::with_hint(hint))
    }

    /// Go's nil map: reads find it empty, `remove` and `clear` do nothing.
    ///
    /// ```should_panic
    /// let config = untorn::GoMap::nil();
    /// assert_eq!(config.get("1"), None);
    /// config.insert("1", "265"); // panics: assignment to entry in nil map
    /// ```
    #[must_use]
    pub fn nil() -> Self {
        Self::from(Table::nil())
    }
}

impl<K, V, S: Clone> GoMap<K, V, S> {
    /// An empty map that hashes with `hasher`, whose clones must hash as it does.
    ///
    /// ```
    /// use std::hash::RandomState;
    /// use untorn::GoMap;
    /// use untorn::gomap::Seeded;
    ///
    /// // SipHash, as std's HashMap.
    /// let config = GoMap::with_hasher(Seeded(RandomState::new())).with_name("config");
    /// config.insert("1", "265");
    /// assert_eq!(config.get("1"), Some("265"));
    /// ```
    #[must_use]
    pub fn with_hasher(hasher: S) -> Self {
        Self::from(Table::with_hasher(hasher))
    }
}

impl<K, V, S> GoMap<K, V, S> {
    /// Gives the map a name that reports show.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.cell.set_name(name);
        self
    }

    /// The name that reports show, cut to 64 bytes.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.cell.name()
    }

    /// Sets what an access does that notices an overlap, whatever the environment says.
    ///
    /// ```
    /// use untorn::{GoMap, OnOverlap};
    ///
    /// let map = GoMap::from([(1, 10)]).on_overlap(OnOverlap::Panic);
    /// // A write from inside a read of the same map overlaps with it.
    /// let caught = std::panic::catch_unwind(|| map.get_with(&1, |_| map.insert(2, 20)));
    /// assert!(caught.is_err());
    /// assert_eq!(map.len(), 1);
    /// ```
    #[must_use]
    pub fn on_overlap(mut self, on_overlap: OnOverlap) -> Self {
        self.cell.set_on_overlap(on_overlap);
        self
    }

    /// Sets how much time is spent on keeping accesses open, so that those that rarely meet do meet, whatever the
    /// environment says. [`Stretch`] says what it costs.
    ///
    /// ```
    /// use untorn::{GoMap, Stretch};
    ///
    /// let config = GoMap::named("config").stretch(Stretch::percent(1.0));
    /// let never = GoMap::named("requests").stretch(Stretch::OFF);
    /// # config.insert(1, 1);
    /// # never.insert(1, 1);
    /// ```
    #[must_use]
    pub fn stretch(mut self, stretch: Stretch) -> Self {
        self.cell.set_stretch(stretch);
        self
    }

    /// The table without its gate.
    #[must_use]
    pub fn into_table(self) -> Table<K, V, S> {
        self.cell.into_inner()
    }
}

impl<K, V, S> GoMap<K, V, S> {
    #[inline(always)]
    #[track_caller]
    fn read<R>(&self, operation: &'static Operation, f: impl FnOnce(&Table<K, V, S>) -> R) -> R {
        self.cell.read(operation, |table| {
            // ThreadSanitizer is told of the access; what a read runs of foreign code may order.
            let _order = tsan::show_order();
            f(table)
        })
    }

    #[inline(always)]
    #[track_caller]
    pub(super) fn write<R>(
        &self,
        operation: &'static Operation,
        f: impl FnOnce(&mut Table<K, V, S>) -> R,
    ) -> R {
        self.cell.write(operation, |table, header| {
            let _hidden = tsan::hide();
            let change = UpdateOnDrop { table, header };
            f(change.table)
        })
    }

    /// Number of entries. Counts as a read: Go does not check it, here it can overlap with a write.
    #[must_use]
    #[track_caller]
    pub fn len(&self) -> usize {
        self.read(operation!(Read "len"), Table::len)
    }

    /// Whether there is no entry. Counts as a read.
    #[must_use]
    #[track_caller]
    pub fn is_empty(&self) -> bool {
        self.read(operation!(Read "is_empty"), Table::is_empty)
    }

    /// Whether this is Go's nil map. Not an access: a map does not become nil or cease to be.
    #[must_use]
    pub fn is_nil(&self) -> bool {
        self.cell.description().nil
    }

    /// Takes everything out: Go's `clear(m)`. The number of buckets stays. The entries are dropped after the map
    /// is free again. O(buckets + entries).
    #[track_caller]
    pub fn clear(&self) {
        let cleared = self.write(operation!(Write "clear"), Table::take_all);
        drop(cleared);
    }

    /// Calls `f` with every entry, in one access: the map must not be written to until all are done, by `f`
    /// neither. The order is unspecified and differs from call to call. O(buckets + entries).
    ///
    /// ```
    /// let map = untorn::GoMap::from([("1", 265), ("2", 17)]);
    /// let mut sum = 0;
    /// map.iter_with(|_, value| sum += value);
    /// assert_eq!(sum, 282);
    /// ```
    #[track_caller]
    pub fn iter_with(&self, mut f: impl FnMut(&K, &V)) {
        self.read(operation!(Iterate "iter_with"), |table| {
            table.iter().for_each(|(key, elem)| {
                let _shown = tsan::show();
                f(key, elem);
            });
        });
    }

    /// Begins a walk over the entries, during which the map may change: Go's `for k, v := range m`. Beginning it is an
    /// access, and so is each step. O(1).
    ///
    /// ```
    /// let config = untorn::GoMap::from([("1", 265), ("2", 17)]);
    /// for (key, _) in config.walk() {
    ///     config.remove(key);
    /// }
    /// assert!(config.is_empty());
    /// ```
    #[track_caller]
    pub fn walk(&self) -> MapWalk<'_, K, V, S> {
        let walk = self.read(operation!(Iterate "walk"), |table| {
            // Threads that begin walks at the same time take turns at a list, and are not thereby ordered.
            let _hidden = tsan::hide();
            table.walk()
        });
        MapWalk { map: self, walk }
    }

    /// One step of a walk, in one access.
    #[track_caller]
    pub(super) fn walk_step<R>(&self, walk: &mut Walk, f: impl FnOnce(&K, &V) -> R) -> Option<R> {
        self.read(operation!(Iterate "walk"), |table| {
            let next = {
                let _hidden = tsan::hide();
                walk.next(table)
            };
            next.map(|(key, elem)| f(key, elem))
        })
    }

    /// The header of the table: what Go keeps in `hmap`. Counts as a read. O(1). ([`untorn::Stats`](crate::Stats) is that of a
    /// [`Map`](crate::Map).)
    ///
    /// ```
    /// let map: untorn::GoMap<_, _> = (0..27).map(|n| (n, n)).collect();
    /// let stats = map.stats();
    /// assert_eq!((stats.count, stats.b), (27, 3)); // the twenty-seventh key began to double four buckets
    /// assert_eq!(stats.growth, Some(untorn::gomap::Growth::Doubling));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn stats(&self) -> Stats {
        self.read(operation!(Read "stats"), Table::stats)
    }
}

impl<K: Key, V, S: SeededBuildHasher> GoMap<K, V, S> {
    /// The hash of a key that is about to be written: Go too hashes before it sets `hashWriting`, so that a `Hash`
    /// that panics leaves nothing behind.
    #[inline(always)]
    pub(super) fn hash_ahead<Q: Key + ?Sized>(&self, key: &Q) -> KeyHash {
        // Whether it is still the seed is checked inside.
        let hash0 = self.cell.description().hash0();
        KeyHash {
            hash0,
            hash: self.hasher.hash_one(key, hash0),
        }
    }

    /// The same for a look-up, unless it will not want the hash.
    #[inline(always)]
    fn hash_ahead_for_lookup<Q: Key + ?Sized>(&self, key: &Q) -> Option<KeyHash> {
        let (count, b, _) = self.cell.description().load();
        (count > 0 && hashes_first::<Q, V>(b)).then(|| self.hash_ahead(key))
    }

    #[inline(always)]
    #[track_caller]
    fn lookup_with<Q, R>(
        &self,
        operation: &'static Operation,
        key: &Q,
        f: impl FnOnce(Option<&V>) -> R,
    ) -> R
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        let hash = self.hash_ahead_for_lookup(key);
        self.read(operation, |table| {
            f(table.lookup(key, hash, &mut ()).map(|(_, elem)| elem))
        })
    }

    /// The value of `key`, cloned inside the access: Go's `v, ok := m[k]`. O(1) on average.
    #[inline]
    #[track_caller]
    pub fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
        V: Clone,
    {
        self.lookup_with(operation!(Read "get"), key, |elem| elem.cloned())
    }

    /// Calls `f` with the value of `key` if there is one. The access lasts until `f` returns, so `f` must not write
    /// to this map. O(1) on average, and `f`.
    #[inline]
    #[track_caller]
    pub fn get_with<Q, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.lookup_with(operation!(Read "get_with"), key, |elem| {
            let _shown = tsan::show();
            elem.map(f)
        })
    }

    /// The value of `key`, or the zero value, which is its `Default`: Go's `m[k]`. O(1) on average.
    ///
    /// ```
    /// let visits = untorn::GoMap::from([("home", 3)]);
    /// assert_eq!(visits.get_or_zero("about"), 0);
    /// ```
    #[inline]
    #[track_caller]
    pub fn get_or_zero<Q>(&self, key: &Q) -> V
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
        V: Clone + Default,
    {
        self.lookup_with(operation!(Read "get_or_zero"), key, |elem| elem.cloned())
            .unwrap_or_default()
    }

    /// Whether `key` has a value. O(1) on average.
    #[inline]
    #[track_caller]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        self.lookup_with(operation!(Read "contains_key"), key, |elem| elem.is_some())
    }

    /// Looks `key` up and tells the way it went. Counts as a read; O(1) on average, and allocates the list of steps.
    ///
    /// ```
    /// let config = untorn::GoMap::from([("1", "265")]);
    /// println!("{}", config.trace("1")); // mapaccess1_faststr, one bucket, short key, ...
    /// assert_eq!(config.trace("2").full_compares(), 1);
    /// ```
    #[must_use]
    #[track_caller]
    pub fn trace<Q>(&self, key: &Q) -> Lookup
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        let hash = self.hash_ahead_for_lookup(key);
        self.read(operation!(Read "trace"), |table| {
            table.trace_hashed(key, hash)
        })
    }

    /// Gives `key` the value `elem` and returns the value it had: Go's `m[k] = v`. O(1) on average.
    ///
    /// The value is stored inside the access (Go stores it when the check is over). What is replaced is dropped or
    /// returned when the map is free again.
    ///
    /// # Panics
    /// With Go's text, `assignment to entry in nil map`, if the map is [`nil`](Self::nil).
    #[inline]
    #[track_caller]
    pub fn insert(&self, key: K, elem: V) -> Option<V> {
        if self.is_nil() {
            // An access all the same: another's clear may overlap with it.
            self.write(operation!(Write "insert"), |_| ());
            panic!("assignment to entry in nil map");
        }
        let hash = self.hash_ahead(&key);
        let replaced = self.write(operation!(Write "insert"), |table| {
            table.assign(key, elem, Some(hash))
        });
        replaced.map(Replaced::into_elem)
    }

    /// Takes `key` out and returns its value: Go's `delete(m, k)`. Does nothing to a nil map. O(1) on average.
    #[inline]
    #[track_caller]
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Key + ?Sized,
    {
        // Go does not hash for an empty map either.
        let (count, ..) = self.cell.description().load();
        let hash = (count > 0).then(|| self.hash_ahead(key));
        let removed = self.write(operation!(Write "remove"), |table| table.delete(key, hash));
        removed.map(Replaced::into_elem)
    }

    /// A map with clones of all entries: Go's `maps.Clone`. One access; the clone has the same name, policy and
    /// stretch, and a gate of its own. O(buckets + entries).
    ///
    /// ```
    /// let config = untorn::GoMap::from([("1", "265")]);
    /// let before = config.deep_clone();
    /// config.insert("1", "17");
    /// assert_eq!(before.get("1"), Some("265"));
    /// ```
    #[must_use]
    #[track_caller]
    pub fn deep_clone(&self) -> Self
    where
        K: Clone,
        V: Clone,
        S: Clone,
    {
        let table = self.read(operation!(Clone "deep_clone"), Table::clone);
        let mut clone = Self::from(table);
        clone.cell.copy_settings(&self.cell);
        clone
    }
}

impl<K, V, S: Clone> From<Table<K, V, S>> for GoMap<K, V, S> {
    /// Puts a table behind a gate.
    fn from(table: Table<K, V, S>) -> Self {
        let hasher = table.hasher().clone();
        let header = Header::of(&table);
        Self {
            cell: Guarded::new(table, header),
            hasher,
        }
    }
}

impl<K: Key, V, const N: usize> From<[(K, V); N]> for GoMap<K, V> {
    fn from(entries: [(K, V); N]) -> Self {
        Self::from_iter(entries)
    }
}

impl<K: Key, V, S: SeededBuildHasher + Default + Clone> FromIterator<(K, V)> for GoMap<K, V, S> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self::from(Table::from_iter(entries))
    }
}

impl<K: Key, V, S: SeededBuildHasher> Extend<(K, V)> for GoMap<K, V, S> {
    /// Inserts one by one, each an access of its own.
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, elem) in entries {
            self.insert(key, elem);
        }
    }
}

impl<K, V, S: Default + Clone> Default for GoMap<K, V, S> {
    fn default() -> Self {
        Self::from(Table::default())
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for GoMap<K, V, S> {
    /// Shows the name and the entries. Counts as an iteration, whose line in a report is in here, since `Debug` does not pass
    /// on its caller.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read(operation!(Iterate "fmt"), |table| {
            let mut debug = f.debug_struct("GoMap");
            if let Some(name) = self.name() {
                debug.field("name", &name);
            }
            debug.field("entries", table).finish()
        })
    }
}
