//! What a table knows of the walks over it, and what each walk has still before it.
//!
//! A walk goes through the chains that there were when it began, from a random one on. Where one has been split since, it
//! goes through the parts in the order of their number with the bits reversed: in that order the two chains that a chain
//! is split into take exactly its place, so a walk always stands between two chains, or inside one, whatever the table
//! has grown to. Entries leave their chain by evacuation only, and keep their order then. Two things follow, and they are
//! all that has to be remembered:
//!
//! - what a walk has before it in the chain that it is in are *runs* of slots, and an evacuation makes of a run one run
//!   in each new chain: it only has to be told;
//! - of what stands in a chain that the walk has not come to yet, the entries that were in the table when it began to
//!   grow come first, so one number for each chain tells them from later ones. These *limits* are what lets a walk
//!   end however much is inserted meanwhile. Walks that began between the same two growths share them (an *era*).
//!
//! No key is hashed or compared, and a table without walks has none of this.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::arrays::Arrays;
use crate::gomap::raw::bucket::{BUCKET_CNT, BucketRef, Full};
use crate::gomap::raw::tophash::{EMPTY_REST, EVACUATED_X, EVACUATED_Y};
use crate::planted::planted;
use crate::random::random_u64;
use crate::sync::{Counter, Ordering};

/// Locks what no foreign code runs under, so that no panic can have left it half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The walks over one table.
pub(in crate::gomap) struct Walks {
    /// Tells this table from every other of the process, also from those that are gone.
    id: u64,
    /// How many growths have begun since the table was first walked over.
    growths: u64,
    /// Those that began after the last growth did. Behind a lock, since a walk begins under a shared borrow.
    newest: Mutex<Trails>,
    /// Those that began before it.
    eras: Vec<Era>,
}

/// Walks that may be under way; those that are not are left out now and then.
#[derive(Default)]
struct Trails {
    trails: Vec<Weak<Mutex<Trail>>>,
    sift_at: usize,
}

impl Trails {
    fn push(&mut self, trail: &Arc<Mutex<Trail>>) {
        if self.trails.len() >= self.sift_at {
            self.sift();
            self.sift_at = 2 * self.trails.len() + 8;
        }
        self.trails.push(Arc::downgrade(trail));
    }

    fn sift(&mut self) {
        self.trails.retain(|trail| trail.strong_count() > 0);
    }

    fn for_each(&self, f: impl FnMut(MutexGuard<'_, Trail>)) {
        let mut f = f;
        for trail in self.trails.iter().filter_map(Weak::upgrade) {
            f(lock(&trail));
        }
    }
}

/// The walks that began between two growths, and how far they may go in each chain.
struct Era {
    /// The number of growths that had begun before them.
    number: u64,
    trails: Trails,
    limits: Vec<u32>,
    /// The same for the old array while the table grows; none if they began when that was the present one.
    old_limits: Vec<u32>,
}

impl Walks {
    pub(super) fn new() -> Self {
        static NEXT: Counter = Counter::new(0);
        Self {
            // Relaxed: only that no two are the same counts.
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            growths: 0,
            newest: Mutex::default(),
            eras: Vec::new(),
        }
    }

    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// How many walks it keeps a note of.
    #[cfg(test)]
    pub(in crate::gomap) fn known(&self) -> usize {
        let newest = lock(&self.newest).trails.len();
        let eras = self.eras.iter();
        newest + eras.map(|era| era.trails.trails.len()).sum::<usize>()
    }

    /// Begins a walk over arrays of which the smaller has 2^b chains.
    pub(super) fn begin(&self, b: u8) -> Arc<Mutex<Trail>> {
        let trail = Arc::new(Mutex::new(Trail::new(self.growths, b)));
        lock(&self.newest).push(&trail);
        trail
    }

