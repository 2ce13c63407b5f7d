//! The machine of the model: threads with store buffers, early loads, and the heavy fence.

use std::collections::VecDeque;

use arrayvec::ArrayVec;
use hashbrown::HashSet;

/// The words of memory. A version is known by its address, 1 to 7.
pub(super) const ADDRESSES: usize = 8;

/// A word of memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Place(u8);

impl Place {
    /// The publication word of a cell.
    pub(super) const fn newest(cell: u8) -> Self {
        Self(cell)
    }

    /// The number of handles of a cell, its owner included.
    pub(super) const fn owners(cell: u8) -> Self {
        Self(2 + cell)
    }

    /// A word by which a thread shares what it has pinned.
    pub(super) const MESSAGE: Self = Self(4);

    /// The occupancy bit of a record.
    pub(super) const fn occupied(record: u8) -> Self {
        Self(5 + record)
    }

    /// A slot of a record.
    pub(super) const fn slot(record: u8, slot: u8) -> Self {
        Self(8 + 2 * record + slot)
    }

    /// The reference count of a version.
    const fn count(address: u8) -> Self {
        Self(14 + address)
    }
}

const PLACES: usize = 14 + ADDRESSES;

/// The number of records, and of slots in each.
pub(super) const RECORDS: u8 = 3;
pub(super) const SLOTS: u8 = 2;

/// A register of a thread: a word, or a set of addresses.
pub(super) type Register = usize;
const REGISTERS: usize = 5;

/// The bit of a word that announces a pin of a whole cell, whose number follows.
const ANNOUNCES: u8 = 0x80;

/// A word that points to a version: the address, and above it the number of versions that were
/// there before.
fn address(word: u16) -> u8 {
    (word & 0x07) as u8
}

/// A value that is stored.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Zero,
    /// The address in a register.
    Address(Register),
    /// The word in a register.
    Word(Register),
    /// The announcement of a cell.
    Cell(u8),
}

/// A step of a thread. A jump goes to a position in the program.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Loads a word with Acquire.
    Load(Register, Place),
    /// Stores a word with Release: into the store buffer.
    Store(Place, Value),
    /// Claims a free record with Acquire, or jumps.
    Claim(Place, usize),
    /// Stores a word by a read-modify-write with Release: after all earlier stores.
    Exchange(Place, Value),
    /// Increments the count of the version in a register: Relaxed, so earlier stores may follow.
    Increment(Register),
    /// Decrements the count of the version in a register, with Release. The last one frees.
    Decrement(Register),
    /// Decrements the owners of a cell. The last one gives back all that the cell still owns.
    Leave(u8),
    /// Begins the heavy fence.
    Heavy,
    /// Waits until every thread has executed a barrier.
    Fenced,
    /// Loads a slot with Acquire, and adds the version or the announcement in it to a set.
    Collect(Register, Place),
    /// Loads the counts with Acquire, and puts the versions that only the cell owns into a set.
    Counts(Register),
    /// Gives back the cell's count of each of its retired versions that the second set has and the
    /// first has not; none if the cell is announced in the first.
    Free(u8, Register, Register),
    /// Publishes a new version of a cell and retires the old one.
    Publish(u8),
    /// Declares that the owner of a cell is gone: from here on a handle may free.
    End(u8),
    /// Clears a register.
    Clear(Register),
    /// Puts every version into a set.
    All(Register),
    /// Removes the announcements from a set.
    OnlyVersions(Register),
    /// Reads the version in a register: it must be alive.
    Use(Register),
    IfZero(Register, usize),
    /// Jumps if two registers have the same address.
    IfSame(Register, Register, usize),
    Goto(usize),
}

pub(super) type Program = Vec<Step>;

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
struct Thread {
    at: u8,
    registers: [u16; REGISTERS],
    /// Stores that no other thread can load yet, oldest first.
    buffer: ArrayVec<(Place, u8), 4>,
    /// The value of the next load, if the processor has executed it early.
    early: Option<u8>,
    /// The threads whose barrier this thread's heavy fence waits for.
    awaits: u8,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    memory: [u8; PLACES],
    /// For each address twice the number of versions that were there, and 1 if one is.
    alive: [u8; ADDRESSES],
    /// The cell of the version at each address.
    cells: [u8; ADDRESSES],
    /// The retired versions that each cell owns, as sets.
    retired: [u8; 2],
    ended: [bool; 2],
    threads: ArrayVec<Thread, 4>,
}

