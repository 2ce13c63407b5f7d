//! Random histories of transactions, cut into the lines of a watch in random ways, damaged or not.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::assemble::{Assembler, Batch, End};
use super::listing::{self, Range};
use super::stream;
use super::wire::{Bytes, Event, EventType, Failure, Header, KeyValue, Number, RangeResponse};

/// The revision before the first.
const BEFORE: u64 = 7;

/// The changes of a transaction, by keys; `None` for a delete.
type Transaction = Vec<(u8, Option<u8>)>;

/// How a history is cut: after how many transactions an answer ends, after how many events a part
/// of it, and whether a note without a change follows.
type Cut = (usize, usize, bool);

fn histories() -> impl Strategy<Value = Vec<Batch>> {
    let transaction = prop::collection::btree_map(0..9_u8, any::<Option<u8>>(), 1..5);
    let transaction = transaction.prop_map(|changes| changes.into_iter().collect::<Transaction>());
    // Transactions below other prefixes have revisions too.
    prop::collection::vec((1..4_u64, transaction), 1..12).prop_map(|transactions| {
        let mut revision = BEFORE;
        let batches = transactions.into_iter().map(|(step, changes)| {
            revision += step;
            let event = |(key, value): (u8, Option<u8>)| Event {
                kind: match value {
                    Some(_) => EventType::Put,
                    None => EventType::Delete,
                },
                kv: KeyValue {
                    key: Bytes(vec![key]),
                    value: Bytes(value.into_iter().collect()),
                    mod_revision: Number(revision),
                },
            };
            Batch {
                revision,
                events: changes.into_iter().map(event).collect(),
            }
        });
        batches.collect()
    })
}

fn cuts() -> impl Strategy<Value = Vec<Cut>> {
    prop::collection::vec((1..4_usize, 1..9_usize, any::<bool>()), 12)
}

/// Returns a line, as the gateway writes it.
fn line(server: u64, events: &[Event], is_part: bool) -> Vec<u8> {
    let event = |event: &Event| {
        let mut json = json!({"kv": {
            "key": event.kv.key,
            "value": event.kv.value,
            "mod_revision": event.kv.mod_revision,
        }});
        if event.kind == EventType::Delete {
            json["type"] = "DELETE".into();
        }
        json
    };
    let mut result = json!({"header": {"revision": server.to_string()}});
    if is_part {
        result["fragment"] = true.into();
    }
    if !events.is_empty() {
        result["events"] = events.iter().map(event).collect::<Vec<Json>>().into();
    }
    json!({ "result": result }).to_string().into_bytes()
}

/// Returns the lines of a history. `is_cut` says whether answers come in parts.
fn lines(history: &[Batch], cuts: &[Cut], is_cut: bool) -> Vec<Vec<u8>> {
    let mut lines = vec![line(BEFORE, &[], false)];
    let mut rest = history;
    for &(transactions, events, has_note) in cuts {
        let (answer, more) = rest.split_at(transactions.min(rest.len()));
        rest = more;
        let server = answer.last().map_or(BEFORE, |batch| batch.revision);
        let all: Vec<_> = answer.iter().flat_map(|batch| &batch.events).collect();
        let all: Vec<Event> = all.into_iter().cloned().collect();
        let parts: Vec<_> = all
            .chunks(if is_cut { events } else { usize::MAX })
            .collect();
        for (number, part) in parts.iter().enumerate() {
            lines.push(line(server, part, number + 1 < parts.len()));
        }
        if has_note && !answer.is_empty() {
            lines.push(line(server, &[], false));
        }
    }
    let last = history.last().map_or(BEFORE, |batch| batch.revision);
    lines.push(line(last, &[], false));
    lines
}

/// Puts lines together. Returns what came before the end, and the end.
fn assemble(lines: &[Vec<u8>]) -> (Vec<Batch>, Option<End>) {
    let mut assembler = Assembler::new(BEFORE + 1, Header::default());
    let mut batches = Vec::new();
    for line in lines {
        match stream::push(line, &mut assembler) {
            Ok(more) => batches.extend(more),
            Err(end) => return (batches, Some(end)),
        }
    }
    (batches, None)
}

