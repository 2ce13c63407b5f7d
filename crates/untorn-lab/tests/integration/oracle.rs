//! Go's map and ours agree after every step, and a run in which they did not would say so. Each test prints that it is
//! skipped, and why, where there is no Go toolchain of a release with this map.

use std::collections::HashSet;

use untorn_lab::oracle::{
    Disagreement, Event, Kind, Operation, Oracle, Record, Sequence, check, check_with, generate,
    generate_crowd, replay, run,
};

/// The program beside us; `None`, said aloud, where it cannot be had.
fn oracle() -> Option<Oracle> {
    Oracle::start()
        .map_err(|reason| println!("skipped: {reason}"))
        .ok()
}

#[test]
fn gos_map_and_ours_agree_after_every_step() {
    let Some(mut oracle) = oracle() else {
        return;
    };
    let totals = run(&mut oracle, 1, 1_000_000).unwrap_or_else(|listing| panic!("{listing}"));
    println!("beside {}\n\n{totals}", oracle.version());
    for event in Event::ALL {
        assert!(totals.count(event) >= 20, "too few {}", event.name());
    }
}

/// Whether the comparison stops at `step` once `corrupt` has been at Go's record of it.
#[track_caller]
fn assert_noticed(
    (sequence, answers): (&Sequence, &[Record]),
    step: usize,
    what: &str,
    corrupt: impl FnOnce(&mut Record),
) {
    let mut answers = answers.to_vec();
    corrupt(&mut answers[step]);
    let noticed = replay(sequence, &answers).expect_err(what);
    assert_eq!(noticed.step, step, "{what}: {}", noticed.what);
    assert!(noticed.what.contains(what), "{what}: {}", noticed.what);
}

/// The last insert of a key that no step before it had to do with.
fn last_insert_of_a_fresh_key(sequence: &Sequence) -> usize {
    let key_of = |operation: &Operation| match *operation {
        Operation::Insert(_, key, _) | Operation::Delete(_, key) | Operation::Get(_, key) => {
            Some(key)
        }
        _ => None,
    };
    let mut seen = HashSet::new();
    let steps = sequence.operations.iter().enumerate();
    let fresh =
        steps.filter(|(_, operation)| key_of(operation).is_some_and(|key| seen.insert(key)));
    fresh
        .filter(|(_, operation)| matches!(operation, Operation::Insert(..)))
        .map(|(step, _)| step)
        .last()
        .expect("an insert")
}

#[test]
fn a_record_that_differs_in_anything_is_noticed_at_its_step() {
    let Some(mut oracle) = oracle() else {
        return;
    };
    for kind in Kind::ALL {
        let sequence = generate_crowd(kind, &mut fastrand::Rng::with_seed(5), &mut oracle);
        let answers = check(&mut oracle, &sequence).unwrap_or_else(|listing| panic!("{listing}"));
        let step = last_insert_of_a_fresh_key(&sequence);
        let both = (&sequence, &*answers);
        assert_noticed(both, step, "found", |record| record.found ^= true);
        assert_noticed(both, step, "result", |record| record.result ^= 1);
        assert_noticed(both, step, "count", |record| record.count += 1);
        assert_noticed(both, step, "B", |record| record.b += 1);
        assert_noticed(both, step, "flags", |record| record.flags ^= 8);
        assert_noticed(both, step, "noverflow", |record| record.noverflow += 1);
        assert_noticed(both, step, "growing", |record| record.growing ^= true);
        assert_noticed(both, step, "nevacuate", |record| record.nevacuate += 1);
        assert_noticed(both, step, "buckets", |record| record.checksum ^= 1 << 63);
        assert_noticed(both, step, "buckets", |record| record.hash ^= 1 << 60);
        assert_noticed(both, step, "new seed", |record| record.seed ^= 1);
    }
}

/// Our table, but for some keys that it forgets to delete.
fn forgetful(sequence: &Sequence, answers: &[Record]) -> Result<(), Disagreement> {
    let mut mistaken = sequence.clone();
    for operation in &mut mistaken.operations {
        if let Operation::Delete(slot, key) = *operation
            && key % 5 == 3
        {
            *operation = Operation::Get(slot, key);
        }
    }
    replay(&mistaken, answers)
}

#[test]
fn a_mistake_is_found_made_small_and_listed_with_both_sides() {
    let Some(mut oracle) = oracle() else {
        return;
    };
    for kind in Kind::ALL {
        let sequence = generate(kind, &mut fastrand::Rng::with_seed(9));
        let listing = check_with(&mut oracle, &sequence, forgetful).expect_err("a mistake");
        // One insert, one delete.
        assert!(listing.contains(": 2 steps; after the last: "), "{listing}");
        for line in ["] = ", "delete(", ".buckets[0]", "    go    ", "    ours  "] {
            assert!(listing.contains(line), "{line} is not in\n{listing}");
        }
    }
}