/// A property that the protocol broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// A version was read, or its count changed, after it was freed.
    UseAfterFree,
    /// A handle freed a version while the owner of its cell lived.
    FreedByHandle,
}

/// The start of a scenario: which programs run, and how many handles each cell has.
pub(super) struct Scenario {
    pub(super) programs: Vec<Program>,
    /// Handles of each cell, its owner included.
    pub(super) owners: [u8; 2],
    /// The records that are occupied at the start.
    pub(super) occupied: u8,
    /// Set if a new version takes the address of one that was freed.
    pub(super) reuses_addresses: bool,
}

/// The result of exploring a scenario.
#[derive(Debug)]
pub(super) struct Explored {
    pub(super) states: usize,
    /// The first violation found.
    pub(super) violation: Option<Violation>,
    /// Set if no execution stops before the end of all programs.
    pub(super) ends: bool,
}

impl Scenario {
    /// Explores every execution.
    pub(super) fn explore(&self) -> Explored {
        let mut first = State {
            memory: [0; PLACES],
            alive: [0; ADDRESSES],
            cells: [0; ADDRESSES],
            retired: [0; 2],
            ended: [false; 2],
            threads: self.programs.iter().map(|_| Thread::default()).collect(),
        };
        for cell in 0..2 {
            first.memory[Place::owners(cell).0 as usize] = self.owners[cell as usize];
            let version = first.allocate(cell, self.reuses_addresses);
            first.memory[Place::newest(cell).0 as usize] = version;
        }
        for record in 0..self.occupied {
            first.memory[Place::occupied(record).0 as usize] = 1;
        }
        let mut found = HashSet::with_hasher(foldhash::fast::FixedState::default());
        found.insert(first.clone());
        let mut open = VecDeque::from([first]);
        let mut ends = true;
        while let Some(state) = open.pop_back() {
            let mut moved = false;
            let mut next = ArrayVec::<_, 32>::new();
            for thread in 0..state.threads.len() {
                if let Err(violation) = self.step(&state, thread, &mut next) {
                    return Explored {
                        states: found.len(),
                        violation: Some(violation),
                        ends,
                    };
                }
            }
            for state in next {
                moved = true;
                if !found.contains(&state) {
                    found.insert(state.clone());
                    open.push_back(state);
                }
            }
            let done = |(thread, program): (&Thread, &Program)| {
                usize::from(thread.at) == program.len() && thread.buffer.is_empty()
            };
            ends &= moved || state.threads.iter().zip(&self.programs).all(done);
        }
        Explored {
            states: found.len(),
            violation: None,
            ends,
        }
    }

    /// Adds every state that an action of this thread leads to.
    fn step(
        &self,
        state: &State,
        thread: usize,
        next: &mut ArrayVec<State, 32>,
    ) -> Result<(), Violation> {
        let program = &self.programs[thread];
        let own = &state.threads[thread];
        // The oldest store becomes visible.
        if !own.buffer.is_empty() {
            let mut state = state.clone();
            state.drain_one(thread);
            next.push(state);
        }
        // A heavy fence of another thread interrupts this one.
        for caller in 0..state.threads.len() {
            if state.threads[caller].awaits & (1 << thread) != 0 {
                let mut state = state.clone();
                state.threads[caller].awaits &= !(1 << thread);
                state.barrier(thread);
                next.push(state);
            }
        }
        // The processor executes the load behind the next stores.
        if own.early.is_none()
            && let Some(place) = load_behind_stores(&program[usize::from(own.at)..])
        {
            let mut state = state.clone();
            state.threads[thread].early = Some(state.load(thread, place));
            next.push(state);
        }
        let Some(&step) = program.get(usize::from(own.at)) else {
            return Ok(());
        };
        let mut state = state.clone();
        if state.execute(thread, step, self.reuses_addresses)? {
            // Steps that concern no other thread are no states of their own.
            while let Some(&step) = program.get(usize::from(state.threads[thread].at))
                && state.threads[thread].jump(step)
            {}
            next.push(state);
        }
        Ok(())
    }
}

