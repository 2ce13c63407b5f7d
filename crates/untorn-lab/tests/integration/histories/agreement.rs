//! Compares verdicts with an independent checker, `todc-utils`, on the same histories.

use todc_utils::linearizability::WGLChecker;
use todc_utils::linearizability::history::{Action, History};
use todc_utils::specifications::Specification;
use untorn_lab::history::campaign::short_plan;
use untorn_lab::history::inject::{Injection, inject};
use untorn_lab::history::key_by_key::KeyByKey;
use untorn_lab::history::linearizability::{Verdict, linearize};
use untorn_lab::history::model::{Contents, Operation};
use untorn_lab::history::record::record;
use untorn_lab::history::untorn_map::Untorn;

struct Whole;

impl Specification for Whole {
    type State = Contents;
    type Operation = Operation;

    fn init() -> Contents {
        Contents::default()
    }

    fn apply(operation: &Operation, state: &Contents) -> (bool, Contents) {
        let after = operation.after(state);
        (after.is_some(), after.unwrap_or(*state))
    }
}

fn other_says(history: &[Operation]) -> bool {
    let mut events = Vec::new();
    for (process, operation) in history.iter().enumerate() {
        // Views are held while other calls are made, so each operation is a separate process.
        events.push((operation.invoked, process, Action::Call(operation.clone())));
        let response = Action::Response(operation.clone());
        events.push((operation.returned, process, response));
    }
    events.sort_by_key(|(moment, ..)| *moment);
    let actions = events
        .into_iter()
        .map(|(_, process, action)| (process, action));
    WGLChecker::<Whole>::is_linearizable(History::from_actions(actions.collect()))
}

/// Returns whether the history is linearizable; both checkers must agree.
fn both(history: &[Operation]) -> bool {
    let verdict = linearize(history);
    let good = matches!(verdict, Verdict::Linearizable(_));
    assert_ne!(verdict, Verdict::GaveUp);
    assert_eq!(good, other_says(history), "the checkers disagree");
    good
}

#[test]
fn two_checkers_agree() {
    let _turn = crate::turns::shared();
    let mut rng = fastrand::Rng::with_seed(super::seed());
    let (mut good, mut bad) = (0, 0);
    let mut count = |is_good| if is_good { good += 1 } else { bad += 1 };
    for (_, _, history) in super::handwritten::black_box() {
        if !history.is_empty() {
            count(both(&history));
        }
    }
    for seed in 0..150 {
        let history = record(&Untorn::new(0), &short_plan(seed));
        count(both(&history));
        for kind in Injection::BLACK_BOX {
            if let Some(injected) = inject(&history, kind, &mut rng) {
                count(both(&injected));
            }
        }
        count(both(&record(&KeyByKey::new(), &short_plan(seed))));
    }
    println!("{good} linearizable and {bad} other histories, equal verdicts of both checkers");
    assert!(good > 150 && bad > 500);
}
