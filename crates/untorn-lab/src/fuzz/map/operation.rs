//! The operations on a map.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::fuzz::user_code::{Call, PanicAfter};

/// The maximum number of snapshots, of readers and of subscriptions.
pub(super) const HANDLES: u8 = 3;

/// One operation.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A write during which user code may panic.
    Write(Option<PanicAfter>, Change),
    /// A lookup with every method, during which user code may panic.
    Get(Option<PanicAfter>, u16),
    /// Forks and writes to the fork; continues with the fork if `true`.
    Fork(Vec<Write>, bool),
    /// Takes a snapshot; the one that it replaces is compared first.
    Snapshot(u8),
    /// Compares a snapshot and drops it.
    DropSnapshot(u8),
    /// Compares a snapshot with the newest view, in both directions.
    Diff(u8),
    /// Reads with a reader.
    Read(u8),
    /// Releases the version that a reader references.
    Release(u8),
    /// Receives from a subscription, which is created if needed.
    Receive(u8),
    /// Closes a subscription.
    Close(u8),
    /// Reclaims the versions that are not in use.
    Reclaim,
    /// Compares the statistics.
    Stats,
}

/// A write that may create a revision.
#[derive(Clone, Debug)]
pub enum Change {
    /// Inserts or overwrites.
    Insert(u16),
    /// Removes.
    Remove(u16),
    /// Updates a value.
    Update(u16, Update),
    /// Inserts if the key is absent.
    GetOrInsert(u16),
    /// Removes all entries.
    Clear,
    /// Removes the keys with one remainder: divisor, remainder.
    Retain(u8, u8),
    /// Refreshes: first key, number of keys, interval of the new values, number of duplicates.
    Refresh(u16, u16, u8, u8),
    /// Inserts a range.
    Extend(u16, u16),
    /// Runs a batch.
    Batch(Condition, Vec<Write>, End),
}

/// The condition of a batch.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Condition {
    /// None.
    None,
    /// A view of the newest revision.
    Newest,
    /// Another view: an older one of this map if there is one, or one of a fork.
    Other(u8),
}

/// The end of a batch.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum End {
    /// The batch of a closure is committed.
    Commit,
    /// A guard is committed.
    CommitGuard,
    /// A guard is dropped.
    DropGuard,
    /// The closure returns an error.
    Fail,
    /// The closure panics.
    Panic,
}

/// The result of an update.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Update {
    /// A new value.
    Put,
    /// No value: the key is removed.
    Remove,
    /// The old value.
    Same,
}

/// A write in a batch.
#[derive(Clone, Copy, Debug)]
pub enum Write {
    /// Inserts or overwrites.
    Insert(u16),
    /// Removes.
    Remove(u16),
    /// Updates a value.
    Update(u16, Update),
    /// Looks up.
    Get(u16),
    /// Inserts a range.
    Extend(u16, u8),
    /// Removes a range.
    RemoveMany(u16, u8),
    /// Removes the keys with one remainder: divisor, remainder.
    Retain(u8, u8),
    /// Removes all entries.
    Clear,
}

impl<'a> Arbitrary<'a> for Write {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0_u8..=31)? {
            0..=9 => Self::Insert(u.arbitrary()?),
            10..=14 => Self::Remove(u.arbitrary()?),
            15..=18 => Self::Update(u.arbitrary()?, u.arbitrary()?),
            19..=21 => Self::Get(u.arbitrary()?),
            22..=25 => Self::Extend(u.arbitrary()?, u.arbitrary()?),
            26..=28 => Self::RemoveMany(u.arbitrary()?, u.arbitrary()?),
            29..=30 => Self::Retain(u.arbitrary()?, u.arbitrary()?),
            _ => Self::Clear,
        })
    }
}

fn writes(u: &mut Unstructured<'_>) -> Result<Vec<Write>> {
    let n = u.int_in_range(0_u8..=15)?;
    (0..n).map(|_| u.arbitrary()).collect()
}

impl<'a> Arbitrary<'a> for Change {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0_u8..=31)? {
            0..=5 => Self::Insert(u.arbitrary()?),
            6..=9 => Self::Remove(u.arbitrary()?),
            10..=12 => Self::Update(u.arbitrary()?, u.arbitrary()?),
            13..=14 => Self::GetOrInsert(u.arbitrary()?),
            15 => Self::Clear,
            16..=17 => Self::Retain(u.arbitrary()?, u.arbitrary()?),
            18..=20 => Self::Refresh(
                u.arbitrary()?,
                u.int_in_range(0..=4095)?,
                u.arbitrary()?,
                u.arbitrary()?,
            ),
            21..=24 => Self::Extend(u.arbitrary()?, u.int_in_range(0..=4095)?),
            _ => Self::Batch(u.arbitrary()?, writes(u)?, u.arbitrary()?),
        })
    }
}

/// Chooses a panicking call; `Drop` is excluded, since a write whose `Drop` panics has taken
/// effect.
fn panic_after(u: &mut Unstructured<'_>) -> Result<Option<PanicAfter>> {
    let panic_after: PanicAfter = u.arbitrary()?;
    Ok(Some(panic_after).filter(|panic_after| panic_after.call != Call::Drop))
}

impl<'a> Arbitrary<'a> for Operation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        fn kept(u: &mut Unstructured<'_>) -> Result<u8> {
            u.int_in_range(0..=HANDLES - 1)
        }
        Ok(match u.int_in_range(0_u8..=63)? {
            0..=21 => Self::Write(None, u.arbitrary()?),
            22..=33 => Self::Write(panic_after(u)?, u.arbitrary()?),
            34..=35 => Self::Get(None, u.arbitrary()?),
            36 => Self::Get(panic_after(u)?, u.arbitrary()?),
            37 => Self::Fork(writes(u)?, u.arbitrary()?),
            38..=42 => Self::Snapshot(kept(u)?),
            43..=44 => Self::DropSnapshot(kept(u)?),
            45..=49 => Self::Diff(kept(u)?),
            50..=52 => Self::Read(kept(u)?),
            53 => Self::Release(kept(u)?),
            54..=57 => Self::Receive(kept(u)?),
            58 => Self::Close(kept(u)?),
            59..=60 => Self::Reclaim,
            _ => Self::Stats,
        })
    }
}
