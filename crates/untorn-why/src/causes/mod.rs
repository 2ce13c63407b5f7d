//! The usual causes: each one a rule on the stacks of both sides, with the next step.

// | file | causes |
// |---|---|
// | `stacks.rs` | the input of the rules |
// | `copies.rs` | a lock or a `sync.Map` that was copied |
// | `reading.rs` | a map that is printed, logged or encoded |
// | `refresh.rs` | a map that is refreshed or reloaded |
// | `own_code.rs` | a shared struct, a map type, a captured variable, workers, a package variable |
// | `cached_object.rs` | objects of Kubernetes |
// | `of_library.rs` | headers, contexts, label sets, and what else a library holds |

mod cached_object;
mod copies;
mod of_library;
mod own_code;
mod reading;
mod refresh;
mod stacks;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::candidates::Certainty;

pub(crate) use self::stacks::{Other, Stacks};

/// A possible cause.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Cause {
    /// The name of the rule, which does not change between versions.
    pub id: &'static str,
    /// The cause, in one sentence.
    pub title: String,
    /// The certainty of the rule.
    pub certainty: Certainty,
    /// The part of the dump that the rule matched.
    pub matched: String,
    /// The ways to fix it, the next step first.
    pub change: &'static [&'static str],
}

/// Advice that applies to every cause, for a crash dump.
pub(crate) const GENERAL_ADVICE: &[&str] = &[ONE_LOCK, PUBLISH, DETECT];

/// Advice that applies to every cause, for a report of the race detector.
pub(crate) const GENERAL_ADVICE_FOR_A_RACE: &[&str] = &[ONE_LOCK, PUBLISH];

const ONE_LOCK: &str = "hold one mutex around both sides, the read as well as the write: a lock on one side alone \
                        protects nothing.";
const PUBLISH: &str = "or write to a copy and publish it with an atomic.Pointer: readers load the pointer once and never \
                       block. sync.Map fits keys that are written once or by one goroutine each; it gives no consistent \
                       view of several keys.";
const DETECT: &str = "run the tests, or one instance, with -race: it names both sides and does not depend on timing.";

type Rule = fn(&Stacks<'_>) -> Option<Cause>;

/// The rules. Of causes that are equally certain the first one is shown first.
const RULES: &[Rule] = &[
    copies::sync_map,
    copies::lock,
    refresh::config,
    cached_object::rule,
    of_library::label_set,
    of_library::header,
    of_library::request_context,
    reading::formatted,
    reading::encoded,
    own_code::shared_struct,
    own_code::map_type,
    own_code::captured,
    own_code::fan_out,
    refresh::in_place,
    own_code::package_level,
];

/// Returns the causes that match, the most certain first.
///
/// A race report has two views: each of its sides is the detecting one in one of them.
pub(crate) fn recognize(views: &[Stacks<'_>]) -> Vec<Cause> {
    let of_rule = |rule: &Rule| {
        let causes = views.iter().filter_map(rule);
        causes.reduce(|first, second| match second.certainty > first.certainty {
            true => second,
            false => first,
        })
    };
    let mut causes: Vec<_> = RULES.iter().filter_map(of_rule).collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.certainty));
    if causes.is_empty() {
        causes.extend(views.iter().find_map(of_library::any));
    }
    causes
}
