//! tracing: one event for each overlap that is acted on, with both sides.

use std::cell::Cell as StdCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use untorn::{OnOverlap, Overlap, OverlapCell};

type Fields = BTreeMap<&'static str, String>;

/// Keeps the fields of every event, and may do something at each.
#[derive(Clone)]
struct Notes {
    events: Arc<Mutex<Vec<Fields>>>,
    at_each: fn(),
}

impl Notes {
    fn new(at_each: fn()) -> Self {
        Self {
            events: Arc::default(),
            at_each,
        }
    }

    fn take(&self) -> Vec<Fields> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut events)
    }
}

struct Visitor(Fields);

impl Visit for Visitor {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "untorn"
    }

    fn event(&self, event: &Event<'_>) {
        let mut visitor = Visitor(Fields::new());
        let level = *event.metadata().level();
        visitor.0.insert("level", level.to_string());
        event.record(&mut visitor);
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(visitor.0);
        drop(events);
        (self.at_each)();
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Writes where a guard of the same thread reads; whether that was refused.
fn meets_itself(cell: &OverlapCell<u32>) -> bool {
    let _reading = cell.read();
    catch_unwind(AssertUnwindSafe(|| drop(cell.write()))).is_err()
}

thread_local! {
    static CALLS: StdCell<usize> = const { StdCell::new(0) };
}

fn count(_: &Overlap) {
    CALLS.set(CALLS.get() + 1);
}

#[test]
fn each_overlap_that_is_acted_on_is_one_event_with_both_sides() {
    let notes = Notes::new(|| {});
    tracing::subscriber::with_default(notes.clone(), || {
        for policy in [OnOverlap::Panic, OnOverlap::Call(count)] {
            let cell = OverlapCell::named("config", 265).on_overlap(policy);
            assert!(meets_itself(&cell));
            let events = notes.take();
            assert_eq!(events.len(), 1);
            let event = &events[0];
            let wanted = [
                ("level", "ERROR"),
                ("message", "concurrent read and write"),
                ("kind", "\"read_and_write\""),
                ("name", "\"config\""),
                ("additional_readers", "0"),
                ("here.operation", "\"OverlapCell::write\""),
                ("here.kind", "\"write\""),
                ("other.operation", "\"OverlapCell::read\""),
                ("other.kind", "\"read\""),
            ];
            for (field, value) in wanted {
                assert_eq!(event[field], value, "{field}");
            }
            for side in ["here", "other"] {
                let field = |name| event.get(format!("{side}.{name}").as_str());
                let at = field("location").expect("a line");
                assert!(at.contains("tracing.rs:"), "{at}");
                let number = field("number").expect("a number");
                assert!(number.parse::<u64>().is_ok_and(|n| n > 0));
                assert!(field("thread").is_some());
                assert!(field("created_at").is_none(), "not made by `spawn`");
                assert_eq!(field("duration_ns").is_some(), side == "here");
            }
            assert!(
                !event.values().any(|value| value.contains("265")),
                "{event:?}"
            );
        }
    });
    assert_eq!(CALLS.get(), 1);
}

#[test]
fn a_map_tells_too_and_says_who_created_its_threads() {
    let notes = Notes::new(|| {});
    let worker = {
        let notes = notes.clone();
        untorn::spawn("worker", move || {
            let map = untorn::GoMap::from([(1, 10)]).on_overlap(OnOverlap::Panic);
            tracing::subscriber::with_default(notes, || {
                let met = AssertUnwindSafe(|| map.iter_with(|_, _| map.clear()));
                assert!(catch_unwind(met).is_err());
            });
        })
    };
    worker.join().expect("it is caught");
    let events = notes.take();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!(event["message"], "concurrent map iteration and map write");
    assert_eq!(event["kind"], "\"iteration_and_write\"");
    assert_eq!(event.get("name"), None);
    for side in ["here", "other"] {
        assert_eq!(event[format!("{side}.thread").as_str()], "\"worker\"");
        let created = &event[format!("{side}.created_at").as_str()];
        assert!(created.contains("tracing.rs:"), "{created}");
    }
}

#[test]
fn a_try_is_no_event() {
    let notes = Notes::new(|| {});
    let cell = OverlapCell::new(265);
    tracing::subscriber::with_default(notes.clone(), || {
        let _writing = cell.write();
        assert!(cell.try_read().is_err() && cell.try_write().is_err());
        assert!(format!("{cell:?}").contains("<in use>"));
    });
    assert!(notes.take().is_empty());
}

static NOSY: OverlapCell<u32> = OverlapCell::named("nosy", 0);

/// A subscriber that uses the cell that it is told of: one event, not events without end.
#[test]
fn an_overlap_that_a_subscriber_meets_itself_only_panics() {
    let notes = Notes::new(|| {
        let met = catch_unwind(|| drop(NOSY.write()));
        assert!(met.is_err(), "the reader is still inside");
    });
    tracing::subscriber::with_default(notes.clone(), || assert!(meets_itself(&NOSY)));
    assert_eq!(notes.take().len(), 1);
}

#[test]
fn a_subscriber_that_panics_leaves_the_cell_free() {
    let cell = OverlapCell::new(265);
    let notes = Notes::new(|| panic!("no more space"));
    tracing::subscriber::with_default(notes.clone(), || {
        for round in 1..=3 {
            assert!(meets_itself(&cell));
            assert_eq!(notes.events.lock().map_or(0, |events| events.len()), round);
        }
    });
    assert!(cell.try_write().is_ok());
}

#[test]
fn a_poll_that_fails_is_a_warning() {
    let notes = Notes::new(|| {});
    let on_its_thread = notes.clone();
    let mut polls = 0;
    let source = move || -> Result<[(u8, u8); 1], &'static str> {
        if polls == 0 {
            // For the rest of the thread's life.
            let set = tracing::subscriber::set_default(on_its_thread.clone());
            std::mem::forget(set);
        }
        polls += 1;
        match polls {
            1 => Err("the server is down"),
            2 => panic!("at once"),
            _ => Ok([(1, 1)]),
        }
    };
    let map = Arc::new(untorn::Map::new());
    let poller = untorn::Poller::every(Duration::MAX, source)
        .named("config poller")
        .max_backoff(Duration::from_millis(1))
        .start(&map)
        .expect("a thread");
    poller
        .wait_until_fresh(Duration::from_secs(60))
        .expect("the third goes well");
    let events = notes.take();
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            ["level", "message", "poller", "panicked", "error"].map(|field| &*event[field])
        })
        .collect();
    let poller = "\"config poller\"";
    let wanted = [
        [
            "WARN",
            "a poll failed",
            poller,
            "false",
            "\"the server is down\"",
        ],
        [
            "WARN",
            "a poll failed",
            poller,
            "true",
            "\"panicked: at once\"",
        ],
    ];
    assert_eq!(seen, wanted);
}
