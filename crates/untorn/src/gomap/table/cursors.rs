//! The active cursors of a table, and the slots that each of them has yet to visit.
//!
//! A cursor visits the chains that existed when it was created, starting at a random one. If a
//! chain has been split since, the cursor visits the parts in the order of their bit-reversed
//! numbers. In that order the two halves of a split chain take the place of the original. A cursor
//! is therefore always between two chains or inside one, however far the table has grown. Entries
//! leave their chain only by evacuation, which keeps their order. This leaves two things to record:
//!
//! - The unvisited slots of the current chain are *ranges*. An evacuation turns a range into one
//!   range in each new chain, so it only has to update the ranges.
//! - In a chain that the cursor has not reached, the entries from before the growth come first, so
//!   one number for each chain separates them from later ones. These *limits* are why a cursor
//!   terminates however much is inserted meanwhile. Cursors that were created between the same two
//!   growths share their limits and form a *generation*.
//!
//! No key is hashed or compared, and a table without cursors has none of this.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::arrays::Arrays;
use crate::gomap::raw::bucket::{BucketRef, FullSlot};
use crate::gomap::raw::layout::BUCKET_CNT;
use crate::gomap::raw::tophash::{EMPTY_REST, EVACUATED_X, EVACUATED_Y};
use crate::mutants::mutant;
use crate::random::random_u64;
use crate::sync::{Counter, Ordering};

/// Locks `mutex` and ignores poisoning: no user code runs under these locks, so no panic leaves the
/// data inconsistent.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The active cursors of one table.
pub(in crate::gomap) struct CursorSet {
    /// The table's identity. Unique in the process, also among tables that have been dropped.
    id: u64,
    /// The number of growths since the first cursor was created.
    growths: u64,
    /// The cursors created since the start of the last growth. Behind a lock because `cursor` takes
    /// `&self`.
    newest: Mutex<CursorList>,
    /// The cursors created before that.
    generations: Vec<Generation>,
}

/// A list of cursors. Cursors that have been dropped stay in it until the next `prune`.
#[derive(Default)]
struct CursorList {
    states: Vec<Weak<Mutex<CursorState>>>,
    prune_at: usize,
}

impl CursorList {
    fn push(&mut self, state: &Arc<Mutex<CursorState>>) {
        if self.states.len() >= self.prune_at {
            self.prune();
            self.prune_at = 2 * self.states.len() + 8;
        }
        self.states.push(Arc::downgrade(state));
    }

    fn prune(&mut self) {
        self.states.retain(|state| state.strong_count() > 0);
    }

