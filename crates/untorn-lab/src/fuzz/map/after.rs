//! The expected contents after a write.

use untorn::{Batch, Map};

use super::contents::{Contents, Entry, Maker};
use super::operation::Update;
use crate::fuzz::kind::Kind;
use crate::fuzz::user_code::BadHash;

pub(super) type MapOf<K> = Map<<K as Kind>::Key, <K as Kind>::Value, BadHash>;
pub(super) type BatchOf<'b, K> = Batch<'b, <K as Kind>::Key, <K as Kind>::Value, BadHash>;

/// The expected contents after a write.
pub(super) struct After {
    pub(super) contents: Contents,
    /// The write creates a revision.
    pub(super) changed: bool,
}

impl After {
    pub(super) fn insert(&mut self, id: u16, entry: Entry) -> Option<u64> {
        self.changed = true;
        self.contents.insert(id, entry)
    }

    pub(super) fn remove(&mut self, id: u16) -> Option<u64> {
        let removed = self.contents.remove(id);
        self.changed |= removed.is_some();
        removed
    }

    pub(super) fn retain(&mut self, divisor: u8, remainder: u8) {
        self.changed |= self.contents.retain(keeps(divisor, remainder));
    }

    pub(super) fn clear(&mut self) {
        self.changed |= self.contents.clear();
    }
}

/// Returns the predicate of a `retain`.
pub(super) fn keeps(divisor: u8, remainder: u8) -> impl Fn(u16) -> bool {
    let divisor = u16::from(divisor.max(1));
    move |id| id % divisor != u16::from(remainder) % divisor
}

/// Returns the result of an update.
pub(super) fn updated<K: Kind>(
    maker: &Maker<'_>,
    update: Update,
    old: Option<&K::Value>,
    number: u64,
) -> Option<K::Value> {
    match update {
        Update::Put => Some(maker.value::<K>(number)),
        Update::Remove => None,
        Update::Same => old.cloned(),
    }
}

/// Applies an update to the model; returns the number that is stored then.
pub(super) fn update_model(
    after: &mut After,
    id: u16,
    update: Update,
    (tag, number): Entry,
) -> Option<u64> {
    let number = match update {
        Update::Put => Some(number),
        Update::Remove => None,
        Update::Same => after.contents.number(id),
    };
    match number {
        Some(number) => _ = after.insert(id, (tag, number)),
        None => _ = after.remove(id),
    }
    number
}