/// Returns the place of the first load, if only stores to other places are before it.
fn load_behind_stores(steps: &[Step]) -> Option<Place> {
    let stores = steps
        .iter()
        .take_while(|step| matches!(step, Step::Store(..)))
        .count();
    match steps.get(stores) {
        Some(&Step::Load(_, place)) if stores > 0 => Some(place),
        _ => None,
    }
}

impl Thread {
    fn value(&self, value: Value) -> u8 {
        match value {
            Value::Zero => 0,
            Value::Address(register) => address(self.registers[register]),
            Value::Word(register) => self.registers[register] as u8,
            Value::Cell(cell) => ANNOUNCES | cell,
        }
    }

    /// Executes a step that concerns this thread only; returns false if it is another step.
    fn jump(&mut self, step: Step) -> bool {
        let to = match step {
            Step::IfZero(register, to) if self.registers[register] == 0 => Some(to),
            Step::IfSame(one, other, to)
                if address(self.registers[one]) == address(self.registers[other]) =>
            {
                Some(to)
            }
            Step::Goto(to) => Some(to),
            Step::Clear(register) => {
                self.registers[register] = 0;
                None
            }
            Step::All(register) => {
                self.registers[register] = u16::MAX;
                None
            }
            Step::OnlyVersions(register) => {
                self.registers[register] &= (1 << ADDRESSES) - 1;
                None
            }
            Step::IfZero(..) | Step::IfSame(..) => None,
            _ => return false,
        };
        self.at = to.map_or(self.at + 1, |to| to as u8);
        true
    }
}

impl State {
    fn at(&mut self, place: Place) -> &mut u8 {
        &mut self.memory[usize::from(place.0)]
    }

    fn load(&self, thread: usize, place: Place) -> u8 {
        let own = self.threads[thread].buffer.iter().rev();
        let own = own.clone().find(|(to, _)| *to == place);
        own.map_or(self.memory[usize::from(place.0)], |(_, value)| *value)
    }

    fn drain_one(&mut self, thread: usize) {
        let (place, value) = self.threads[thread].buffer.remove(0);
        *self.at(place) = value;
    }

    /// Executes a full barrier on a thread: its stores are visible, and loads are executed again.
    fn barrier(&mut self, thread: usize) {
        while !self.threads[thread].buffer.is_empty() {
            self.drain_one(thread);
        }
        self.threads[thread].early = None;
    }

    /// Creates a version with one reference, and returns the word that points to it.
    fn allocate(&mut self, cell: u8, reuses: bool) -> u8 {
        let is_free = |alive: u8| alive == 0 || reuses && alive.is_multiple_of(2);
        let free = (1..ADDRESSES).find(|&address| is_free(self.alive[address]));
        let address = free.expect("a scenario makes few versions");
        let before = self.alive[address] / 2;
        self.alive[address] += 1;
        self.cells[address] = cell;
        *self.at(Place::count(address as u8)) = 1;
        address as u8 | (before << 3)
    }

    fn assert_alive(&self, word: u16) -> Result<u8, Violation> {
        let address = address(word);
        if u16::from(self.alive[usize::from(address)]) == 2 * (word >> 3) + 1 {
            Ok(address)
        } else {
            Err(Violation::UseAfterFree)
        }
    }

    /// Decrements the count of a version; the last reference frees it.
    fn decrement(&mut self, address: u8) -> bool {
        let count = self.at(Place::count(address));
        *count -= 1;
        let freed = *count == 0;
        if freed {
            self.alive[usize::from(address)] += 1;
        }
        freed
    }