    fn for_each(&self, f: impl FnMut(MutexGuard<'_, CursorState>)) {
        let mut f = f;
        for state in self.states.iter().filter_map(Weak::upgrade) {
            f(lock(&state));
        }
    }
}

/// The cursors created between two growths, with the limit up to which they visit each chain.
struct Generation {
    /// The number of growths before this generation.
    number: u64,
    states: CursorList,
    /// Limits of the chains of the current array.
    limits: Vec<u32>,
    /// Limits of the chains of the old array during a growth. Empty if the cursors were created
    /// when the old array was the current one.
    old_limits: Vec<u32>,
}

impl CursorSet {
    pub(super) fn new() -> Self {
        static NEXT: Counter = Counter::new(0);
        Self {
            // Relaxed: only uniqueness matters.
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            growths: 0,
            newest: Mutex::default(),
            generations: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// Returns the number of cursors in the lists.
    #[cfg(test)]
    pub(in crate::gomap) fn registered(&self) -> usize {
        let newest = lock(&self.newest).states.len();
        let generations = self.generations.iter();
        newest
            + generations
                .map(|generation| generation.states.states.len())
                .sum::<usize>()
    }

    /// Creates and registers a cursor. The smaller of the table's arrays has 2^b chains.
    pub(super) fn register(&self, b: u8) -> Arc<Mutex<CursorState>> {
        let state = Arc::new(Mutex::new(CursorState::new(self.growths, b)));
        lock(&self.newest).push(&state);
        state
    }

    /// Updates the cursors when a growth to `count` chains starts.
    pub(super) fn growth_started(&mut self, count: usize) {
        let newest = self.newest.get_mut();
        let mut states = std::mem::take(newest.unwrap_or_else(PoisonError::into_inner));
        states.prune();
        self.generations.push(Generation {
            number: self.growths,
            states,
            limits: Vec::new(),
            old_limits: Vec::new(),
        });
        self.growths += 1;
        self.generations.retain_mut(|generation| {
            generation.states.prune();
            !generation.states.states.is_empty()
        });
        for generation in &mut self.generations {
            generation.old_limits = std::mem::replace(&mut generation.limits, vec![0; count]);
            generation
                .states
                .for_each(|mut state| state.growth_started());
        }
    }

    /// Updates the cursors when chain `number` of the old array has been evacuated.
    ///
    /// Its entries are now in the new chain of that number and, if it was split, in chain `number +
    /// split`. The marks at `head` show which.
    pub(super) fn chain_evacuated<K, V>(
        &mut self,
        number: usize,
        split: Option<usize>,
        head: BucketRef<'_, K, V>,
    ) {
        let newest = self.newest.get_mut();
        let newest = newest.unwrap_or_else(PoisonError::into_inner);
        if newest.states.is_empty() && self.generations.is_empty() {
            return;
        }
        let counts = MovedCounts::of(head);
        let notify =
            |mut state: MutexGuard<'_, CursorState>| state.chain_evacuated(number, split, &counts);
        newest.for_each(notify);
        for generation in &mut self.generations {
            generation.states.for_each(notify);
            let [x, y] = counts.at(limit(&generation.old_limits, number));
            generation.limits[number] = u32::try_from(x).unwrap_or(u32::MAX);
            if let Some(split) = split {
                generation.limits[number + split] = u32::try_from(y).unwrap_or(u32::MAX);
            }
        }
    }

    /// Discards the limits of the old array when the growth is complete.
    pub(super) fn growth_finished(&mut self) {
        for generation in &mut self.generations {
            generation.old_limits = Vec::new();
        }
    }

    /// Ends all cursors when the table is cleared.
    pub(super) fn end(&mut self) {
        if mutant("cursor_survives_clear") {
            return;
        }
        let newest = self.newest.get_mut();
        let newest = std::mem::take(newest.unwrap_or_else(PoisonError::into_inner));
        let generations = std::mem::take(&mut self.generations);
        for states in generations
            .iter()
            .map(|generation| &generation.states)
            .chain([&newest])
        {
            states.for_each(|mut state| state.cleared = true);
        }
    }

    /// Returns the number of slots that a cursor of generation `number` visits in this chain.
    fn limit(&self, number: u64, old: bool, chain: usize) -> usize {
        if number == self.growths || mutant("cursor_knows_no_limit") {
            return usize::MAX;
        }
        let generation = self
            .generations
            .iter()
            .find(|generation| generation.number == number);
        let generation = generation.expect("the generation of an active cursor is retained");
        limit(
            if old {
                &generation.old_limits
            } else {
                &generation.limits
            },
            chain,
        )
    }
}

fn limit(limits: &[u32], chain: usize) -> usize {
    limits
        .get(chain)
        .map_or(usize::MAX, |limit| *limit as usize)
}

/// For each slot *i* of an evacuated chain, the numbers of earlier slots that moved to X and to Y.
struct MovedCounts(Vec<[usize; 2]>);

impl MovedCounts {
    fn of<K, V>(head: BucketRef<'_, K, V>) -> Self {
        let (mut counts, mut count) = (vec![[0, 0]], [0, 0]);
        for bucket in head.chain() {
            for i in 0..BUCKET_CNT {
                match bucket.tophash(i) {
                    EVACUATED_X => count[0] += 1,
                    EVACUATED_Y => count[1] += 1,
                    _ => {}
                }
                counts.push(count);
            }
        }
        Self(counts)
    }

    fn at(&self, slot: usize) -> [usize; 2] {
        self.0[slot.min(self.0.len() - 1)]
    }
}

/// A range of slots of one chain, numbered from the head through the overflow buckets.
struct SlotRange {
    /// True if the chain is in the old array and not evacuated.
    old: bool,
    chain: usize,
    from: usize,
    to: usize,
}

impl SlotRange {
    /// Removes slots from the front up to the next full one, and returns that.
    fn next_full<'t, K, V>(&mut self, head: BucketRef<'t, K, V>) -> Option<FullSlot<'t, K, V>> {
        let mut chain = head.chain().skip(self.from / BUCKET_CNT);
        let mut bucket = chain.next()?;
        while self.from < self.to {
            let i = self.from % BUCKET_CNT;
            if bucket.tophash(i) == EMPTY_REST {
                return None;
            }
            self.from += 1;
            if let Some(full) = bucket.full(i) {
                return Some(full);
            }
            if i + 1 == BUCKET_CNT {
                bucket = chain.next()?;
            }
        }
        None
    }
}

/// The position of one cursor and the slots that it has yet to visit.
pub(super) struct CursorState {
    /// True if the table has been cleared.
    cleared: bool,
    /// The generation of the cursor.
    generation: u64,
    /// The slot at which it starts in every chain: a random number, reduced modulo the length.
    start_offset: usize,
    /// Log2 of the number of chains at creation. Chains with equal low b bits are a group: the
    /// parts of one of those chains.
    b: u8,
    /// The group of the next chain.
    group: usize,
    /// The position of the next chain in its group: the remaining bits of its number, reversed.
    offset_in_group: u64,
    /// The number of unfinished groups.
    groups_left: usize,
    /// The unvisited slots of the current chain, or of its parts. The next range is last.
    ranges: Vec<SlotRange>,
}

impl CursorState {
    fn new(generation: u64, b: u8) -> Self {
        let count = 1 << b;
        Self {
            cleared: false,
            generation,
            start_offset: (random_u64() >> 40) as usize,
            b,
            group: random_u64() as usize & (count - 1),
            offset_in_group: 0,
            groups_left: count,
            ranges: Vec::new(),
        }
    }

