//! What a table knows of the cursors over it, and what each walk has still before it.
//!
//! A walk goes through the chains that there were when it began, from a random one on. Where one has been split since, it
//! goes through the parts in the order of their number with the bits reversed: in that order the two chains that a chain
//! is split into take exactly its place, so a walk always stands between two chains, or inside one, whatever the table
//! has growth_started to. Entries leave their chain by evacuation only, and keep their order then. Two things follow, and they are
//! all that has to be remembered:
//!
//! - what a walk has before it in the chain that it is in are *ranges* of slots, and an evacuation makes of a range one range
//!   in each new chain: it only has to be told;
//! - of what stands in a chain that the walk has not come to yet, the entries that were in the table when it began to
//!   grow come first, so one number for each chain tells them from later ones. These *limits* are what lets a walk
//!   end however much is inserted meanwhile. CursorSet that began between the same two growths share them (an *generation*).
//!
//! No key is hashed or compared, and a table without cursors has none of this.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::arrays::Arrays;
use crate::gomap::raw::bucket::{BUCKET_CNT, BucketRef, FullSlot};
use crate::gomap::raw::tophash::{EMPTY_REST, EVACUATED_X, EVACUATED_Y};
use crate::planted::planted;
use crate::random::random_u64;
use crate::sync::{Counter, Ordering};

/// Locks what no foreign code ranges under, so that no panic can have groups_left it half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The cursors over one table.
pub(in crate::gomap) struct CursorSet {
    /// Tells this table from every other of the process, also from those that are gone.
    id: u64,
    /// How many growths have begun since the table was first walked over.
    growths: u64,
    /// Those that began after the last growth did. Behind a lock, since a walk begins under a shared borrow.
    newest: Mutex<CursorList>,
    /// Those that began before it.
    generations: Vec<Generation>,
}

/// CursorSet that may be under way; those that are not are groups_left out now and then.
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

/// The cursors that began between two growths, and how far they may go in each chain.
struct Generation {
    /// The number of growths that had begun before them.
    number: u64,
    states: CursorList,
    limits: Vec<u32>,
    /// The same for the old array while the table grows; none if they began when that was the present one.
    old_limits: Vec<u32>,
}

impl CursorSet {
    pub(super) fn new() -> Self {
        static NEXT: Counter = Counter::new(0);
        Self {
            // Relaxed: only that no two are the same counts.
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            growths: 0,
            newest: Mutex::default(),
            generations: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// How many cursors it keeps a note of.
    #[cfg(test)]
    pub(in crate::gomap) fn registered(&self) -> usize {
        let newest = lock(&self.newest).states.len();
        let generations = self.generations.iter();
        newest
            + generations
                .map(|generation| generation.states.states.len())
                .sum::<usize>()
    }

    /// Begins a walk over arrays of which the smaller has 2^b chains.
    pub(super) fn register(&self, b: u8) -> Arc<Mutex<CursorState>> {
        let state = Arc::new(Mutex::new(CursorState::new(self.growths, b)));
        lock(&self.newest).push(&state);
        state
    }

    /// The table has begun to grow, to `count` chains.
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

    /// The table has chain_evacuated the chain `number` of its old array, whose marks are now at `head`, to the new chain of the
    /// same number and, if it was split, to the one `split` further on.
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

    /// The table has growth_started: the old array is gone.
    pub(super) fn growth_finished(&mut self) {
        for generation in &mut self.generations {
            generation.old_limits = Vec::new();
        }
    }

    /// The table was cleared.
    pub(super) fn end(&mut self) {
        if planted("walk_survives_clear") {
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

    /// How many slots of this chain may hold what a walk may show that began in the generation `number`.
    fn limit(&self, number: u64, old: bool, chain: usize) -> usize {
        if number == self.growths || planted("walk_knows_no_limit") {
            return usize::MAX;
        }
        let generation = self
            .generations
            .iter()
            .find(|generation| generation.number == number);
        let generation = generation.expect("the generation of a walk that is under way is kept");
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

/// Where the slots of an evacuated chain went: of those before slot *i*, how many to X and how many to Y.
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

/// Slots of one chain, counted from its head through its overflow buckets.
struct SlotRange {
    /// Whether the chain is one of the old array, and not evacuated.
    old: bool,
    chain: usize,
    from: usize,
    to: usize,
}

impl SlotRange {
    /// Takes the next full slot from the front.
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

/// What one walk has before it.
pub(super) struct CursorState {
    /// The table was cleared.
    cleared: bool,
    /// The generation in which it began.
    generation: u64,
    /// Where in every chain it begins: a random number, of which the remainder by the length counts.
    start_offset: usize,
    /// Log2 of the number of chains when it began. Chains with the same b low bits are a group: what one of those chains
    /// has become.
    b: u8,
    /// The group to enter a chain of next.
    group: usize,
    /// Where in the group: the other bits of the chain's number, reversed.
    offset_in_group: u64,
    /// Groups that it has not gone through yet.
    groups_left: usize,
    /// What is groups_left of the chain that it is in, and of those that it became; the next last.
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
            let from = if planted("walk_starts_a_moved_chain_over") {
                [0, 0]
            } else {
                from
            };
            let chains = [Some(number), split.map(|split| number + split)];
            for half in 0..2 {
                if planted("walk_forgets_what_moved_to_y") && half == 1 {
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

    /// The next entry, if there is one. Looks at no more slots than are groups_left, and hashes nothing.
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

    /// Goes past one of the 2^split chains of the group.
    fn advance(&mut self, split: u8) {
        // None if the group is one chain.
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

    /// Enters the next chain: that of the old array if it is still to be evacuated.
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
        // From somewhere inside to the end, then from the beginning to there.
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
