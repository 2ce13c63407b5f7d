//! An explicit-state model of asymmetric mode, which no model checker of the language's memory
//! model can explore: a pin's light fence is a compiler fence, and the heavy fence of a scan is
//! `membarrier`.
//!
//! The machine (`machine.rs`) has a store buffer for each thread, loads that are executed before
//! the stores in front of them (Arm), and a heavy fence that interrupts each other thread at any
//! moment between its call and its return. `programs.rs` has the protocol in its steps. Every
//! state that the threads of a scenario can reach is visited. In each, a version that is read, or
//! whose count changes, must be alive; and no handle frees while the map lives.
//!
//! A mutant makes one mistake, and the scenarios must find it.
//!
//! Beyond the model: read-modify-writes and Acquire loads are those of the strongest processor
//! that has them in order, and a Release store is never overtaken by a later Release store. The
//! loom models explore the orderings themselves, in symmetric mode.

mod machine;
mod programs;

use self::machine::{Explored, Program, Scenario, Violation};
use self::programs::{Mutant, Slot, Thread};

/// The environment variable that adds the scenarios that take minutes.
const LONG: &str = "UNTORN_WEAK_MODEL_LONG";

fn is_long() -> bool {
    std::env::var_os(LONG).is_some()
}

fn thread(mutant: Mutant, body: impl FnOnce(&mut Thread)) -> Program {
    let mut thread = Thread::new(mutant);
    body(&mut thread);
    thread.end()
}

/// The slots of the first two threads, and the one for the moment in which a handle counts.
const A: Slot = Slot(0, 0);
const A_MOMENT: Slot = Slot(0, 1);
const B: Slot = Slot(1, 0);
const B_MOMENT: Slot = Slot(1, 1);

/// Owners of two maps without handles.
const ALONE: [u8; 2] = [1, 1];

type Build = fn(Mutant) -> Scenario;

fn scenario(programs: Vec<Program>) -> Scenario {
    Scenario {
        programs,
        owners: ALONE,
        occupied: 2,
        reuses_addresses: false,
    }
}

fn reusing(programs: Vec<Program>) -> Scenario {
    Scenario {
        reuses_addresses: true,
        ..scenario(programs)
    }
}

/// A thread that pins, unpins and pins again while two versions are replaced.
fn pin_and_pin_again(mutant: Mutant) -> Scenario {
    let pins = thread(mutant, |t| _ = t.read(0, A).read(0, A));
    let commits = thread(mutant, |t| _ = t.commit(0).commit(0));
    scenario(vec![pins, commits])
}

/// As before; each freed address is that of the next version.
fn pins_of_reused_addresses(mutant: Mutant) -> Scenario {
    let pins = thread(mutant, |t| _ = t.read(0, A));
    let commits = thread(mutant, |t| _ = t.commit(0).commit(0).commit(0));
    reusing(vec![pins, commits])
}

/// Two threads that pin beside a writer.
fn two_readers(mutant: Mutant) -> Scenario {
    let one = thread(mutant, |t| _ = t.read(0, A));
    let other = thread(mutant, |t| _ = t.read(0, B));
    let commits = thread(mutant, |t| _ = t.commit(0).commit(0));
    scenario(vec![one, other, commits])
}

/// A pin inside a pin.
fn nested_pins(mutant: Mutant) -> Scenario {
    let pins = thread(mutant, |t| {
        t.pin(0, A, 0).pin(0, A_MOMENT, 2);
        t.reads(0).unpin(A).reads(2).unpin(A_MOMENT);
    });
    let commits = thread(mutant, |t| _ = t.commit(0).commit(0));
    scenario(vec![pins, commits])
}

/// A snapshot that is taken and dropped while the map lives.
fn snapshots(mutant: Mutant) -> Scenario {
    let takes = thread(mutant, |t| {
        t.snapshot(0, A_MOMENT, 0).reads(0).drop_snapshot(0);
    });
    let commits = thread(mutant, |t| _ = t.commit(0).commit(0));
    scenario(vec![takes, commits])
}

/// A pin that stays when its thread ends, read by another thread; then the record's next owner.
fn thread_end(mutant: Mutant) -> Scenario {
    let ends = thread(mutant, |t| {
        t.pin(0, A, 0).share(0).end_with_pin(A);
    });
    let reads = thread(mutant, |t| _ = t.read_shared());
    let commits = thread(mutant, |t| _ = t.commit(0).commit(0));
    scenario(vec![ends, reads, commits])
}

/// A record that is given back and claimed by two threads in turn.
fn extra_records(mutant: Mutant) -> Scenario {
    let one = thread(mutant, |t| _ = t.pin_in_extra_record(0, 2));
    let other = thread(mutant, |t| _ = t.pin_in_extra_record(0, 2));
    let commits = thread(mutant, |t| _ = t.commit(0).commit(0));
    scenario(vec![one, other, commits])
}

/// A reader asks for the newest version while the map ends, and reads on.
fn map_end(mutant: Mutant) -> Scenario {
    let reads = thread(mutant, |t| {
        t.snapshot(0, A_MOMENT, 0).reads(0).drop_snapshot(0);
        t.leave(0);
    });
    let ends = thread(mutant, |t| _ = t.commit(0).end_map(0));
    Scenario {
        owners: [2, 1],
        ..scenario(vec![reads, ends])
    }
}

