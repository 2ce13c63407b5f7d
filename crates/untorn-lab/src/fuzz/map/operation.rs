//! What is done with a map.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::fuzz::foreign::{Call, Fuse};

/// How many snapshots, readers and subscriptions there are at once, of each.
pub(super) const KEPT: u8 = 3;

/// One operation.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A write, in which foreign code may panic.
    Write(Option<Fuse>, Change),
    /// A look-up, in each way, in which it may panic too.
    Get(Option<Fuse>, u16),
    /// Forks, and writes to the fork; goes on with it if `true`.
    Fork(Vec<Write>, bool),
    /// Keeps a snapshot; the one that was kept before is compared as a whole.
    Snapshot(u8),
    /// Compares a snapshot and lets it go.
    LetGo(u8),
    /// What differs between a snapshot and the newest view, both ways.
    Diff(u8),
    /// Reads by a reader.
    Read(u8),
    /// Lets the reader release what it shows.
    Release(u8),
    /// Asks a subscription, which begins if need be.
    Receive(u8),
    /// Ends a subscription.
    Close(u8),
    /// Frees what nobody sees.
    Reclaim,
    /// The numbers.
    Stats,
}

/// A write that may make a revision.
#[derive(Clone, Debug)]
pub enum Change {
    /// Inserts or overwrites.
    Insert(u16),
    /// Removes.
    Remove(u16),
    /// Replaces a value by what it makes of it.
    Update(u16, Update),
    /// Inserts if there is none.
    GetOrInsert(u16),
    /// Takes everything out.
    Clear,
    /// Keeps the keys that leave another remainder: divisor, remainder.
    Retain(u8, u8),
    /// The first key, how many, and which of them have new values: each so-manieth, that many twice.
    Refresh(u16, u16, u8, u8),
    /// Inserts a range.
    Extend(u16, u16),
    /// A batch.
    Batch(Condition, Vec<Write>, End),
}

/// On what a batch depends.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Condition {
    /// On nothing.
    None,
    /// On a view that is the newest.
    Newest,
    /// On a view that is not: an older one of this map, if there is one, or one of a fork.
    Other(u8),
}

/// How a batch ends.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum End {
    /// A closure's batch is committed.
    Commit,
    /// A guard is committed.
    CommitGuard,
    /// A guard is dropped.
    DropGuard,
    /// A closure returns an error.
    Fail,
    /// It panics.
    Panic,
}

/// What an update makes of a value.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Update {
    /// A new one.
    Put,
    /// None.
    Remove,
    /// The same.
    Same,
}

/// A write in a batch.
#[derive(Clone, Copy, Debug)]
pub enum Write {
    /// Inserts or overwrites.
    Insert(u16),
    /// Removes.
    Remove(u16),
    /// Replaces a value by what it makes of it.
    Update(u16, Update),
    /// Looks up.
    Get(u16),
    /// Inserts a range.
    Extend(u16, u8),
    /// Removes a range.
    RemoveMany(u16, u8),
    /// Keeps the keys that leave another remainder: divisor, remainder.
    Retain(u8, u8),
    /// Takes everything out.
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

/// One of the calls after whose panic a write has not taken place.
fn fuse(u: &mut Unstructured<'_>) -> Result<Option<Fuse>> {
    let fuse: Fuse = u.arbitrary()?;
    Ok(Some(fuse).filter(|fuse| fuse.call != Call::Drop))
}

impl<'a> Arbitrary<'a> for Operation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        fn kept(u: &mut Unstructured<'_>) -> Result<u8> {
            u.int_in_range(0..=KEPT - 1)
        }
        Ok(match u.int_in_range(0_u8..=63)? {
            0..=21 => Self::Write(None, u.arbitrary()?),
            22..=33 => Self::Write(fuse(u)?, u.arbitrary()?),
            34..=35 => Self::Get(None, u.arbitrary()?),
            36 => Self::Get(fuse(u)?, u.arbitrary()?),
            37 => Self::Fork(writes(u)?, u.arbitrary()?),
            38..=42 => Self::Snapshot(kept(u)?),
            43..=44 => Self::LetGo(kept(u)?),
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
