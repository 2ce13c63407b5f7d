//! Random sequences: phases that fill, empty and churn, so that maps grow in both ways and are
//! observed during a growth.

use fastrand::Rng;

use super::kind::Kind;
use super::operation::{Operation, Sequence, Slot};

/// The number of steps of an ordinary sequence.
const STEPS: usize = 4000;

/// The interval, in steps, of the bucket comparisons of a large sequence.
const LARGE_CHECKSUM_EVERY: u32 = 4096;

/// Generates an ordinary sequence: maps of up to some hundred buckets, all compared after every
/// step.
#[must_use]
pub fn generate(kind: Kind, random: &mut Rng) -> Sequence {
    let sizes = [6, 9, 14, 28, 60, 110, 220, 450, 1000];
    let keys = sizes[random.usize(..sizes.len())];
    let hint = if random.u8(..4) == 0 {
        random.u32(..300)
    } else {
        0
    };
    let mut phases = Phases::new(keys, random.fork());
    while phases.operations.len() < STEPS {
        phases.next();
    }
    phases.operations.truncate(STEPS);
    Sequence {
        kind,
        hint,
        seed: random.u64(..),
        checksum_every: 1,
        operations: phases.operations,
    }
}

/// Generates a sequence that fills a map with many entries (2^16 buckets for small keys, 2^13
/// otherwise) and deletes most of them again.
#[must_use]
pub fn generate_large(kind: Kind, random: &mut Rng) -> Sequence {
    let keys = match kind {
        Kind::U64 | Kind::U32 | Kind::Str => 220_000,
        _ => 50_000,
    };
    let mut phases = Phases::new(keys, random.fork());
    phases.fill(keys);
    phases.churn(keys / 8);
    phases.empty(keys * 7 / 8);
    phases.clone_map();
    phases.fill(keys / 8);
    Sequence {
        kind,
        hint: 0,
        seed: random.u64(..),
        checksum_every: LARGE_CHECKSUM_EVERY,
        operations: phases.operations,
    }
}

/// The present and the absent keys of one map, for random draws.
#[derive(Clone)]
struct Keys {
    present: Vec<u32>,
    absent: Vec<u32>,
    /// Log2 of the minimum number of buckets of the map.
    b: u8,
}

impl Keys {
    fn all_absent(keys: usize) -> Self {
        Self {
            present: Vec::new(),
            absent: (0..keys as u32).collect(),
            b: 0,
        }
    }

    fn clear(&mut self) {
        self.absent.append(&mut self.present);
    }

    /// Returns the number of entries before the map doubles: eight, or 6.5 for each bucket.
    fn room(&self) -> usize {
        (13 * ((1 << self.b) / 2)).max(8)
    }
}

/// Removes a random key.
fn draw(keys: &mut Vec<u32>, random: &mut Rng) -> Option<u32> {
    (!keys.is_empty()).then(|| keys.swap_remove(random.usize(..keys.len())))
}

struct Phases {
    random: Rng,
    operations: Vec<Operation>,
    /// The keys of each of the two maps.
    slots: [Keys; 2],
    at: Slot,
    universe: usize,
    /// The average number of steps between two clones.
    clone_every: usize,
}

impl Phases {
    fn new(keys: usize, random: Rng) -> Self {
        Self {
            random,
            operations: Vec::new(),
            slots: [Keys::all_absent(keys), Keys::all_absent(keys)],
            at: Slot::A,
            universe: keys,
            clone_every: 32.max(keys / 4),
        }
    }

    fn next(&mut self) {
        let some = 1 + self.random.usize(..self.universe);
        match self.random.u8(..32) {
            0..5 => self.fill(some),
            5..8 => self.empty(some),
            8..10 => self.empty(self.universe),
            10..20 => self.churn(some),
            20..24 => self.look_up(some / 4),
            24 => self.iterate(),
            25 => self.clear(),
            26..28 => self.at = self.at.other(),
            28 => {
                let hint = self.random.u32(..(self.universe as u32 * 2));
                self.make(hint);
            }
            _ => {
                self.make(0);
                self.fill(some);
            }
        }
    }