    /// Executes a step; returns false if it has to wait.
    fn execute(&mut self, thread: usize, step: Step, reuses: bool) -> Result<bool, Violation> {
        let own = self.threads[thread].clone();
        let mut to = own.at + 1;
        match step {
            Step::Load(register, place) => {
                let value = own.early.unwrap_or_else(|| self.load(thread, place));
                let own = &mut self.threads[thread];
                own.registers[register] = u16::from(value);
                own.early = None;
            }
            Step::Store(place, value) => {
                let entry = (place, own.value(value));
                if self.threads[thread].buffer.try_push(entry).is_err() {
                    return Ok(false);
                }
            }
            Step::Claim(place, otherwise) => {
                if *self.at(place) == 0 {
                    *self.at(place) = 1;
                } else {
                    to = otherwise as u8;
                }
            }
            Step::Exchange(..) | Step::Decrement(_) | Step::Leave(_) | Step::Publish(_)
                if !own.buffer.is_empty() =>
            {
                return Ok(false);
            }
            Step::Exchange(place, value) => *self.at(place) = own.value(value),
            Step::Increment(register) => {
                let address = self.assert_alive(own.registers[register])?;
                *self.at(Place::count(address)) += 1;
            }
            Step::Decrement(register) => {
                let address = self.assert_alive(own.registers[register])?;
                let lives = !self.ended[usize::from(self.cells[usize::from(address)])];
                if self.decrement(address) && lives {
                    return Err(Violation::FreedByHandle);
                }
            }
            Step::Leave(cell) => {
                let owners = self.at(Place::owners(cell));
                *owners -= 1;
                if *owners == 0 {
                    let newest = self.memory[usize::from(Place::newest(cell).0)] & 0x07;
                    let left = self.retired[usize::from(cell)] | (1 << newest);
                    for address in (1..ADDRESSES as u8).filter(|it| left & (1 << it) != 0) {
                        self.decrement(address);
                    }
                    self.retired[usize::from(cell)] = 0;
                }
            }
            Step::Heavy => {
                self.barrier(thread);
                let all = (1 << self.threads.len()) - 1;
                self.threads[thread].awaits = all & !(1 << thread);
            }
            Step::Fenced => {
                if own.awaits != 0 {
                    return Ok(false);
                }
            }
            Step::Collect(register, place) => {
                let word = self.load(thread, place);
                let bit = if word & ANNOUNCES == 0 {
                    u16::from(word != 0) << word
                } else {
                    1 << (ADDRESSES as u8 + (word & 1))
                };
                self.threads[thread].registers[register] |= bit;
            }
            Step::Counts(register) => {
                let alone = (1..ADDRESSES).filter(|&address| {
                    self.memory[usize::from(Place::count(address as u8).0)] == 1
                });
                let alone = alone.fold(0, |set, address| set | (1 << address));
                self.threads[thread].registers[register] = alone;
            }
            Step::Free(cell, shown, alone) => {
                let (shown, alone) = (own.registers[shown], own.registers[alone]);
                if shown & (1 << (ADDRESSES as u8 + cell)) == 0 {
                    let retired = self.retired[usize::from(cell)];
                    let free = u16::from(retired) & alone & !shown;
                    for address in (1..ADDRESSES as u8).filter(|it| free & (1 << it) != 0) {
                        self.decrement(address);
                    }
                    self.retired[usize::from(cell)] &= !(free as u8);
                }
            }
            Step::Publish(cell) => {
                let version = self.allocate(cell, reuses);
                let old = *self.at(Place::newest(cell)) & 0x07;
                self.retired[usize::from(cell)] |= 1 << old;
                self.threads[thread]
                    .buffer
                    .push((Place::newest(cell), version));
            }
            Step::End(cell) => self.ended[usize::from(cell)] = true,
            Step::Use(register) => {
                self.assert_alive(own.registers[register])?;
            }
            Step::IfZero(..)
            | Step::IfSame(..)
            | Step::Goto(_)
            | Step::Clear(_)
            | Step::All(_)
            | Step::OnlyVersions(_) => {
                self.threads[thread].jump(step);
                return Ok(true);
            }
        }
        self.threads[thread].at = to;
        Ok(true)
    }
}
