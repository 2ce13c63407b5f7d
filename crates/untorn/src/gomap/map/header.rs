//! What `GoMap` knows of its table without entering the gate.

use std::ffi::CStr;
use std::fmt::Write;

use crate::gomap::table::Table;
use crate::gomap::table::flags::{FlagSet, HASH_WRITING};
use crate::overlap::{Describe, OnOverlap, State, Subject};
use crate::sync::{AtomicU64, Ordering};

/// What is known of the table without entering the gate: packed by each write at its end, loaded for reports and
/// for hashing ahead. May be one write late, which only costs hashing again.
pub(super) struct Header {
    /// Count, B and flags of the table.
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
        // Relaxed, here and below: nothing is reached through these packed, and a stale seed is noticed inside.
        self.packed.store(packed, Ordering::Relaxed);
        self.hash0.store(table.hash0, Ordering::Relaxed);
    }

    /// The seed that the table had at the end of the last write.
    #[inline(always)]
    pub(in crate::gomap) fn hash0(&self) -> u64 {
        self.hash0.load(Ordering::Relaxed)
    }

    /// Count, B, flags.
    #[inline(always)]
    pub(in crate::gomap) fn load(&self) -> (u64, u8, FlagSet) {
        let packed = self.packed.load(Ordering::Relaxed);
        (packed >> 16, (packed >> 8) as u8, FlagSet(packed as u8))
    }
}

impl Describe for Header {
    const KIND: &'static CStr = c"GoMap";

    /// As Go does.
    const ON_OVERLAP: OnOverlap = OnOverlap::Exit;

    fn subject(&self) -> Subject {
        let (count, b, flags) = self.load();
        // Only asked while there is an overlap, and so a writer.
        let flags = FlagSet(flags.bits() | HASH_WRITING);
        let keys = if count == 1 { "key" } else { "keys" };
        let mut state = State::new();
        // It has room for the longest: 17 digits of a count, two of B, four flags.
        let _ = write!(state, "{count} {keys}, B={b}, flags={flags}");
        Subject::Map(state)
    }
}

/// A table being written to; brings the header up to date at the end, by a panic too.
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
