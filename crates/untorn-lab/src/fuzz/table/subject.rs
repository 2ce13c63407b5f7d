//! The subject of a sequence: a table, or a table behind the gate.

use std::borrow::Borrow;
use std::cell::RefCell;

use untorn::GoMap;
use untorn::gomap::{Cursor, MapCursor, Table, TableStats};

use crate::fuzz::kind::{Kind, Value};
use crate::fuzz::user_code::BadHash;

pub(super) type TableOf<K> = Table<<K as Kind>::Key, <K as Kind>::Value, BadHash>;
type GoMapOf<K> = GoMap<<K as Kind>::Key, <K as Kind>::Value, BadHash>;

pub(super) trait Subject<K: Kind> {
    type Cursor<'s>
    where
        Self: 's;

    fn insert(&self, key: K::Key, value: K::Value) -> Option<K::Value>;
    /// Removes a key; with `remove_entry` if `whole`.
    fn remove(&self, key: &K::Key, whole: bool) -> Option<K::Value>;
    /// Looks up with every method, whose results must agree; returns the number of the value.
    fn get(&self, key: &K::Query) -> Option<u64>;
    fn clear(&self);
    fn len(&self) -> usize;
    fn stats(&self) -> TableStats;
    fn cursor(&self) -> Self::Cursor<'_>;
    /// Advances a cursor and passes the entry to `f`.
    fn step<'s, R>(
        &'s self,
        cursor: &mut Self::Cursor<'s>,
        f: impl FnOnce(&K::Key, &K::Value) -> R,
    ) -> Option<R>;
    fn for_each(&self, f: impl FnMut(&K::Key, &K::Value));
    fn to_table(&self) -> TableOf<K>;
    fn into_table(self) -> TableOf<K>;
    /// Checks the invariants as far as they are accessible.
    fn assert_invariants(&self);
}

impl<K: Kind> Subject<K> for RefCell<TableOf<K>> {
    type Cursor<'s>
        = Cursor
    where
        Self: 's;

    fn insert(&self, key: K::Key, value: K::Value) -> Option<K::Value> {
        self.borrow_mut().insert(key, value)
    }

    fn remove(&self, key: &K::Key, whole: bool) -> Option<K::Value> {
        let mut table = self.borrow_mut();
        if !whole {
            return table.remove(key.borrow());
        }
        let (removed, value) = table.remove_entry(key.borrow())?;
        // Not compared by `Eq`, whose panic would come after the removal.
        assert_eq!(K::id(&removed), K::id(key));
        // Dropped before the value is returned: a panic here would leak the value otherwise.
        drop(removed);
        Some(value)
    }

    fn get(&self, key: &K::Query) -> Option<u64> {
        let table = RefCell::borrow(self);
        let value = table.get(key).cloned();
        let zero = K::Value::default();
        let or_zero = table.get_or_zero(key);
        assert!(&or_zero == value.as_ref().unwrap_or(&zero));
        assert_eq!(table.contains_key(key), value.is_some());
        let whole = table.get_key_value(key);
        assert_eq!(whole.is_some(), value.is_some());
        assert!(whole.is_none_or(|(stored, _)| stored.borrow() == key));
        assert_eq!(table.trace(key).found(), value.is_some());
        value.as_ref().map(Value::number)
    }

    fn clear(&self) {
        self.borrow_mut().clear();
    }

    fn len(&self) -> usize {
        let table = RefCell::borrow(self);
        let len = table.len();
        assert_eq!(table.is_empty(), len == 0);
        len
    }

    fn stats(&self) -> TableStats {
        RefCell::borrow(self).stats()
    }

    fn cursor(&self) -> Cursor {
        RefCell::borrow(self).cursor()
    }

    fn step<R>(&self, cursor: &mut Cursor, f: impl FnOnce(&K::Key, &K::Value) -> R) -> Option<R> {
        let table = RefCell::borrow(self);
        cursor.next(&table).map(|(key, value)| f(key, value))
    }

