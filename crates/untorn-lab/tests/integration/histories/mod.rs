//! Recorded histories of `untorn::Map`, and tests that the checkers detect violations.
//!
//! `UNTORN_HISTORIES` multiplies the number of histories, `UNTORN_PLANTS` is the number of injected
//! anomalies of each kind, `UNTORN_SEED` selects both; the interleaving depends on the machine. A
//! longer run is `just histories`.

use std::collections::BTreeMap;

use untorn_lab::history::campaign::{Totals, Until, long, long_plan, short, short_plan, untorn};
use untorn_lab::history::detail::Detail;
use untorn_lab::history::faulty_maps::{Locked, Mistake};
use untorn_lab::history::inject::{Injection, inject};
use untorn_lab::history::key_by_key::KeyByKey;
use untorn_lab::history::linearizability::{Verdict, linearize};
use untorn_lab::history::model::{Operation, Outcome};
use untorn_lab::history::record::{Calls, Plan, record};
use untorn_lab::history::revisions::{Anomaly, replay};
use untorn_lab::history::shrink::shrink;
use untorn_lab::history::subject::Subject;
use untorn_lab::history::timeline::timeline;
use untorn_lab::history::untorn_map::Untorn;

use crate::turns;

mod agreement;
mod details;
mod handwritten;

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(number) => number.parse().expect("a number"),
        Err(_) => default,
    }
}

fn seed() -> u64 {
    let seed = number("UNTORN_SEED", fastrand::u64(..1 << 32));
    println!("UNTORN_SEED={seed}");
    seed
}

fn histories(count: usize) -> Until {
    Until::Histories(count * number("UNTORN_HISTORIES", 1) as usize)
}

/// Prints the totals; panics on a violation, or if too few operations overlapped.
fn assert_good(name: &str, totals: &Totals) {
    println!("{name}: {totals}");
    if let Some(problem) = totals.problem() {
        panic!("{name}: {problem}");
    }
}

#[test]
fn short_histories_are_linearizable() {
    let _turn = turns::shared();
    assert_good("Map", &short(untorn, seed(), histories(8_000)));
}

#[test]
fn long_histories_follow_from_their_revisions() {
    let _turn = turns::shared();
    assert_good("Map", &long(untorn, seed(), 100_000, histories(8)));
}

#[test]
fn a_correct_map_passes() {
    let _turn = turns::shared();
    let right = |_| Locked::new(Mistake::None);
    assert_good("HashMap in a lock", &short(right, seed(), histories(500)));
    let totals = long(right, seed(), 20_000, histories(3));
    assert_good("HashMap in a lock", &totals);
}

#[test]
fn faulty_maps_are_detected() {
    let _turn = turns::shared();
    let seed = seed();
    println!("number of the first violating history: black box, revisions, anomaly");
    for mistake in Mistake::OF_BOTH {
        assert_caught(
            &format!("{mistake:?}"),
            |_| Locked::new(mistake),
            seed,
            Checkers::Both,
        );
    }
    for mistake in Mistake::OF_THE_BLACK_BOX {
        let name = format!("{mistake:?}");
        assert_caught(&name, |_| Locked::new(mistake), seed, Checkers::BlackBox);
    }
    for mistake in Mistake::OF_REVISIONS {
        let name = format!("{mistake:?}");
        assert_caught(&name, |_| Locked::new(mistake), seed, Checkers::Revisions);
    }
    assert_caught("KeyByKey", |_| KeyByKey::new(), seed, Checkers::Both);
}

/// The checkers that must detect a mistake.
#[derive(Clone, Copy, PartialEq)]
enum Checkers {
    Both,
    BlackBox,
    Revisions,
}

fn assert_caught<S: Subject>(name: &str, map: impl Fn(u64) -> S, seed: u64, checkers: Checkers) {
    let (mut black_box, mut by_revisions) = (Totals::default(), Totals::default());
    if checkers != Checkers::Revisions {
        black_box = short(&map, seed, Until::Histories(2_000));
    }
    if checkers != Checkers::BlackBox {
        by_revisions = long(&map, seed, 2_000, Until::Histories(200));
    }
    report(name, &black_box, &by_revisions);
    let caught = (black_box.violations, by_revisions.violations);
    let expected = match checkers {
        Checkers::Both => (1, 1),
        Checkers::BlackBox => (1, 0),
        Checkers::Revisions => (0, 1),
    };
    assert_eq!(caught, expected, "{name}");
}

