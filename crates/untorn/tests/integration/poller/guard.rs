//! Contents that would remove too much: they are refused, and one answer can be let through.

use std::sync::Arc;

use untorn::poller::{FailureKind, RefreshError};
use untorn::{Map, Poller, Revision};

use super::support::{
    Answer, LONG, SourceControl, contents, error, fetching, started, unchanged, wait_for_polls,
};

fn numbers(count: u32) -> Vec<(u32, u32)> {
    (0..count).map(|n| (n, n)).collect()
}

/// Returns the text of a refusal.
fn refused(result: Result<Revision, RefreshError>) -> String {
    match result {
        Err(RefreshError::Failed(failure)) => {
            assert!(
                matches!(failure.kind, FailureKind::Refused(_)),
                "{failure:?}"
            );
            failure.to_string()
        }
        other => panic!("{other:?}"),
    }
}

/// Requests a poll whose contents must pass, and waits until it has ended.
fn accept_next(poller: &Poller, control: &SourceControl<u32, u32>, answer: Answer<u32, u32>) {
    let polls = poller.status().polls;
    poller.accept_next();
    control.supply(answer);
    control.wait_for_a_fetch();
    wait_for_polls(poller, polls + 1);
}

#[test]
fn empty_answer_is_refused_as_a_failure() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, contents(numbers(1_000)), |builder| builder);
    let good = config.snapshot();
    for failures in 1..4 {
        let refusal = refused(control.poll(&poller, contents([])));
        assert_eq!(
            refusal,
            "refused contents that would remove all 1000 keys of the map; if they are right, call \
             `accept_next`, or build the poller with `allow_empty`"
        );
        assert!(std::ptr::eq(&*good, &*config.pin()), "nothing is published");
        assert_eq!(poller.status().failures_in_a_row, failures);
        assert_eq!(control.resets(), failures as usize, "it returns all again");
    }
    // Three keys of a thousand pass by default.
    let passed = control.poll(&poller, contents(numbers(3)));
    assert_eq!((passed, config.len()), (Ok(Revision::from(2)), 3));
}

#[test]
fn empty_answer_is_no_failure_of_an_empty_map() {
    let config = Arc::new(Map::<u32, u32>::new());
    let (poller, control) = started(&config, contents([]), |builder| builder);
    assert_eq!(poller.status().failures_in_a_row, 0);
    let fresh = control.poll(&poller, contents(numbers(1)));
    assert_eq!(fresh, Ok(Revision::from(1)));
}

#[test]
fn allowed_empty_answer_empties_the_map() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, contents(numbers(9)), |builder| {
        builder.allow_empty()
    });
    assert!(control.poll(&poller, contents([])).is_ok());
    assert!(config.is_empty());
}

#[test]
fn answer_that_removes_too_many_keys_is_refused() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, contents(numbers(1_000)), |builder| {
        builder.max_removed(0.1)
    });
    let refusal = refused(control.poll(&poller, contents(numbers(899))));
    let start = "refused contents that would remove 101 of 1000 keys: at most 100 may be removed";
    assert!(refusal.starts_with(start), "{refusal}");
    assert!(control.poll(&poller, contents(numbers(900))).is_ok());
    // Keys that are new do not weigh up removed ones.
    let others = (1_000..9_000).map(|n| (n, n));
    refused(control.poll(&poller, contents(others)));
    assert_eq!(config.len(), 900);
}

#[test]
fn keys_of_other_writers_are_guarded_too() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, contents([]), |builder| builder);
    config.extend(numbers(10));
    refused(control.poll(&poller, contents([])));
    assert!(control.poll(&poller, unchanged()).is_ok());
    assert_eq!(config.len(), 10);
}

#[test]
fn accepted_answer_passes_once() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, contents(numbers(1_000)), |builder| {
        builder.max_removed(0.1)
    });
    refused(control.poll(&poller, contents(numbers(10))));
    accept_next(&poller, &control, contents(numbers(10)));
    assert_eq!((config.revision(), config.len()), (Revision::from(2), 10));
    refused(control.poll(&poller, contents(numbers(1))));
    accept_next(&poller, &control, contents([]));
    assert!(config.is_empty(), "both rules are skipped");
}

#[test]
fn acceptance_ends_with_a_failed_poll() {
    let config = Arc::new(Map::new());
    let (poller, control) = started(&config, contents(numbers(9)), |builder| builder);
    accept_next(&poller, &control, error("no"));
    assert_eq!(poller.status().failures_in_a_row, 1);
    refused(control.poll(&poller, contents([])));
    assert_eq!(config.len(), 9);
}

#[test]
fn acceptance_is_not_for_a_running_fetch() {
    let config = Arc::new(Map::from([(1, 1)]));
    let (poller, control) = fetching(&config);
    poller.accept_next();
    control.supply(contents([]));
    control.wait_for_a_fetch();
    assert_eq!(config.len(), 1, "the running fetch was refused");
    control.supply(contents([]));
    assert!(poller.wait_until_fresh(LONG).is_ok());
    assert!(config.is_empty());
}
