//! Our side: runs a sequence on `gomap::Table` and compares with Go's results.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use untorn::gomap::Table;

use super::buckets::{Dump, checksum};
use super::hashes::GoHashes;
use super::kind::{MadeElem, MadeKey, entry_id, with_types_of};
use super::operation::{Operation, Sequence};
use super::record::Record;

/// The first step after which the two sides differ.
#[derive(Clone, Debug)]
pub struct Disagreement {
    /// Its number, from 0.
    pub step: usize,
    /// The difference.
    pub what: String,
    /// The contents of both of our maps after the step.
    pub(super) ours: [Dump; 2],
}

/// Executes `sequence` on our table, with the hashes in `answers`, and compares after each step.
///
/// # Errors
/// Returns the first disagreement. A panic of our table is one.
///
/// # Panics
/// Panics unless there is one answer for each step.
pub fn replay(sequence: &Sequence, answers: &[Record]) -> Result<(), Disagreement> {
    assert_eq!(sequence.operations.len(), answers.len());
    with_types_of!(sequence.kind, replay_as(sequence, answers))
}

fn replay_as<K: MadeKey, V: MadeElem>(
    sequence: &Sequence,
    answers: &[Record],
) -> Result<(), Disagreement> {
    let hashes = GoHashes::default();
    let mut tables = Tables::<K, V>([
        Table::with_hint_and_hasher(sequence.hint as usize, hashes.for_another()),
        Table::with_hasher(hashes.for_another()),
    ]);
    for (step, (operation, go)) in sequence.operations.iter().zip(answers).enumerate() {
        let every = sequence.checksum_every as usize;
        let with_checksum = (step + 1).is_multiple_of(every);
        let ours = catch_unwind(AssertUnwindSafe(|| {
            tables.step(*operation, go, with_checksum)
        }));
        let what = match ours {
            Ok(ours) => hashes.take_inconsistency().or_else(|| go.difference(&ours)),
            Err(panic) => Some(format!("our table panics: {}", message(&*panic))),
        };
        if let Some(what) = what {
            return Err(Disagreement {
                step,
                what,
                ours: tables.dump(),
            });
        }
    }
    Ok(())
}

struct Tables<K, V>([Table<K, V, GoHashes>; 2]);

impl<K: MadeKey, V: MadeElem> Tables<K, V> {
    fn step(&mut self, operation: Operation, go: &Record, with_checksum: bool) -> Record {
        let table = &mut self.0[operation.slot().index()];
        table.hasher().set_seed(go.seed);
        if let Some(number) = operation.key() {
            table.hasher().record_hash(&K::make(number), go.hash);
        }
        let mut answer = None;
        match operation {
            Operation::Insert(_, key, elem) => {
                let key = K::make(key);
                let found = table.get(&key).map(V::id);
                answer = table.insert(key, V::make(elem)).map(|old| old.id());
                assert!(found == answer, "get returns {found:?}, insert {answer:?}");
            }
            Operation::Delete(_, key) => {
                let key = K::make(key);
                let found = table.get(&key).map(V::id);
                answer = table.remove(&key).map(|old| old.id());
                assert!(found == answer, "get returns {found:?}, remove {answer:?}");
            }
            Operation::Get(_, key) => answer = table.get(&K::make(key)).map(V::id),
            Operation::Iterate(_) => {
                let sum = |sum: u64, (key, elem): (&K, &V)| sum.wrapping_add(entry_id(key, elem));
                let entries = table.iter();
                answer = (entries.len() > 0).then(|| entries.fold(0, sum));
            }
            Operation::Clear(_) => table.clear(),
            Operation::Clone(from) => self.0[from.other().index()] = table.clone(),
            Operation::Make(_, hint) => {
                let hasher = table.hasher().for_another();
                *table = Table::with_hint_and_hasher(hint as usize, hasher);
            }
        }
        let table = &self.0[operation.described().index()];
        let header = table.stats();
        Record {
            found: answer.is_some(),
            result: answer.unwrap_or(0),
            count: header.count as u64,
            b: header.b,
            flags: header.flags.bits(),
            noverflow: header.noverflow,
            growing: header.oldbuckets > 0,
            nevacuate: header.nevacuate as u64,
            checksum: if with_checksum { checksum(table) } else { 0 },
            ..Record::default()
        }
    }

    /// Dumps both maps as far as possible; after a panic that may be nothing.
    fn dump(&self) -> [Dump; 2] {
        let dump = |table| catch_unwind(AssertUnwindSafe(|| Dump::of(table))).unwrap_or_default();
        self.0.each_ref().map(dump)
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("with a payload that is not text")
}