    fn make(&mut self, hint: u32) {
        self.keys().clear();
        self.keys().b = 0;
        self.operations.push(Operation::Make(self.at, hint));
    }

    fn keys(&mut self) -> &mut Keys {
        &mut self.slots[self.at.index()]
    }

    fn insert_new(&mut self) {
        let keys = &mut self.slots[self.at.index()];
        let Some(key) = draw(&mut keys.absent, &mut self.random) else {
            return self.overwrite();
        };
        keys.present.push(key);
        let count = keys.present.len();
        let doubles = count > keys.room();
        keys.b += u8::from(doubles);
        self.push_insert(key);
        if doubles {
            // A doubling has just begun.
            match self.random.u8(..8) {
                0..3 => self.clone_map(),
                3 => {
                    self.delete_present();
                    self.delete_present();
                    self.clone_map();
                }
                4 => self.look_up(4),
                5 if count < 200 => self.iterate(),
                6 if self.random.bool() => self.clear(),
                _ => {}
            }
        }
    }

    fn overwrite(&mut self) {
        let present = &self.slots[self.at.index()].present;
        if let Some(key) = self.random.choice(present) {
            self.push_insert(*key);
        }
    }

    /// Uses the number of the step as the elem: elems differ, and a report shows the step of each
    /// one.
    fn push_insert(&mut self, key: u32) {
        let elem = self.operations.len() as u64;
        self.operations.push(Operation::Insert(self.at, key, elem));
    }

    fn delete_present(&mut self) {
        let keys = &mut self.slots[self.at.index()];
        if let Some(key) = draw(&mut keys.present, &mut self.random) {
            keys.absent.push(key);
            self.operations.push(Operation::Delete(self.at, key));
        }
    }

    fn delete_absent(&mut self) {
        let absent = &self.slots[self.at.index()].absent;
        if let Some(key) = self.random.choice(absent) {
            self.operations.push(Operation::Delete(self.at, *key));
        }
    }

    fn clone_map(&mut self) {
        let mut copy = self.keys().clone();
        // A clone is sized by its entries.
        copy.b = 0;
        while copy.present.len() > copy.room() {
            copy.b += 1;
        }
        self.slots[self.at.other().index()] = copy;
        self.operations.push(Operation::Clone(self.at));
    }

    fn clear(&mut self) {
        self.keys().clear();
        self.operations.push(Operation::Clear(self.at));
    }

    fn iterate(&mut self) {
        self.operations.push(Operation::Iterate(self.at));
    }

    /// Looks up present and absent keys.
    fn look_up(&mut self, times: usize) {
        for _ in 0..times {
            let keys = &self.slots[self.at.index()];
            let from = if self.random.bool() {
                &keys.present
            } else {
                &keys.absent
            };
            if let Some(key) = self.random.choice(from) {
                self.operations.push(Operation::Get(self.at, *key));
            }
        }
    }

    /// Makes an occasional operation between the steps of a phase.
    fn in_between(&mut self) {
        match self.random.u8(..16) {
            0 => self.overwrite(),
            1 => self.delete_absent(),
            2 | 3 => self.look_up(1),
            _ if self.random.usize(..self.clone_every) == 0 => self.clone_map(),
            _ => {}
        }
    }

    fn fill(&mut self, keys: usize) {
        for _ in 0..keys {
            self.insert_new();
            self.in_between();
        }
    }

    fn empty(&mut self, keys: usize) {
        for _ in 0..keys {
            self.delete_present();
            self.in_between();
        }
    }

    /// Deletes one key and inserts another, repeatedly.
    fn churn(&mut self, times: usize) {
        for _ in 0..times {
            self.delete_present();
            self.insert_new();
            self.in_between();
        }
    }
}
