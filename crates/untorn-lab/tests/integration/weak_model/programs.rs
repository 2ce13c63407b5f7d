//! The protocol of the cell as programs of the machine, each with the mistakes that a mutant makes.

use super::machine::{Place, Program, RECORDS, Register, SLOTS, Step, Value};

/// A mistake in the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Mutant {
    None,
    /// A scan does not execute the heavy fence.
    NoHeavyFence,
    /// A scan loads the counts before the slots.
    CountsBeforeSlots,
    /// A thread that ends clears its slots and gives its record back.
    SlotClearedAtThreadEnd,
    /// A pin does not load the word again.
    NoSecondLoad,
    /// A pin stores its slot behind the second load: the light fence is in the wrong place.
    FenceAfterSecondLoad,
    /// A pin uses the pointer of the first load.
    PointerOfFirstLoad,
    /// A scan frees versions of a cell that is announced.
    AnnouncementIgnored,
    /// The last attempt of a pin stores the version without an announcement and a third load.
    NoAnnouncement,
    /// A snapshot clears its slot before it counts.
    SlotClearedBeforeCount,
    /// A record is given back before its last slot is cleared.
    RecordBackBeforeUnpin,
    /// An extra record is used without its bit.
    ExtraRecordUnmarked,
    /// The map's end gives back every version.
    EndIgnoresSlots,
}

/// A program under construction.
pub(super) struct Thread {
    steps: Program,
    mutant: Mutant,
}

/// A record and a slot in it.
#[derive(Clone, Copy)]
pub(super) struct Slot(pub(super) u8, pub(super) u8);

impl Slot {
    fn place(self) -> Place {
        Place::slot(self.0, self.1)
    }
}

/// The registers of scans and pins; a pin takes the register after its own as well.
const SHOWN: Register = 0;
const ALONE: Register = 1;
const FLAG: Register = 2;

impl Thread {
    pub(super) fn new(mutant: Mutant) -> Self {
        Self {
            steps: Program::new(),
            mutant,
        }
    }

    pub(super) fn end(self) -> Program {
        self.steps
    }

    fn is(&self, mutant: Mutant) -> bool {
        self.mutant == mutant
    }

    fn add(&mut self, steps: impl IntoIterator<Item = Step>) -> &mut Self {
        self.steps.extend(steps);
        self
    }

    /// Pins the newest version of a cell in a slot; `version` is the register of the pointer.
    ///
    /// The models make one attempt where the code makes several: each further one is a pin again.
    pub(super) fn pin(&mut self, cell: u8, slot: Slot, version: Register) -> &mut Self {
        let (newest, place, first) = (Place::newest(cell), slot.place(), version + 1);
        let announce = |register| Step::Store(place, Value::Address(register));
        match self.mutant {
            Mutant::NoSecondLoad => {
                return self.add([Step::Load(version, newest), announce(version)]);
            }
            Mutant::FenceAfterSecondLoad => self.add([
                Step::Load(first, newest),
                Step::Load(version, newest),
                announce(first),
            ]),
            Mutant::PointerOfFirstLoad => self.add([
                Step::Load(version, newest),
                announce(version),
                Step::Load(first, newest),
            ]),
            _ => self.add([
                Step::Load(first, newest),
                announce(first),
                Step::Load(version, newest),
            ]),
        };
        if self.is(Mutant::NoAnnouncement) {
            let end = self.steps.len() + 2;
            return self.add([
                Step::IfSame(first, version, end),
                Step::Store(place, Value::Address(version)),
            ]);
        }
        let end = self.steps.len() + 4;
        self.add([
            Step::IfSame(first, version, end),
            Step::Store(place, Value::Cell(cell)),
            Step::Load(version, newest),
            Step::Store(place, Value::Address(version)),
        ])
    }

    pub(super) fn reads(&mut self, version: Register) -> &mut Self {
        self.add([Step::Use(version)])
    }

    pub(super) fn unpin(&mut self, slot: Slot) -> &mut Self {
        self.add([Step::Store(slot.place(), Value::Zero)])
    }

    /// Pins, reads and unpins.
    pub(super) fn read(&mut self, cell: u8, slot: Slot) -> &mut Self {
        self.pin(cell, slot, 0).reads(0).unpin(slot)
    }

