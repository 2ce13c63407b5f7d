//! Go's map and ours agree after every step, and a run with a difference reports it. Without a Go
//! toolchain of a release with this map, each test prints that it is skipped, and why.

use std::collections::HashSet;

use untorn_lab::oracle::{
    Disagreement, Event, Kind, Operation, Oracle, Record, Sequence, check, check_with, generate,
    generate_colliding_keys, replay, run,
};

/// Starts the Go program; prints the reason and returns `None` if it is not available.
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
    let coverage = run(&mut oracle, 1, 1_000_000).unwrap_or_else(|report| panic!("{report}"));
    println!("beside {}\n\n{coverage}", oracle.version());
    for event in Event::ALL {
        assert!(coverage.count(event) >= 20, "too few {}", event.name());
    }
}

/// Asserts that the comparison stops at `step` after `corrupt` has changed Go's record of it.
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

/// Returns the last insert of a key that no earlier step used.
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
fn a_differing_record_is_detected_at_its_step() {
    let Some(mut oracle) = oracle() else {
        return;
    };
    for kind in Kind::ALL {
        let sequence = generate_colliding_keys(kind, &mut fastrand::Rng::with_seed(5), &mut oracle);
        let answers = check(&mut oracle, &sequence).unwrap_or_else(|report| panic!("{report}"));
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

/// Runs our table, but omits the deletes of some keys.
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
fn a_bug_is_detected_shrunk_and_reported() {
    let Some(mut oracle) = oracle() else {
        return;
    };
    for kind in Kind::ALL {
        let sequence = generate(kind, &mut fastrand::Rng::with_seed(9));
        let report = check_with(&mut oracle, &sequence, forgetful).expect_err("a bug");
        // One insert, one delete.
        assert!(report.contains(": 2 steps; after the last: "), "{report}");
        for line in ["] = ", "delete(", ".buckets[0]", "    go    ", "    ours  "] {
            assert!(report.contains(line), "{line} is not in\n{report}");
        }
    }
}
