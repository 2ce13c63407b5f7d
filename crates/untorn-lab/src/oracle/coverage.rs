//! The events of a run: a run without a growth proves nothing about growth.

use std::fmt;

use super::kind::Kind;
use super::operation::{Operation, Sequence};
use super::record::Record;

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $event:ident $name:literal;)+) => {
        /// An event of a sequence.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[doc = $doc])+ $event,)+
        }

        impl Event {
            /// All events.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$event),+];

            /// Returns the name in the table of a run.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$event => $name,)+
                }
            }
        }
    };
}

events! {
    /// Sequences executed.
    Sequence "sequences";
    /// Operations compared.
    Step "steps";
    /// Comparisons of all buckets of a map.
    Checksum "bucket comparisons";
    /// Inserts of an absent key.
    New "inserts, new key";
    /// Inserts of a present key.
    Overwrite "inserts, overwrite";
    /// Deletes of a present key.
    DeletePresent "deletes, present";
    /// Deletes of an absent key.
    DeleteAbsent "deletes, absent";
    /// Lookups of a present key.
    Hit "lookups, hit";
    /// Lookups of an absent key.
    Miss "lookups, miss";
    /// Lookups in a growing map.
    GetGrowing "lookups in a growing map";
    /// Iterations of a map that is not empty.
    Iteration "iterations";
    /// Clears of a map that is not empty.
    Clear "clears";
    /// Clears of a map that is growing.
    ClearGrowing "clears of a growing map";
    /// New seeds drawn by Go.
    Reseed "new seeds";
    /// Growths to twice the size.
    Doubling "growths, doubling";
    /// Growths to the same size.
    SameSize "growths, same size";
    /// Old buckets that were evacuated.
    Evacuated "old buckets evacuated";
    /// Clones.
    Clone "clones";
    /// Clones of a map that is doubling.
    CloneDoubling "clones amid a doubling";
    /// Clones of a map that is growing to the same size.
    CloneSameSize "clones amid a same-size growth";
    /// Clones of a map with more entries than its load factor allows.
    CloneOverloaded "clones of an overloaded map";
}

const EVENTS: usize = Event::ALL.len();

/// Go's `sameSizeGrow`.
const SAME_SIZE_GROW: u8 = 8;

/// The number of times that each event happened, for each kind of map.
#[derive(Clone, Default, Debug)]
pub struct Coverage {
    counts: [[u64; EVENTS]; Kind::ALL.len()],
    largest_b: [u8; Kind::ALL.len()],
}

impl Coverage {
    /// Returns the steps of all kinds.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.count(Event::Step)
    }

    /// Returns the number of times that an event happened, over all kinds.
    #[must_use]
    pub fn count(&self, event: Event) -> u64 {
        self.counts
            .iter()
            .map(|counts| counts[event as usize])
            .sum()
    }

    /// Counts the events of a sequence by Go's answers.
    pub fn add(&mut self, sequence: &Sequence, answers: &[Record]) {
        let kind = sequence.kind as usize;
        let counts = &mut self.counts[kind];
        let mut add = |event: Event, times: u64| counts[event as usize] += times;
        add(Event::Sequence, 1);
        add(Event::Step, answers.len() as u64);
        let blank = Record::default();
        let mut slots = [blank; 2];
        for (operation, go) in sequence.operations.iter().zip(answers) {
            let before = slots[operation.slot().index()];
            let either = |yes, no| if go.found { yes } else { no };
            match operation {
                Operation::Insert(..) => add(either(Event::Overwrite, Event::New), 1),
                Operation::Delete(..) => add(either(Event::DeletePresent, Event::DeleteAbsent), 1),
                Operation::Get(..) => {
                    add(either(Event::Hit, Event::Miss), 1);
                    add(Event::GetGrowing, before.growing.into());
                }
                Operation::Iterate(_) => add(Event::Iteration, go.found.into()),
                Operation::Clear(_) => {
                    add(Event::Clear, (before.count > 0).into());
                    add(
                        Event::ClearGrowing,
                        (before.count > 0 && before.growing).into(),
                    );
                }
                Operation::Clone(_) => {
                    let same_size = before.flags & SAME_SIZE_GROW != 0;
                    let room = 13 * ((1_u64 << before.b) / 2);
                    add(Event::Clone, 1);
                    add(Event::CloneDoubling, (before.growing && !same_size).into());
                    add(Event::CloneSameSize, same_size.into());
                    add(Event::CloneOverloaded, (before.count > room.max(8)).into());
                }
                Operation::Make(..) => {}
            }
            add(Event::Reseed, go.reseeded.into());
            add(Event::Checksum, (go.checksum != 0).into());
            if matches!(operation, Operation::Insert(..)) {
                // A small growth can begin and end in one step, so it is detected by its effects.
                let doubled = go.b > before.b;
                let same_size = !doubled
                    && (go.noverflow < before.noverflow
                        || (go.flags & !before.flags & SAME_SIZE_GROW) != 0);
                add(Event::Doubling, doubled.into());
                add(Event::SameSize, same_size.into());
                let from = if doubled || same_size {
                    0
                } else {
                    before.nevacuate
                };
                add(Event::Evacuated, go.nevacuate - from);
            } else if matches!(operation, Operation::Delete(..)) {
                add(Event::Evacuated, go.nevacuate - before.nevacuate);
            }
            slots[operation.described().index()] = *go;
            self.largest_b[kind] = self.largest_b[kind].max(go.b);
        }
    }
}

impl fmt::Display for Coverage {
    /// Writes a Markdown table: a row for each event, a column for each kind.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| |")?;
        for kind in Kind::ALL {
            write!(f, " `{kind}` |")?;
        }
        write!(f, " all |\n|---|{}\n", "---|".repeat(Kind::ALL.len() + 1))?;
        for event in Event::ALL {
            write!(f, "| {} |", event.name())?;
            for counts in &self.counts {
                write!(f, " {} |", counts[event as usize])?;
            }
            writeln!(f, " {} |", self.count(event))?;
        }
        write!(f, "| largest B |")?;
        for b in self.largest_b {
            write!(f, " {b} |")?;
        }
        write!(f, " {} |", self.largest_b.iter().max().unwrap_or(&0))
    }
}
