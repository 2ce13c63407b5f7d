//! The operations on a table.

use arbitrary::{Arbitrary, Result, Unstructured};

use crate::fuzz::user_code::PanicAfter;

/// The maximum number of cursors.
pub(super) const CURSORS: u8 = 4;

/// One operation.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    /// A single action, during which user code may panic.
    Act(Option<PanicAfter>, Action),
    /// Inserts a range: first key, number of keys.
    InsertMany(u16, u8),
    /// Removes a range.
    RemoveMany(u16, u8),
    /// Inserts a range and removes most of it, which fills the table with overflow buckets.
    Churn(u16, u8),
    /// Inserts until a growth begins, then steps a cursor this often between the writes that
    /// evacuate buckets.
    Grow(u8, u8),
    /// Creates a cursor, replacing the one in its place.
    Begin(u8),
    /// Steps a cursor this often.
    Step(u8, u8),
    /// Steps a cursor and removes each returned entry; inserts it again if `true`.
    Consume(u8, u8, bool),
    /// Steps a cursor to its end.
    Finish(u8),
    /// Drops a cursor.
    Forget(u8),
}

/// An action during which user code may panic.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Inserts or overwrites.
    Insert(u16),
    /// Inserts a key that equals nothing.
    InsertUnequal,
    /// Removes; returns the stored key too if `true`.
    Remove(u16, bool),
    /// Looks up with every method.
    Get(u16),
    /// Removes all entries.
    Clear,
    /// Clones the table and writes to the clone.
    Clone,
}

impl<'a> Arbitrary<'a> for Action {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0_u8..=15)? {
            0..=5 => Self::Insert(u.arbitrary()?),
            6 => Self::InsertUnequal,
            7..=10 => Self::Remove(u.arbitrary()?, u.arbitrary()?),
            11..=12 => Self::Get(u.arbitrary()?),
            13 => Self::Clear,
            _ => Self::Clone,
        })
    }
}

impl<'a> Arbitrary<'a> for Operation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        fn cursor(u: &mut Unstructured<'_>) -> Result<u8> {
            u.int_in_range(0..=CURSORS - 1)
        }
        Ok(match u.int_in_range(0_u8..=63)? {
            0..=11 => Self::Act(None, Action::Insert(u.arbitrary()?)),
            12..=19 => Self::Act(None, Action::Remove(u.arbitrary()?, u.arbitrary()?)),
            20 => Self::Act(None, u.arbitrary()?),
            21..=30 => Self::Act(Some(u.arbitrary()?), u.arbitrary()?),
            31..=36 => Self::InsertMany(u.arbitrary()?, u.arbitrary()?),
            37..=39 => Self::RemoveMany(u.arbitrary()?, u.arbitrary()?),
            40..=43 => Self::Churn(u.arbitrary()?, u.arbitrary()?),
            44..=46 => Self::Grow(cursor(u)?, u.int_in_range(0..=3)?),
            47..=51 => Self::Begin(cursor(u)?),
            52..=58 => Self::Step(cursor(u)?, u.arbitrary()?),
            59..=61 => Self::Consume(cursor(u)?, u.arbitrary()?, u.arbitrary()?),
            62 => Self::Finish(cursor(u)?),
            _ => Self::Forget(cursor(u)?),
        })
    }
}
