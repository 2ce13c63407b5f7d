//! The operations on a map.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::fuzz::user_code::{Call, PanicAfter};

/// The maximum number of snapshots, of readers, of subscriptions, and of those to some keys.
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
    /// Receives from a subscription to some keys, which is created with this filter if needed;
    /// user code may panic meanwhile.
    ReceiveKeys(Option<PanicAfter>, u8, Filter),
    /// Closes a subscription to some keys.
    CloseKeys(u8),
    /// Waits, without time, until a key is present.
    Wait(u16),
    /// Initializes a key with an initializer that writes another key, or that one.
    InitializeAndWrite(u16, u16),
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
    /// Initializes a key with another method.
    Initialize(u16, Initializer),
    /// Updates a value if the key is present.
    UpdateIfPresent(u16, Update),
    /// Updates a value if the key is present and this condition is true.
    UpdateIf(u16, bool),
    /// Removes a key if it is present and this condition is true.
    RemoveIf(u16, bool),
    /// Removes all entries.
    Clear,
    /// Removes the keys with one remainder: divisor, remainder.
    Retain(u8, u8),
    /// Removes the keys with one remainder and returns them: divisor, remainder.
    ExtractIf(u8, u8),
    /// Removes all entries and returns them.
    Drain,
    /// Refreshes: first key, number of keys, interval of the new values, number of duplicates.
    Refresh(Refresh, u16, u16, u8, u8),
    /// Replaces the contents by those of a snapshot, or of a fork with these writes.
    Restore(Vec<Write>),
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
    /// A snapshot if there is one, or a view of the newest revision, and the keys that are
    /// compared: first key, number of keys.
    Keys(u16, u8),
}

/// The keys of a subscription.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Filter {
    /// One key.
    One(u16),
    /// Those without one remainder: divisor, remainder.
    Without(u8, u8),
}

/// A method that initializes a key, and whether its closure succeeds.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Initializer {
    /// `get_or_insert_with_by_ref`.
    ByRef,
    /// `try_get_or_insert_with`.
    Try(bool),
    /// `try_get_or_insert_with_by_ref`.
    TryByRef(bool),
    /// `get_or_insert_with`, and its closure panics.
    Panic,
}

/// A method that refreshes.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Refresh {
    /// `refresh`.
    Plain,
    /// `refresh_transition`.
    Transition,
    /// `refresh_unique`.
    Unique,
    /// `refresh_with`.
    With,
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
    /// A guard is committed, and returns a snapshot.
    CommitSnapshot,
    /// A guard is committed, and returns both views.
    CommitTransition,
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

fn refresh(u: &mut Unstructured<'_>, kind: Refresh) -> Result<Change> {
    Ok(Change::Refresh(
        kind,
        u.arbitrary()?,
        u.int_in_range(0..=4095)?,
        u.arbitrary()?,
        u.arbitrary()?,
    ))
}

impl<'a> Arbitrary<'a> for Change {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0_u8..=63)? {
            0..=5 => Self::Insert(u.arbitrary()?),
            6..=9 => Self::Remove(u.arbitrary()?),
            10..=12 => Self::Update(u.arbitrary()?, u.arbitrary()?),
            13..=14 => Self::GetOrInsert(u.arbitrary()?),
            15 => Self::Clear,
            16..=17 => Self::Retain(u.arbitrary()?, u.arbitrary()?),
            18..=20 => refresh(u, Refresh::Plain)?,
            21..=24 => Self::Extend(u.arbitrary()?, u.int_in_range(0..=4095)?),
            32..=37 => Self::Initialize(u.arbitrary()?, u.arbitrary()?),
            38..=41 => Self::UpdateIfPresent(u.arbitrary()?, u.arbitrary()?),
            42..=44 => Self::UpdateIf(u.arbitrary()?, u.arbitrary()?),
            45..=47 => Self::RemoveIf(u.arbitrary()?, u.arbitrary()?),
            48..=49 => Self::ExtractIf(u.arbitrary()?, u.arbitrary()?),
            50 => Self::Drain,
            51..=55 => {
                let kind = u.arbitrary()?;
                refresh(u, kind)?
            }
            56..=59 => Self::Restore(writes(u)?),
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
        Ok(match u.int_in_range(0_u8..=127)? {
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
            61..=63 => Self::Stats,
            64..=80 => Self::Write(None, u.arbitrary()?),
            81..=90 => Self::Write(panic_after(u)?, u.arbitrary()?),
            91..=104 => Self::ReceiveKeys(None, kept(u)?, u.arbitrary()?),
            105..=112 => Self::ReceiveKeys(panic_after(u)?, kept(u)?, u.arbitrary()?),
            113..=114 => Self::CloseKeys(kept(u)?),
            115..=119 => Self::Wait(u.arbitrary()?),
            _ => {
                let (id, is_equal) = (u.arbitrary()?, u.arbitrary()?);
                let other = if is_equal { id } else { u.arbitrary()? };
                Self::InitializeAndWrite(id, other)
            }
        })
    }
}
