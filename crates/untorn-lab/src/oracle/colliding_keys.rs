//! Sequences that make a map grow to the same size, which random keys almost never cause: keys are
//! chosen by their hashes.

use fastrand::Rng;

use super::golang::Oracle;
use super::kind::Kind;
use super::operation::{Operation, Sequence, Slot};

/// Generates a sequence in which a map of up to 128 buckets gets as many overflow buckets, is then
/// filled to just below its load factor, and grows to the same size. During that growth it is
/// written, read, cloned and overloaded.
#[must_use]
pub fn generate_colliding_keys(kind: Kind, random: &mut Rng, oracle: &mut Oracle) -> Sequence {
    let b = random.u32(1..8);
    let buckets = 1 << b;
    let room = 13 * (buckets / 2);
    let mut sequence = Sequence {
        kind,
        hint: room,
        seed: random.u64(..),
        checksum_every: 1,
        operations: (0..buckets * 24)
            .map(|key| Operation::Get(Slot::A, key))
            .collect(),
    };
    // Map A retains its first seed as long as it is not empty.
    let mut chains = vec![Vec::new(); buckets as usize];
    for (key, go) in (0..).zip(oracle.execute(&sequence)) {
        chains[go.hash as usize % buckets as usize].push(key);
    }
    let mut colliding = CollidingKeys {
        random: random.fork(),
        operations: Vec::new(),
        chains,
        present: Vec::new(),
    };
    colliding.play(room as usize);
    sequence.operations = colliding.operations;
    sequence
}

struct CollidingKeys {
    random: Rng,
    operations: Vec<Operation>,
    /// The absent keys of each chain.
    chains: Vec<Vec<u32>>,
    /// The present keys, each with its chain.
    present: Vec<(u32, usize)>,
}

impl CollidingKeys {
    fn play(&mut self, room: usize) {
        let mut order: Vec<usize> = (0..self.chains.len()).collect();
        self.random.shuffle(&mut order);
        let Some((last, others)) = order.split_last() else {
            return;
        };
        for chain in others {
            let before = self.present.len();
            self.overflow(*chain);
            // Deletes most keys again, but not all, which would change the seed.
            let keep = self.random.usize(..3) + 1;
            let mut here = before..self.present.len();
            while here.len() > keep {
                let at = self.random.usize(here.clone());
                self.delete(at);
                here.end -= 1;
            }
        }
        // Each other chain can hold sixteen entries.
        let spare = 10 + self.random.usize(..4);
        while self.present.len() + spare < room && self.insert_into_one_of(others) {}
        self.overflow(*last);
        // From here on, a new key starts a growth, unless its chain is full.
        for _ in 0..self.chains.len() {
            self.during_growth();
        }
    }

    /// Fills an empty chain until it has an overflow bucket, or, once in ten thousand times, until
    /// no keys are left for it.
    fn overflow(&mut self, chain: usize) {
        for _ in 0..9 {
            self.insert(chain);
        }
    }

    fn insert(&mut self, chain: usize) -> bool {
        let Some(key) = self.chains[chain].pop() else {
            return false;
        };
        self.present.push((key, chain));
        self.push_insert(Slot::A, key);
        if self.random.u8(..8) == 0 {
            self.look_up();
        }
        true
    }

    /// Uses the number of the step as the elem.
    fn push_insert(&mut self, slot: Slot, key: u32) {
        let elem = self.operations.len() as u64;
        self.operations.push(Operation::Insert(slot, key, elem));
    }

    /// Inserts into a chain that still fits in two buckets; returns false if there is none.
    fn insert_into_one_of(&mut self, chains: &[usize]) -> bool {
        let start = self.random.usize(..chains.len().max(1));
        let turned = chains[start..].iter().chain(&chains[..start]);
        let mut with_room = turned
            .copied()
            .filter(|chain| self.chains[*chain].len() > 8);
        with_room.next().is_some_and(|chain| self.insert(chain))
    }

    fn delete(&mut self, at: usize) {
        let (key, chain) = self.present.swap_remove(at);
        self.chains[chain].push(key);
        self.operations.push(Operation::Delete(Slot::A, key));
    }

    fn look_up(&mut self) {
        let chain = self.random.usize(..self.chains.len());
        let absent = self.chains[chain].last().copied();
        let present = self.random.choice(&self.present).map(|(key, _)| *key);
        let key = if self.random.bool() { absent } else { present };
        self.operations
            .extend(key.map(|key| Operation::Get(Slot::A, key)));
    }

    fn during_growth(&mut self) {
        match self.random.u8(..16) {
            0..6 => {
                let chain = self.random.usize(..self.chains.len());
                self.insert(chain);
            }
            6..9 if self.present.len() > 1 => {
                let at = self.random.usize(..self.present.len());
                self.delete(at);
            }
            9..12 => {
                self.operations.push(Operation::Clone(Slot::A));
                // Writes a little to the clone alone.
                for _ in 0..self.random.usize(..4) {
                    let chain = self.random.usize(..self.chains.len());
                    if let Some(key) = self.chains[chain].last().copied() {
                        self.push_insert(Slot::B, key);
                    }
                }
            }
            12 => self.operations.push(Operation::Iterate(Slot::A)),
            13 if self.random.u8(..32) == 0 => self.operations.push(Operation::Clear(Slot::A)),
            _ => self.look_up(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_with_few_keys_does_not_stop_the_sequence() {
        for seed in 0..200 {
            let mut colliding = CollidingKeys {
                random: Rng::with_seed(seed),
                operations: Vec::new(),
                chains: (0..8)
                    .map(|chain| (chain * 100..chain * 100 + 3 * chain).collect())
                    .collect(),
                present: Vec::new(),
            };
            colliding.play(52);
            let written = colliding.operations.iter();
            let count =
                |wanted: fn(&Operation) -> bool| written.clone().filter(|o| wanted(o)).count();
            let inserted = count(|o| matches!(o, Operation::Insert(Slot::A, ..)));
            let deleted = count(|o| matches!(o, Operation::Delete(Slot::A, _)));
            assert_eq!(inserted - deleted, colliding.present.len());
        }
    }
}
