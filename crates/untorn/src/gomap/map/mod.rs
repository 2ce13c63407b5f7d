//! `GoMap`: the table behind the overlap detector.

/// The description of an operation, for reports.
macro_rules! operation {
    ($kind:ident $name:literal) => {
        &crate::overlap::Operation {
            name: concat!("GoMap::", $name),
            kind: crate::overlap::AccessKind::$kind,
        }
    };
}

// rustdoc lists the methods of `GoMap` in the order of these modules: the common ones come first.
mod construct;

mod access;

mod rewrite;

mod whole;

mod configure;

// The other modules, in alphabetical order.
mod convert;
pub(super) mod cursor;
mod header;

use std::fmt;
use std::panic::RefUnwindSafe;

use self::header::{Header, UpdateOnDrop};
use crate::gomap::table::Table;
use crate::gomap::table::hash::{FoldHash, SeededBuildHasher};
use crate::gomap::table::key::Key;
use crate::overlap::{CheckedCell, Operation, tsan};

/// Go's map with a stricter check: an access that overlaps a write is reported with both threads
/// and source lines.
///
/// # Examples
/// ```
/// use std::thread;
/// use untorn::{GoMap, OnOverlap, spawn_scoped};
///
/// let config = GoMap::named("config").on_overlap(OnOverlap::Panic); // the default is to exit
/// config.insert("port", 80);
/// thread::scope(|scope| {
///     // The read lasts until its closure returns; meanwhile another thread writes.
///     config.get_with("port", |_| {
///         let poller = spawn_scoped(scope, "poller", || config.insert("port", 81));
///         assert!(poller.join().is_err()); // the write panicked
///     });
/// });
/// ```
///
/// The message of the panic is the report:
///
/// ```text
/// concurrent map read and map write
///
/// thread "poller" (2) [writing]: GoMap::insert, for 16.2µs
///         src/main.rs:9:62
///         created at src/main.rs:9:22
/// thread "main" (1) [reading]: GoMap::get_with
///         src/main.rs:8:12
///         created elsewhere, not by untorn::spawn
/// map "config": 1 key, B=0, flags=hash_writing
///
/// Share an untorn::Map instead, or put both sites under one lock.
/// ```
///
/// A program that keeps the rule:
///
/// ```
/// use std::sync::Arc;
/// use untorn::GoMap;
///
/// let config = Arc::new(GoMap::named("config"));
/// config.insert("port", 80);
/// let reader = {
///     let config = Arc::clone(&config);
///     untorn::spawn("reader", move || config.get("port"))
/// };
/// // No thread writes now, so these reads do not overlap with a write.
/// assert_eq!(config.get("port"), Some(80));
/// assert_eq!(reader.join().unwrap(), Some(80));
/// ```
///
/// The seed of a map is random, so a `static` map needs a `LazyLock`, which creates it at its first
/// use:
///
/// ```
/// use std::sync::LazyLock;
/// use untorn::GoMap;
///
/// static CONFIG: LazyLock<GoMap<&str, u32>> = LazyLock::new(|| GoMap::named("config"));
/// CONFIG.insert("port", 80);
/// assert_eq!(CONFIG.get("port"), Some(80));
/// ```
///
/// # Sharing
/// Every method takes `&self`. Share the map by `Arc` or a scope, as Go shares a map by its
/// reference.
///
/// The check is not a lock: no access waits for another to end. It is for programs in which writes
/// are *supposed* to be exclusive, by a lock, a channel or a phase of the program, and which need a
/// report when they are not. If reads and writes are supposed to run concurrently, use
/// [`Map`](crate::Map): it is shared in the same way, has most of these methods, and its accesses
/// never conflict.
///
/// # Overlaps
/// Two concurrent accesses overlap if at least one of them is a write (`insert`, `update`,
/// `remove`, `retain`, `clear`). Unlike in Go, *every* such pair counts: also if the reader was
/// first, for `len`, on an empty or nil map, and while a value is copied in or out.
///
/// Of two overlapping accesses at least one reports. Accesses that do not overlap are never
/// reported. A use of the map from inside one of its own accesses, by `Hash`,
/// `Eq`, `Clone`, `Drop` or a closure, overlaps with that access if at least one of the two
/// is a write.
///
/// # Action on an overlap
/// By default, as in Go, a report is written to stderr and the process exits with status 2; this
/// cannot be caught. [`OnOverlap`](crate::OnOverlap) has milder actions, for one map by
/// [`on_overlap`](Self::on_overlap), for all by `UNTORN_ON_OVERLAP=panic`. The access that
/// detects the overlap does not proceed, so there is no data race even in a program with overlaps.
///
/// # Cost
/// A read costs the lookup in the table and, for the detector, a few stores to memory of its own
/// thread, a fence, and a load of a word that readers never write. A write also reads the clock and
/// scans one record for each thread, up to the largest number of threads that have used maps
/// concurrently.
///
/// No method blocks on another thread, with two exceptions: the process is about to exit with a
/// report, or two threads create cursors at once and take turns at the lock of a list. No method
/// sleeps unless [`stretch`](Self::stretch) or `UNTORN_STRETCH` enables delay injection. As in Go,
/// `remove` frees no memory, but `clear` does.
///
/// # Order
/// A write happens-before each access that begins after it has ended, and a read happens-before
/// each write that begins after it has ended.
///
/// # Panics
/// With the policy [`Panic`](crate::OnOverlap::Panic), every method panics on an overlap, before it
/// accesses the map. `Debug` is an access too: formatting a map while another thread writes is an
/// overlap. A panic in `Hash`, `Eq`, `Clone` or a closure leaves the map usable.
#[doc(alias = "HashMap")]
#[doc(alias = "hmap")]
pub struct GoMap<K, V, S = FoldHash> {
    cell: CheckedCell<Table<K, V, S>, Header>,
    /// A clone of the table's hasher, because keys are hashed before the access.
    hasher: S,
}