    fn for_each(&self, mut f: impl FnMut(&K::Key, &K::Value)) {
        RefCell::borrow(self)
            .iter()
            .for_each(|(key, value)| f(key, value));
    }

    fn to_table(&self) -> TableOf<K> {
        RefCell::borrow(self).clone()
    }

    fn into_table(self) -> TableOf<K> {
        self.into_inner()
    }

    fn assert_invariants(&self) {
        let table = RefCell::borrow(self);
        table.assert_invariants();
        assert_chains::<K>(&table);
    }
}

impl<K: Kind> Subject<K> for GoMapOf<K> {
    type Cursor<'s>
        = MapCursor<'s, K::Key, K::Value, BadHash>
    where
        Self: 's;

    fn insert(&self, key: K::Key, value: K::Value) -> Option<K::Value> {
        GoMap::insert(self, key, value)
    }

    fn remove(&self, key: &K::Key, _whole: bool) -> Option<K::Value> {
        GoMap::remove(self, key.borrow())
    }

    fn get(&self, key: &K::Query) -> Option<u64> {
        let value = GoMap::get(self, key);
        let zero = K::Value::default();
        let or_zero = self.get_or_zero(key);
        assert!(&or_zero == value.as_ref().unwrap_or(&zero));
        assert_eq!(self.contains_key(key), value.is_some());
        let cloned = self.get_with(key, K::Value::clone);
        assert!(cloned == value);
        assert_eq!(self.trace(key).found(), value.is_some());
        value.as_ref().map(Value::number)
    }

    fn clear(&self) {
        GoMap::clear(self);
    }

    fn len(&self) -> usize {
        let len = GoMap::len(self);
        assert_eq!(self.is_empty(), len == 0);
        len
    }

    fn stats(&self) -> TableStats {
        GoMap::stats(self)
    }

    fn cursor(&self) -> Self::Cursor<'_> {
        GoMap::cursor(self)
    }

    fn step<'s, R>(
        &'s self,
        cursor: &mut Self::Cursor<'s>,
        f: impl FnOnce(&K::Key, &K::Value) -> R,
    ) -> Option<R> {
        cursor.next_with(f)
    }

    fn for_each(&self, f: impl FnMut(&K::Key, &K::Value)) {
        self.iter_with(f);
    }

    fn to_table(&self) -> TableOf<K> {
        self.deep_clone().into_table()
    }

    fn into_table(self) -> TableOf<K> {
        GoMap::into_table(self)
    }

    /// Checks the header only: the buckets behind the gate are checked when the table is taken out,
    /// at the end.
    fn assert_invariants(&self) {
        assert_header(&GoMap::stats(self));
    }
}

/// Checks the consistency of the figures in a header.
pub(super) fn assert_header(stats: &TableStats) {
    assert!(stats.buckets == 0 || stats.buckets == 1 << stats.b);
    assert_eq!(stats.growth.is_some(), stats.oldbuckets > 0);
    assert!(stats.oldbuckets == 0 || stats.nevacuate < stats.oldbuckets);
    assert_eq!(
        stats.flags.same_size_grow(),
        stats.oldbuckets > 0 && stats.oldbuckets == stats.buckets
    );
    assert!(stats.count == 0 || stats.buckets > 0);
}

/// Checks the header against the buckets: entries, chains, overflow buckets.
pub(super) fn assert_chains<K: Kind>(table: &TableOf<K>) {
    let stats = table.stats();
    assert_header(&stats);
    assert_eq!(table.chains().len(), stats.buckets);
    assert_eq!(table.old_chains().len(), stats.oldbuckets);
    let (mut entries, mut overflow) = (0, 0);
    for chain in table.chains().chain(table.old_chains()) {
        overflow += chain.clone().count() - 1;
        let buckets = chain.flat_map(|bucket| (0..8).filter_map(move |slot| bucket.entry(slot)));
        entries += buckets.count();
    }
    assert_eq!(entries, stats.count, "entries in the buckets");
    assert_eq!(overflow, stats.overflow, "overflow buckets");
}