/// Returns the effect of a revision: an event that comes twice changes nothing the second time.
fn effect(batch: &Batch) -> (u64, Vec<&Event>) {
    let mut events: Vec<_> = batch.events.iter().collect();
    events.sort_by(|one, other| one.kv.key.0.cmp(&other.kv.key.0));
    events.dedup();
    (batch.revision, events)
}

fn effects(batches: &[Batch]) -> Vec<(u64, Vec<&Event>)> {
    batches.iter().map(effect).collect()
}

proptest! {
    #[test]
    fn lines_give_exactly_the_revisions(history in histories(), cuts in cuts()) {
        let lines = lines(&history, &cuts, true);
        prop_assert_eq!(assemble(&lines), (history, None));
    }

    /// A line that comes twice gives no other revision, and none twice.
    #[test]
    fn repeated_line_gives_nothing_else(
        history in histories(), cuts in cuts(), at in any::<prop::sample::Index>()
    ) {
        let mut lines = lines(&history, &cuts, true);
        let at = at.index(lines.len());
        lines.insert(at, lines[at].clone());
        let (batches, end) = assemble(&lines);
        let (effects, expected) = (effects(&batches), effects(&history));
        prop_assert!(expected.starts_with(&effects), "{:?} of {:?}", effects, expected);
        prop_assert!(end.is_some() || effects.len() == expected.len());
    }

    /// Two lines in the wrong order end the watch, unless the result is right.
    #[test]
    fn swapped_lines_are_noticed(
        history in histories(), cuts in cuts(), at in any::<prop::sample::Index>()
    ) {
        let mut lines = lines(&history, &cuts, true);
        let at = at.index(lines.len() - 2);
        lines.swap(at, at + 1);
        let (batches, end) = assemble(&lines);
        let is_right = effects(&batches) == effects(&history);
        prop_assert!(end.is_some() || is_right, "{:?} of {:?}", batches, history);
    }

    /// A lost answer cannot be noticed in what follows; but no revision is made of parts of others.
    #[test]
    fn lost_answer_splits_no_revision(
        history in histories(), cuts in cuts(), at in any::<prop::sample::Index>()
    ) {
        let mut lines = lines(&history, &cuts, false);
        lines.remove(at.index(lines.len()));
        let (batches, end) = assemble(&lines);
        prop_assert_eq!(end, None);
        let mut expected = history.iter();
        for batch in &batches {
            prop_assert!(expected.any(|expected| expected == batch), "{:?}", batch);
        }
    }

    #[test]
    fn damaged_line_never_panics(
        history in histories(),
        cuts in cuts(),
        at in any::<prop::sample::Index>(),
        byte in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut lines = lines(&history, &cuts, true);
        let at = at.index(lines.len());
        let byte = byte.index(lines[at].len());
        lines[at][byte] = value;
        assemble(&lines);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        _ = stream::push(&bytes, &mut Assembler::new(3, Header::default()));
        _ = Failure::parse(&bytes);
        _ = serde_json::from_slice::<RangeResponse>(&bytes);
    }

    /// What passes the check of a page is in order, within the range, and not newer than asked for.
    #[test]
    fn checked_pages_are_in_order(
        keys in prop::collection::vec(("(/a/)?[a-c]{0,2}", 0..6_u64), 0..5),
        server in 0..6_u64,
        revision in 1..6_u64,
    ) {
        let kvs = keys.iter().map(|(key, revision)| {
            json!({"key": Bytes(key.clone().into()), "mod_revision": revision.to_string()})
        });
        let text = json!({
            "header": {"revision": server.to_string()},
            "kvs": kvs.collect::<Vec<_>>(),
        });
        let page: RangeResponse = serde_json::from_value(text).expect("a page");
        let range = Range::of_prefix("/a/");
        let is_right = (server == 0 || server >= revision)
            && keys.is_sorted_by(|one, other| one.0 < other.0)
            && keys.iter().all(|(key, of)| key.starts_with("/a/") && (1..=revision).contains(of));
        let checked = listing::check(&page, &range.start, &range, revision);
        prop_assert_eq!(checked.is_ok(), is_right);
    }
}
