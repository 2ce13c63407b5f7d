//! tracing: one event with both sides for each overlap that the policy handles.
//!
//! Tests of events run alone: the first thread that emits an event may decide for all whether it is
//! of interest, even a thread of another test without a subscriber.

use std::cell::Cell as StdCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use untorn::{OnOverlap, Overlap, OverlapCell};

use crate::support::child::alone;

/// A value that is not part of another number by chance.
const VALUE: u32 = 265_265_265;

type Fields = BTreeMap<&'static str, String>;

/// A subscriber that stores the fields of every event and runs `at_each` after it.
#[derive(Clone)]
struct Recorder {
    events: Arc<Mutex<Vec<Fields>>>,
    at_each: fn(),
}

impl Recorder {
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

impl Subscriber for Recorder {
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

/// Returns whether a write was refused while a guard of the same thread was reading.
fn write_during_read_is_refused(cell: &OverlapCell<u32>) -> bool {
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
fn each_handled_overlap_is_one_event() {
    if !alone() {
        return;
    }
    let recorder = Recorder::new(|| {});
    tracing::subscriber::with_default(recorder.clone(), || {
        for policy in [OnOverlap::Panic, OnOverlap::Call(count)] {
            let cell = OverlapCell::named("config", VALUE).on_overlap(policy);
            assert!(write_during_read_is_refused(&cell));
            let events = recorder.take();
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
                !event
                    .values()
                    .any(|value| value.contains(&VALUE.to_string())),
                "{event:?}"
            );
        }
    });
    assert_eq!(CALLS.get(), 1);
}

#[test]
fn map_event_names_where_threads_were_created() {
    if !alone() {
        return;
    }
    let recorder = Recorder::new(|| {});
    let worker = {
        let recorder = recorder.clone();
        untorn::spawn("worker", move || {
            let map = untorn::GoMap::from([(1, 10)]).on_overlap(OnOverlap::Panic);
            tracing::subscriber::with_default(recorder, || {
                let met = AssertUnwindSafe(|| map.iter_with(|_, _| map.clear()));
                assert!(catch_unwind(met).is_err());
            });
        })
    };
    worker.join().expect("it is caught");
    let events = recorder.take();
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
fn try_methods_emit_no_event() {
    let recorder = Recorder::new(|| {});
    let cell = OverlapCell::new(265);
    tracing::subscriber::with_default(recorder.clone(), || {
        let _writing = cell.write();
        assert!(cell.try_read().is_err() && cell.try_write().is_err());
        assert!(format!("{cell:?}").contains("<in use>"));
    });
    assert!(recorder.take().is_empty());
}

static REENTRANT: OverlapCell<u32> = OverlapCell::named("reentrant", 0);

/// A subscriber that accesses the cell of the event causes one event, not unbounded recursion.
#[test]
fn overlap_inside_a_subscriber_emits_no_event() {
    if !alone() {
        return;
    }
    let recorder = Recorder::new(|| {
        let met = catch_unwind(|| drop(REENTRANT.write()));
        assert!(met.is_err(), "the read is still open");
    });
    tracing::subscriber::with_default(recorder.clone(), || {
        assert!(write_during_read_is_refused(&REENTRANT));
    });
    assert_eq!(recorder.take().len(), 1);
}

#[test]
fn panicking_subscriber_leaves_no_access_open() {
    if !alone() {
        return;
    }
    let cell = OverlapCell::new(265);
    let recorder = Recorder::new(|| panic!("no more space"));
    tracing::subscriber::with_default(recorder.clone(), || {
        for round in 1..=3 {
            assert!(write_during_read_is_refused(&cell));
            assert_eq!(
                recorder.events.lock().map_or(0, |events| events.len()),
                round
            );
        }
    });
    assert!(cell.try_write().is_ok());
}

#[test]
fn failed_poll_emits_a_warning() {
    if !alone() {
        return;
    }
    let recorder = Recorder::new(|| {});
    let on_its_thread = recorder.clone();
    let mut polls = 0;
    let source = move || -> Result<[(u8, u8); 1], &'static str> {
        if polls == 0 {
            // For the rest of the thread's lifetime.
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
        .expect("the third poll succeeds");
    let events = recorder.take();
    let seen: Vec<_> = events
        .iter()
        .map(|event| ["level", "message", "poller", "kind", "error"].map(|field| &*event[field]))
        .collect();
    let poller = "\"config poller\"";
    let wanted = [
        [
            "WARN",
            "a poll failed",
            poller,
            "\"error\"",
            "\"the server is down\"",
        ],
        [
            "WARN",
            "a poll failed",
            poller,
            "\"panic\"",
            "\"panicked: at once\"",
        ],
    ];
    assert_eq!(seen, wanted);
}