/// Two readers outlive the map.
fn map_end_with_two_handles(mutant: Mutant) -> Scenario {
    let reads = |slot| {
        thread(mutant, move |t| {
            t.snapshot(0, slot, 0).reads(0).leave(0).reads(0);
            t.drop_snapshot(0);
        })
    };
    let ends = thread(mutant, |t| _ = t.commit(0).end_map(0));
    Scenario {
        owners: [3, 1],
        ..scenario(vec![reads(A_MOMENT), reads(B_MOMENT), ends])
    }
}

/// One thread pins two cells in turn in one slot, each with a writer of its own.
fn two_cells(mutant: Mutant) -> Scenario {
    let pins = thread(mutant, |t| _ = t.read(0, A).read(1, A));
    let one = thread(mutant, |t| _ = t.commit(0));
    let other = thread(mutant, |t| _ = t.commit(1));
    reusing(vec![pins, one, other])
}

/// A pin and a snapshot of one thread beside a pin of another.
fn pin_and_snapshot(mutant: Mutant) -> Scenario {
    let takes = thread(mutant, |t| {
        t.pin(0, A, 0).snapshot(0, A_MOMENT, 2);
        t.reads(0).unpin(A).reads(2).drop_snapshot(2);
    });
    let pins = thread(mutant, |t| _ = t.read(0, B));
    let commits = thread(mutant, |t| _ = t.commit(0).commit(0));
    scenario(vec![takes, pins, commits])
}

/// More commits than a pin makes attempts, beside two threads.
fn three_commits(mutant: Mutant) -> Scenario {
    let one = thread(mutant, |t| _ = t.read(0, A).read(0, A));
    let other = thread(mutant, |t| _ = t.read(0, B));
    let commits = thread(mutant, |t| _ = t.commit(0).commit(0).commit(0));
    reusing(vec![one, other, commits])
}

const SCENARIOS: [(&str, Build); 10] = [
    ("pin_and_pin_again", pin_and_pin_again),
    ("pins_of_reused_addresses", pins_of_reused_addresses),
    ("two_readers", two_readers),
    ("nested_pins", nested_pins),
    ("snapshots", snapshots),
    ("thread_end", thread_end),
    ("extra_records", extra_records),
    ("map_end", map_end),
    ("map_end_with_two_handles", map_end_with_two_handles),
    ("two_cells", two_cells),
];

const LONG_SCENARIOS: [(&str, Build); 2] = [
    ("pin_and_snapshot", pin_and_snapshot),
    ("three_commits", three_commits),
];

fn explore(name: &str, build: Build, mutant: Mutant) -> Explored {
    let explored = build(mutant).explore();
    println!("{name}, {mutant:?}: {} states", explored.states);
    explored
}

#[test]
fn nothing_in_use_is_freed_without_fences() {
    let long = LONG_SCENARIOS.iter().filter(|_| is_long());
    let mut states = 0;
    for &(name, build) in SCENARIOS.iter().chain(long) {
        let explored = explore(name, build, Mutant::None);
        assert_eq!(explored.violation, None, "{name}");
        assert!(explored.ends, "{name} has an execution that cannot go on");
        states += explored.states;
    }
    println!("{states} states in all");
}

/// The mutants, each with a scenario that finds it, and the violation.
const FOUND: [(Mutant, Build, Violation); 13] = [
    (
        Mutant::NoHeavyFence,
        pin_and_pin_again,
        Violation::UseAfterFree,
    ),
    (Mutant::NoHeavyFence, map_end, Violation::UseAfterFree),
    (
        Mutant::CountsBeforeSlots,
        snapshots,
        Violation::FreedByHandle,
    ),
    (
        Mutant::SlotClearedAtThreadEnd,
        thread_end,
        Violation::UseAfterFree,
    ),
    (
        Mutant::NoSecondLoad,
        pin_and_pin_again,
        Violation::UseAfterFree,
    ),
    (
        Mutant::FenceAfterSecondLoad,
        pin_and_pin_again,
        Violation::UseAfterFree,
    ),
    (
        Mutant::PointerOfFirstLoad,
        pins_of_reused_addresses,
        Violation::UseAfterFree,
    ),
    (
        Mutant::AnnouncementIgnored,
        pin_and_pin_again,
        Violation::UseAfterFree,
    ),
    (
        Mutant::NoAnnouncement,
        pin_and_pin_again,
        Violation::UseAfterFree,
    ),
    (
        Mutant::SlotClearedBeforeCount,
        snapshots,
        Violation::UseAfterFree,
    ),
    (
        Mutant::RecordBackBeforeUnpin,
        extra_records,
        Violation::UseAfterFree,
    ),
    (
        Mutant::ExtraRecordUnmarked,
        extra_records,
        Violation::UseAfterFree,
    ),
    (Mutant::EndIgnoresSlots, map_end, Violation::UseAfterFree),
];

#[test]
fn mutants_without_fences_are_found() {
    for (mutant, build, violation) in FOUND {
        let explored = explore("mutant", build, mutant);
        assert_eq!(explored.violation, Some(violation), "{mutant:?}");
    }
}