fn report(name: &str, black_box: &Totals, by_revisions: &Totals) {
    let at = |totals: &Totals| match totals.violations {
        0 => format!("not in {}", totals.histories),
        _ => totals.histories.to_string(),
    };
    let first = by_revisions.first.as_deref().unwrap_or("");
    println!(
        "  {name:<16} {:>12} {:>4} {}",
        at(black_box),
        at(by_revisions),
        first.split(':').next().unwrap_or(""),
    );
    if let Some(first) = &black_box.first {
        println!("{first}");
    }
}

/// Injects each anomaly into histories of a map until it was injected `wanted` times; calls `check`
/// with each result.
fn inject_all(
    injections: &[Injection],
    wanted: usize,
    mut history: impl FnMut(u64) -> Vec<Operation>,
    mut check: impl FnMut(Injection, &[Operation]) -> Option<String>,
) {
    // Some anomalies have a place in one history of thirty only.
    let at_most = (100 * wanted as u64).max(30_000);
    let seed = seed();
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut injected = vec![0; injections.len()];
    let mut found: Vec<BTreeMap<String, usize>> = vec![BTreeMap::new(); injections.len()];
    for i in 0..at_most {
        let good = history(seed.wrapping_add(i));
        for (place, &kind) in injections.iter().enumerate() {
            if injected[place] < wanted
                && let Some(bad) = inject(&good, kind, &mut rng)
            {
                injected[place] += 1;
                let name = check(kind, &bad).unwrap_or_else(|| {
                    panic!("{kind:?} was not detected in\n{}", timeline(&bad));
                });
                *found[place].entry(name).or_default() += 1;
            }
        }
        if injected.iter().all(|count| *count >= wanted) {
            break;
        }
    }
    for (place, kind) in injections.iter().enumerate() {
        let total: usize = found[place].values().sum();
        println!(
            "  {kind:?}: {} injected, {total} detected, as {:?}",
            injected[place], found[place]
        );
        assert!(injected[place] >= wanted, "too few places for {kind:?}");
    }
}

#[test]
fn the_black_box_detects_injected_anomalies() {
    let _turn = turns::shared();
    inject_all(
        &Injection::BLACK_BOX,
        number("UNTORN_PLANTS", 10) as usize,
        |seed| record(&Untorn::new(0), &short_plan(seed)),
        |_, bad| {
            if bad.len() > 128 || linearize(bad) != Verdict::Violation {
                return None;
            }
            Some("violation".into())
        },
    );
}

#[test]
fn revisions_detect_injected_anomalies() {
    let _turn = turns::shared();
    let injections: Vec<Injection> =
        [&Injection::BLACK_BOX[..], &Injection::WITH_REVISIONS[..]].concat();
    inject_all(
        &injections,
        number("UNTORN_PLANTS", 10) as usize,
        |seed| record(&Untorn::new(0), &long_plan(seed, 1_000)),
        |kind, bad| {
            let violations = replay(bad).violations;
            let names: Vec<Anomaly> = violations.iter().map(|one| one.anomaly).collect();
            let name = kind.names().iter().find(|name| names.contains(name));
            let first = names.first()?;
            assert!(name.is_some(), "{kind:?} was reported as {violations:?}");
            Some(format!("{first:?}"))
        },
    );
}