    /// The table has begun to grow, to `count` chains.
    pub(super) fn grown(&mut self, count: usize) {
        let newest = self.newest.get_mut();
        let mut trails = std::mem::take(newest.unwrap_or_else(PoisonError::into_inner));
        trails.sift();
        self.eras.push(Era {
            number: self.growths,
            trails,
            limits: Vec::new(),
            old_limits: Vec::new(),
        });
        self.growths += 1;
        self.eras.retain_mut(|era| {
            era.trails.sift();
            !era.trails.trails.is_empty()
        });
        for era in &mut self.eras {
            era.old_limits = std::mem::replace(&mut era.limits, vec![0; count]);
            era.trails.for_each(|mut trail| trail.grown());
        }
    }

    /// The table has moved the chain `number` of its old array, whose marks are now at `head`, to the new chain of the
    /// same number and, if it was split, to the one `split` further on.
    pub(super) fn moved<K, V>(
        &mut self,
        number: usize,
        split: Option<usize>,
        head: BucketRef<'_, K, V>,
    ) {
        let newest = self.newest.get_mut();
        let newest = newest.unwrap_or_else(PoisonError::into_inner);
        if newest.trails.is_empty() && self.eras.is_empty() {
            return;
        }
        let ranks = Ranks::of(head);
        let retell = |mut trail: MutexGuard<'_, Trail>| trail.moved(number, split, &ranks);
        newest.for_each(retell);
        for era in &mut self.eras {
            era.trails.for_each(retell);
            let [x, y] = ranks.at(limit(&era.old_limits, number));
            era.limits[number] = u32::try_from(x).unwrap_or(u32::MAX);
            if let Some(split) = split {
                era.limits[number + split] = u32::try_from(y).unwrap_or(u32::MAX);
            }
        }
    }

    /// The table has grown: the old array is gone.
    pub(super) fn settled(&mut self) {
        for era in &mut self.eras {
            era.old_limits = Vec::new();
        }
    }

    /// The table was cleared.
    pub(super) fn end(&mut self) {
        if planted("walk_survives_clear") {
            return;
        }
        let newest = self.newest.get_mut();
        let newest = std::mem::take(newest.unwrap_or_else(PoisonError::into_inner));
        let eras = std::mem::take(&mut self.eras);
        for trails in eras.iter().map(|era| &era.trails).chain([&newest]) {
            trails.for_each(|mut trail| trail.over = true);
        }
    }

    /// How many slots of this chain may hold what a walk may show that began in the era `number`.
    fn limit(&self, number: u64, old: bool, chain: usize) -> usize {
        if number == self.growths || planted("walk_knows_no_limit") {
            return usize::MAX;
        }
        let era = self.eras.iter().find(|era| era.number == number);
        let era = era.expect("the era of a walk that is under way is kept");
        limit(if old { &era.old_limits } else { &era.limits }, chain)
    }
}

fn limit(limits: &[u32], chain: usize) -> usize {
    limits
        .get(chain)
        .map_or(usize::MAX, |limit| *limit as usize)
}

/// Where the slots of an evacuated chain went: of those before slot *i*, how many to X and how many to Y.
struct Ranks(Vec<[usize; 2]>);

impl Ranks {
    fn of<K, V>(head: BucketRef<'_, K, V>) -> Self {
        let (mut ranks, mut rank) = (vec![[0, 0]], [0, 0]);
        for bucket in head.chain() {
            for i in 0..BUCKET_CNT {
                match bucket.tophash(i) {
                    EVACUATED_X => rank[0] += 1,
                    EVACUATED_Y => rank[1] += 1,
                    _ => {}
                }
                ranks.push(rank);
            }
        }
        Self(ranks)
    }