    fn growth_started(&mut self) {
        for range in &mut self.ranges {
            range.old = true;
        }
    }

    fn chain_evacuated(&mut self, number: usize, split: Option<usize>, counts: &MovedCounts) {
        let before = std::mem::take(&mut self.ranges);
        for range in before {
            if !(range.old && range.chain == number) {
                self.ranges.push(range);
                continue;
            }
            let [from, to] = [counts.at(range.from), counts.at(range.to)];
            let from = if mutant("cursor_starts_a_moved_chain_over") {
                [0, 0]
            } else {
                from
            };
            let chains = [Some(number), split.map(|split| number + split)];
            for half in 0..2 {
                if mutant("cursor_forgets_what_moved_to_y") && half == 1 {
                    continue;
                }
                let Some(chain) = chains[half] else { continue };
                if from[half] < to[half] {
                    self.ranges.push(SlotRange {
                        old: false,
                        chain,
                        from: from[half],
                        to: to[half],
                    });
                }
            }
        }
    }

    /// Returns the next entry. Visits each remaining slot at most once and hashes nothing.
    pub(super) fn step<'t, K, V>(
        &mut self,
        arrays: Arrays<'t, K, V>,
        cursors: &CursorSet,
    ) -> Option<(&'t K, &'t V)> {
        if self.cleared {
            return None;
        }
        loop {
            while let Some(range) = self.ranges.last_mut() {
                let array = arrays.get(range.old);
                if let Some(full) = range.next_full(array.bucket(range.chain)) {
                    return Some((full.key(), full.elem()));
                }
                self.ranges.pop();
            }
            if self.groups_left == 0 {
                return None;
            }
            self.enter(arrays, cursors);
        }
    }

    /// Advances past one of the 2^split chains of the group.
    fn advance(&mut self, split: u8) {
        // `None` if the group is one chain.
        let width = 1_u64.checked_shl(u64::BITS - u32::from(split));
        debug_assert_eq!(
            self.offset_in_group % width.unwrap_or(u64::MAX),
            0,
            "in the middle of a chain"
        );
        let offset_in_group = width.and_then(|width| self.offset_in_group.checked_add(width));
        if offset_in_group.is_none() {
            self.group = (self.group + 1) & ((1 << self.b) - 1);
            self.groups_left -= 1;
        }
        self.offset_in_group = offset_in_group.unwrap_or(0);
    }

    /// Enters the next chain, in the old array if that has not been evacuated.
    fn enter<K, V>(&mut self, arrays: Arrays<'_, K, V>, cursors: &CursorSet) {
        let low_bits = self.group | (self.offset_in_group.reverse_bits() as usize) << self.b;
        let old = arrays
            .old
            .is_some_and(|old| !old.bucket(low_bits).evacuated());
        let array = arrays.get(old);
        self.advance(array.b() - self.b);

        let chain = low_bits & array.mask();
        let head = array.bucket(chain);
        if head.tophash(0) == EMPTY_REST {
            return;
        }
        let slots = head.chain().count() * BUCKET_CNT;
        let to = slots.min(cursors.limit(self.generation, old, chain));
        // First from the start slot to the end, then from slot 0 to the start slot.
        let start = self.start_offset.checked_rem(to).unwrap_or(0);
        for (from, to) in [(0, start), (start, to)] {
            self.ranges.push(SlotRange {
                old,
                chain,
                from,
                to,
            });
        }
    }
}
