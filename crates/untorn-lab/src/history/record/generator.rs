//! The random choices of a thread, and the steps inside views and batches.

use std::time::Duration;

use super::pause;
use crate::history::model::{Contents, KEYS, Key, Step, Value};
use crate::history::subject::{BatchOps, Keep, ViewOps};

/// The random choices of one thread.
pub(super) struct Generator {
    pub(super) rng: fastrand::Rng,
    pub(super) keys: usize,
    pub(super) next: Value,
    pub(super) threads: Value,
}

impl Generator {
    pub(super) fn key(&mut self) -> Key {
        self.rng.usize(..self.keys) as Key
    }

    /// Returns a value that was never written before.
    pub(super) fn fresh(&mut self) -> Value {
        self.next += self.threads;
        self.next
    }

    pub(super) fn one_in(&mut self, n: u32) -> bool {
        self.rng.u32(..n) == 0
    }

    /// Returns true for about half of the keys.
    pub(super) fn some_keys(&mut self) -> [bool; KEYS] {
        [(); KEYS].map(|()| self.rng.bool())
    }

    /// Returns no timeout in half of the cases, otherwise less than a third of a millisecond.
    pub(super) fn timeout(&mut self) -> Duration {
        let micros = if self.rng.bool() {
            self.rng.u64(..300)
        } else {
            0
        };
        Duration::from_micros(micros)
    }

    /// Makes one read through a view.
    pub(super) fn read(&mut self, view: &dyn ViewOps) -> Step {
        let key = self.key();
        match self.rng.u8(..10) {
            0 => Step::Contains {
                key,
                saw: view.contains_key(key),
            },
            1 => Step::Len { saw: view.len() },
            2 => {
                let (saw, entries) = view.all();
                Step::All { saw, entries }
            }
            _ => Step::Get {
                key,
                saw: view.get(key),
            },
        }
    }

    /// Reads every key, starting at a random one.
    pub(super) fn sweep(&mut self, view: &dyn ViewOps, steps: &mut Vec<Step>) {
        let first = self.key() as usize;
        for i in 0..self.keys {
            let key = ((first + i) % self.keys) as Key;
            steps.push(Step::Get {
                key,
                saw: view.get(key),
            });
            pause(&mut self.rng);
        }
    }

    /// Reads every key of a batch.
    pub(super) fn sweep_batch(&mut self, batch: &dyn BatchOps, steps: &mut Vec<Step>) {
        steps.extend((0..self.keys as Key).map(|key| Step::Get {
            key,
            saw: batch.get(key),
        }));
    }

    /// Makes one step of a batch.
    pub(super) fn step(&mut self, batch: &mut dyn BatchOps, steps: &mut Vec<Step>) {
        let key = self.key();
        steps.push(match self.rng.u8(..16) {
            0..3 => Step::Get {
                key,
                saw: batch.get(key),
            },
            3 => Step::Contains {
                key,
                saw: batch.contains_key(key),
            },
            4 => Step::Len { saw: batch.len() },
            5 => {
                let of = Some(batch.len());
                batch.clear();
                Step::Clear { of }
            }
            6 => return self.retain(steps, &mut |keep| batch.retain(keep)),
            7 | 8 => Step::Write {
                key,
                value: None,
                old: Some(batch.remove(key)),
            },
            _ => {
                let value = self.fresh();
                Step::Write {
                    key,
                    value: Some(value),
                    old: Some(batch.insert(key, value)),
                }
            }
        });
    }

    /// Calls `retain` of a map or of a batch; records the entries that it passed and the number
    /// removed.
    pub(super) fn retain(&mut self, steps: &mut Vec<Step>, retain: &mut dyn FnMut(&mut Keep<'_>)) {
        let rest = self.rng.u32(..2);
        let (mut saw, mut entries, mut gone) = (Contents::default(), 0, 0);
        retain(&mut |key, value| {
            pause(&mut self.rng);
            let keep = value % 2 == rest;
            saw[usize::from(key)] = Some(value);
            entries += 1;
            gone += usize::from(!keep);
            keep
        });
        let gone = Some(gone);
        steps.extend([Step::All { saw, entries }, Step::Retain { rest, gone }]);
    }

    /// Returns contents for a refresh: the current ones with some keys removed or changed.
    pub(super) fn contents(&mut self, mut contents: Contents) -> Contents {
        for value in &mut contents[..self.keys] {
            match self.rng.u8(..4) {
                0 => *value = None,
                1 => {}
                _ => *value = Some(self.fresh()),
            }
        }
        contents
    }
}