    fn at(&self, slot: usize) -> [usize; 2] {
        self.0[slot.min(self.0.len() - 1)]
    }
}

/// Slots of one chain, counted from its head through its overflow buckets.
struct Run {
    /// Whether the chain is one of the old array, and not evacuated.
    old: bool,
    chain: usize,
    from: usize,
    to: usize,
}

impl Run {
    /// Takes the next full slot from the front.
    fn next_full<'t, K, V>(&mut self, head: BucketRef<'t, K, V>) -> Option<Full<'t, K, V>> {
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
pub(super) struct Trail {
    /// The table was cleared.
    over: bool,
    /// The era in which it began.
    era: u64,
    /// Where in every chain it begins: a random number, of which the remainder by the length counts.
    offset: usize,
    /// Log2 of the number of chains when it began. Chains with the same b low bits are a group: what one of those chains
    /// has become.
    b: u8,
    /// The group to enter a chain of next.
    group: usize,
    /// Where in the group: the other bits of the chain's number, reversed.
    within: u64,
    /// Groups that it has not gone through yet.
    left: usize,
    /// What is left of the chain that it is in, and of those that it became; the next last.
    runs: Vec<Run>,
}

impl Trail {
    fn new(era: u64, b: u8) -> Self {
        let count = 1 << b;
        Self {
            over: false,
            era,
            offset: (random_u64() >> 40) as usize,
            b,
            group: random_u64() as usize & (count - 1),
            within: 0,
            left: count,
            runs: Vec::new(),
        }
    }

    fn grown(&mut self) {
        for run in &mut self.runs {
            run.old = true;
        }
    }

    fn moved(&mut self, number: usize, split: Option<usize>, ranks: &Ranks) {
        let before = std::mem::take(&mut self.runs);
        for run in before {
            if !(run.old && run.chain == number) {
                self.runs.push(run);
                continue;
            }
            let [from, to] = [ranks.at(run.from), ranks.at(run.to)];
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
                    self.runs.push(Run {
                        old: false,
                        chain,
                        from: from[half],
                        to: to[half],
                    });
                }
            }
        }
    }

    /// The next entry, if there is one. Looks at no more slots than are left, and hashes nothing.
    pub(super) fn step<'t, K, V>(
        &mut self,
        arrays: Arrays<'t, K, V>,
        walks: &Walks,
    ) -> Option<(&'t K, &'t V)> {
        if self.over {
            return None;
        }
        loop {
            while let Some(run) = self.runs.last_mut() {
                let array = arrays.get(run.old);
                if let Some(full) = run.next_full(array.bucket(run.chain)) {
                    return Some((full.key(), full.elem()));
                }
                self.runs.pop();
            }
            if self.left == 0 {
                return None;
            }
            self.enter(arrays, walks);
        }
    }

    /// Goes past one of the 2^split chains of the group.
    fn pass(&mut self, split: u8) {
        // None if the group is one chain.
        let width = 1_u64.checked_shl(u64::BITS - u32::from(split));
        debug_assert_eq!(
            self.within % width.unwrap_or(u64::MAX),
            0,
            "in the middle of a chain"
        );
        let within = width.and_then(|width| self.within.checked_add(width));
        if within.is_none() {
            self.group = (self.group + 1) & ((1 << self.b) - 1);
            self.left -= 1;
        }
        self.within = within.unwrap_or(0);
    }

    /// Enters the next chain: that of the old array if it is still to be evacuated.
    fn enter<K, V>(&mut self, arrays: Arrays<'_, K, V>, walks: &Walks) {
        let low_bits = self.group | (self.within.reverse_bits() as usize) << self.b;
        let old = arrays
            .old
            .is_some_and(|old| !old.bucket(low_bits).evacuated());
        let array = arrays.get(old);
        self.pass(array.b() - self.b);

        let chain = low_bits & array.mask();
        let head = array.bucket(chain);
        if head.tophash(0) == EMPTY_REST {
            return;
        }
        let slots = head.chain().count() * BUCKET_CNT;
        let to = slots.min(walks.limit(self.era, old, chain));
        // From somewhere inside to the end, then from the beginning to there.
        let start = self.offset.checked_rem(to).unwrap_or(0);
        for (from, to) in [(0, start), (start, to)] {
            self.runs.push(Run {
                old,
                chain,
                from,
                to,
            });
        }
    }
}