    /// Takes a counted reference to the newest version.
    pub(super) fn snapshot(&mut self, cell: u8, slot: Slot, version: Register) -> &mut Self {
        self.pin(cell, slot, version);
        if self.is(Mutant::SlotClearedBeforeCount) {
            self.unpin(slot).add([Step::Increment(version)])
        } else {
            self.add([Step::Increment(version)]).unpin(slot)
        }
    }

    pub(super) fn drop_snapshot(&mut self, version: Register) -> &mut Self {
        self.add([Step::Decrement(version)])
    }

    /// Claims a record and pins in it, once; does nothing if another thread has it.
    pub(super) fn pin_in_extra_record(&mut self, cell: u8, record: u8) -> &mut Self {
        let claim = self.steps.len();
        if !self.is(Mutant::ExtraRecordUnmarked) {
            self.add([Step::Goto(0)]);
        }
        self.read(cell, Slot(record, 0)).give_back(record);
        let end = self.steps.len();
        if !self.is(Mutant::ExtraRecordUnmarked) {
            self.steps[claim] = Step::Claim(Place::occupied(record), end);
        }
        self
    }

    /// Gives back a record whose slots are empty.
    pub(super) fn give_back(&mut self, record: u8) -> &mut Self {
        let occupied = Place::occupied(record);
        if self.is(Mutant::RecordBackBeforeUnpin) {
            // The store to the slot before this one moves behind it.
            let unpin = self.steps.pop();
            return self.add([Step::Exchange(occupied, Value::Zero)]).add(unpin);
        }
        self.add([Step::Exchange(occupied, Value::Zero)])
    }

    /// Ends a thread that has a pin in this slot: its record is abandoned.
    pub(super) fn end_with_pin(&mut self, slot: Slot) -> &mut Self {
        if self.is(Mutant::SlotClearedAtThreadEnd) {
            self.unpin(slot).give_back(slot.0);
        }
        self
    }

    /// Shares the pinned version with another thread.
    pub(super) fn share(&mut self, version: Register) -> &mut Self {
        self.add([Step::Store(Place::MESSAGE, Value::Word(version))])
    }

    /// Reads a version that another thread has pinned and shared, if it has already.
    pub(super) fn read_shared(&mut self) -> &mut Self {
        let end = self.steps.len() + 3;
        self.add([
            Step::Load(FLAG, Place::MESSAGE),
            Step::IfZero(FLAG, end),
            Step::Use(FLAG),
        ])
    }

    /// Publishes a version, and scans.
    pub(super) fn commit(&mut self, cell: u8) -> &mut Self {
        self.add([Step::Publish(cell)]).scan(cell)
    }

    /// Frees the retired versions that no slot shows and no handle counts.
    pub(super) fn scan(&mut self, cell: u8) -> &mut Self {
        if self.is(Mutant::CountsBeforeSlots) {
            self.heavy().add([Step::Counts(ALONE)]).collect();
        } else {
            self.heavy().collect().add([Step::Counts(ALONE)]);
        }
        self.add([Step::Free(cell, SHOWN, ALONE)])
    }

    fn heavy(&mut self) -> &mut Self {
        if self.is(Mutant::NoHeavyFence) {
            return self;
        }
        self.add([Step::Heavy, Step::Fenced])
    }

    /// Collects what the slots of occupied records show.
    fn collect(&mut self) -> &mut Self {
        self.add([Step::Clear(SHOWN)]);
        for record in 0..RECORDS {
            let next = self.steps.len() + 2 + usize::from(SLOTS);
            self.add([
                Step::Load(FLAG, Place::occupied(record)),
                Step::IfZero(FLAG, next),
            ]);
            self.add((0..SLOTS).map(|slot| Step::Collect(SHOWN, Place::slot(record, slot))));
        }
        if self.is(Mutant::AnnouncementIgnored) {
            self.add([Step::OnlyVersions(SHOWN)]);
        }
        self
    }

    /// Ends the owner of a cell: gives back what no slot shows, and leaves the rest to the last
    /// handle.
    pub(super) fn end_map(&mut self, cell: u8) -> &mut Self {
        self.add([Step::End(cell)]).heavy();
        if self.is(Mutant::EndIgnoresSlots) {
            self.add([Step::Clear(SHOWN)]);
        } else {
            self.collect();
        }
        self.add([
            Step::All(ALONE),
            Step::Free(cell, SHOWN, ALONE),
            Step::Leave(cell),
        ])
    }

    /// Drops a handle of a cell.
    pub(super) fn leave(&mut self, cell: u8) -> &mut Self {
        self.add([Step::Leave(cell)])
    }
}
