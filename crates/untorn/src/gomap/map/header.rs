//! A copy of the table's header that is readable without an access.

use std::ffi::CStr;
use std::fmt::Write;

use crate::gomap::table::Table;
use crate::gomap::table::flags::{FlagSet, HASH_WRITING};
use crate::overlap::{Describe, OnOverlap, State, Subject};
use crate::sync::{AtomicU64, Ordering};

/// A copy of the table's header: stored at the end of each write, loaded for reports and to hash
/// before an access.
///
/// It may be one write late. Then the access hashes again.
pub(super) struct Header {
    /// Count, B and flags of the table, packed into one word.
    packed: AtomicU64,
    hash0: AtomicU64,
    pub(in crate::gomap) nil: bool,
}

impl Header {
    pub(in crate::gomap) fn of<K, V, S>(table: &Table<K, V, S>) -> Self {
        let header = Self {
            packed: AtomicU64::new(0),
            hash0: AtomicU64::new(0),
            nil: table.is_nil(),
        };
        header.update(table);
        header
    }

    #[inline(always)]
    fn update<K, V, S>(&self, table: &Table<K, V, S>) {
        let packed = (table.count as u64) << 16
            | u64::from(table.buckets.b()) << 8
            | u64::from(table.flags.get().bits());
        // Relaxed, here and below: no memory is reached through these values, and the access
        // detects a stale seed.
        self.packed.store(packed, Ordering::Relaxed);
        self.hash0.store(table.hash0, Ordering::Relaxed);
    }

    /// Returns the seed of the table at the end of the last write.
    #[inline(always)]
    pub(in crate::gomap) fn hash0(&self) -> u64 {
        self.hash0.load(Ordering::Relaxed)
    }

    /// Returns count, B and flags.
    #[inline(always)]
    pub(in crate::gomap) fn load(&self) -> (u64, u8, FlagSet) {
        let packed = self.packed.load(Ordering::Relaxed);
        (packed >> 16, (packed >> 8) as u8, FlagSet(packed as u8))
    }
}

impl Describe for Header {
    const KIND: &'static CStr = c"GoMap";

    /// The default of Go.
    const ON_OVERLAP: OnOverlap = OnOverlap::Exit;

    fn subject(&self) -> Subject {
        let (count, b, flags) = self.load();
        // Called only during an overlap, so a thread is writing.
        let flags = FlagSet(flags.bits() | HASH_WRITING);
        let keys = if count == 1 { "key" } else { "keys" };
        let mut state = State::new();
        // The buffer fits the longest text: 17 digits of the count, two of B, four flags.
        let _ = write!(state, "{count} {keys}, B={b}, flags={flags}");
        Subject::Map(state)
    }
}

/// A table during a write. Dropping it updates the header, also when a panic unwinds.
pub(super) struct UpdateOnDrop<'c, K, V, S> {
    pub(in crate::gomap) table: &'c mut Table<K, V, S>,
    pub(in crate::gomap) header: &'c Header,
}

impl<K, V, S> Drop for UpdateOnDrop<'_, K, V, S> {
    #[inline(always)]
    fn drop(&mut self) {
        self.header.update(self.table);
    }
}