// A panic inside an access ends the access, and the methods of the table leave it valid.
impl<K, V, S: RefUnwindSafe> RefUnwindSafe for GoMap<K, V, S> where Table<K, V, S>: RefUnwindSafe {}

impl<K, V, S> GoMap<K, V, S> {
    #[inline(always)]
    #[track_caller]
    fn read<R>(&self, operation: &'static Operation, f: impl FnOnce(&Table<K, V, S>) -> R) -> R {
        self.cell.read(operation, |table| {
            // ThreadSanitizer observes the access as a whole; user code inside it may synchronize.
            let _order = tsan::show_order();
            f(table)
        })
    }

    #[inline(always)]
    #[track_caller]
    fn write<R>(
        &self,
        operation: &'static Operation,
        f: impl FnOnce(&mut Table<K, V, S>) -> R,
    ) -> R {
        self.cell.write(operation, |table, header| {
            let _hidden = tsan::hide();
            let scope = UpdateOnDrop { table, header };
            f(scope.table)
        })
    }
}

impl<K, V, S: Clone> From<Table<K, V, S>> for GoMap<K, V, S> {
    /// Puts a table behind a detector.
    ///
    /// # Examples
    /// ```
    /// use untorn::GoMap;
    /// use untorn::gomap::Table;
    ///
    /// let config = GoMap::from(Table::from([("1", 265)])).with_name("config");
    /// assert_eq!(config.get("1"), Some(265));
    /// ```
    fn from(table: Table<K, V, S>) -> Self {
        let hasher = table.hasher().clone();
        let header = Header::of(&table);
        Self {
            cell: CheckedCell::new(table, header),
            hasher,
        }
    }
}

impl<K: Key, V, const N: usize> From<[(K, V); N]> for GoMap<K, V> {
    /// Creates a map of these entries. The last value of equal keys is stored.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::GoMap::from([("1", 265), ("2", 17)]);
    /// assert_eq!(config.len(), 2);
    /// ```
    fn from(entries: [(K, V); N]) -> Self {
        Self::from_iter(entries)
    }
}

impl<K: Key, V, S: SeededBuildHasher + Default + Clone> FromIterator<(K, V)> for GoMap<K, V, S> {
    /// Creates a map of these entries. The last value of equal keys is stored.
    ///
    /// # Examples
    /// ```
    /// let squares: untorn::GoMap<_, _> = (0..10).map(|n| (n, n * n)).collect();
    /// assert_eq!(squares.get(&9), Some(81));
    /// ```
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self::from(Table::from_iter(entries))
    }
}

impl<K: Key, V, S: SeededBuildHasher> Extend<(K, V)> for GoMap<K, V, S> {
    /// Inserts the entries one by one. Each insertion is one access.
    #[track_caller]
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, elem) in entries {
            self.insert(key, elem);
        }
    }
}

impl<K, V, S: Default + Clone> Default for GoMap<K, V, S> {
    /// Creates an empty map with the default hasher.
    fn default() -> Self {
        Self::from(Table::default())
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S> fmt::Debug for GoMap<K, V, S> {
    /// Formats the name and the entries. Counts as an iteration. A report shows a line of this
    /// file, because `Debug` does not propagate its caller.
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