#[test]
fn every_call_and_every_outcome_is_recorded() {
    let _turn = turns::shared();
    let (mut calls, mut outcomes) = (BTreeMap::new(), BTreeMap::new());
    for seed in 0..400 {
        for operation in record(&Untorn::new(0), &short_plan(seed)) {
            *calls.entry(operation.call).or_insert(0) += 1;
            if operation.outcome != Outcome::Completed {
                let outcomes = outcomes.entry(operation.call).or_insert_with(BTreeMap::new);
                let outcome = format!("{:?}", operation.outcome);
                *outcomes.entry(outcome).or_insert(0) += 1;
            }
        }
    }
    println!("{calls:?}\n{outcomes:?}");
    let names: Vec<&str> = calls.into_keys().collect();
    let expected = "batch batch_if_keys_unchanged batch_if_unchanged begin_batch clear commit_snapshot \
                    commit_transition contains_key drain extract_if fork get get_or_insert_with \
                    get_or_insert_with_by_ref insert latest len pin recv_timeout refresh refresh_transition \
                    refresh_unique refresh_with remove remove_if restore retain revision snapshot subscribe \
                    subscribe_key subscribe_where try_batch try_get_or_insert_with \
                    try_get_or_insert_with_by_ref try_recv update update_if update_if_present wait_until";
    assert_eq!(names.join(" "), expected);
    let outcomes = outcomes.into_iter().map(|(call, outcomes)| {
        let outcomes: Vec<String> = outcomes.into_keys().collect();
        format!("{call} {}", outcomes.join(" "))
    });
    let expected = [
        "batch Panicked",
        "batch_if_keys_unchanged Moved Panicked",
        "batch_if_unchanged Moved Panicked",
        "begin_batch Aborted Panicked",
        "commit_snapshot Aborted Panicked",
        "commit_transition Aborted Panicked",
        "fork Aborted",
        "get_or_insert_with Panicked",
        "get_or_insert_with_by_ref Panicked",
        "refresh_unique Failed",
        "try_batch Failed Panicked",
        "try_get_or_insert_with Failed Panicked",
        "try_get_or_insert_with_by_ref Failed Panicked",
        "wait_until Failed",
    ];
    assert_eq!(outcomes.collect::<Vec<_>>(), expected);
}

/// Subscriptions wait, skip revisions and compare some that make no step; initializers keep other
/// callers waiting. Otherwise their checkers would have little to check.
#[test]
fn details_of_interest_are_recorded() {
    let _turn = turns::shared();
    let mut counts = BTreeMap::new();
    // The interleaving decides, so there are more histories if the first ones have too few.
    for seed in 0..20 {
        for operation in record(&Untorn::new(0), &long_plan(seed, 20_000)) {
            let name = match &operation.detail {
                Some(Detail::Received { step, waited, .. }) => {
                    let missed = step.as_ref().is_some_and(|step| step.missed > 0);
                    let step = if step.is_some() { "step" } else { "none" };
                    format!("{step}, waited: {waited}, missed: {missed}")
                }
                Some(Detail::Subscribed { .. }) => "subscribed".to_owned(),
                Some(Detail::Initializer { .. }) => "initialized".to_owned(),
                None => continue,
            };
            *counts.entry(name).or_insert(0) += 1;
        }
        if counts.len() == 8 && counts.values().all(|count| *count >= 20) {
            println!("{} histories: {counts:?}", seed + 1);
            return;
        }
    }
    panic!("too few: {counts:?}");
}

#[test]
fn a_history_of_one_thread_has_no_overlap() {
    let plan = Plan {
        threads: 1,
        operations: 50,
        keys: 2,
        calls: Calls::Every,
        seed: 1,
    };
    let history = record(&Untorn::new(0), &plan);
    let overlaps = untorn_lab::history::timeline::overlaps(&history);
    assert_eq!((overlaps.operations, overlaps.views_over_batches), (0, 0));
    assert!(overlaps.views > 0);
    assert!(matches!(linearize(&history), Verdict::Linearizable(_)));
}

#[test]
fn shrunk_violations_are_violations() {
    let _turn = turns::shared();
    let mut rng = fastrand::Rng::with_seed(seed());
    let mut sizes = Vec::new();
    for seed in 0..40 {
        let good = record(&Untorn::new(0), &short_plan(seed));
        for kind in [
            Injection::TornPair,
            Injection::StaleRead,
            Injection::LostUpdate,
        ] {
            if let Some(bad) = inject(&good, kind, &mut rng) {
                let short = shrink(&bad);
                assert_eq!(linearize(&short), Verdict::Violation);
                sizes.push((bad.len(), short.len()));
            }
        }
    }
    let (before, after): (Vec<usize>, Vec<usize>) = sizes.into_iter().unzip();
    let mean = |sizes: &[usize]| sizes.iter().sum::<usize>() as f64 / sizes.len() as f64;
    println!(
        "{:.1} operations, {:.1} once shrunk",
        mean(&before),
        mean(&after)
    );
    assert!(mean(&after) < mean(&before) / 2.0);
}
