//! `Debug`, `Display`, and lossless conversions of the public values.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use untorn::gomap::{Float32, Float64, FoldHash, Seeded, Table};
use untorn::poller::{Activity, RefreshError};
use untorn::{
    GoMap, Map, OnOverlap, OverlapCell, OverlapKind, Pinned, Poller, Published, Revision, Snapshot,
    Stretch,
};

const HOUR: Duration = Duration::from_secs(3600);
const LONG: Duration = Duration::from_secs(60);

#[test]
fn float_keys_format_and_convert_like_floats() {
    let (double, single) = (Float64::from(0.5), Float32::from(-2.0));
    assert_eq!((f64::from(double), f32::from(single)), (0.5, -2.0));
    assert_eq!(format!("{double} {double:?} {single}"), "0.5 0.5 -2");
    assert_eq!(format!("{single:?}"), "-2.0");
}

#[test]
fn table_debug_shows_flags_but_no_entries() {
    let mut table = Table::with_hint(20);
    table.insert("key", "secret");
    let chain = table
        .chains()
        .find(|chain| chain.clone().any(|bucket| bucket.entry(0).is_some()));
    let chain = chain.expect("it has an entry");
    let shown = format!("{chain:?}");
    let bucket = chain.clone().next().expect("a first bucket");
    assert_eq!(shown, format!("[{bucket:?}]"));
    assert_eq!(format!("{:?}", bucket.tophash()), format!("{bucket:?}"));
    assert!(bucket.tophash()[0] >= 5 && bucket.tophash()[1] == 0);

    let cursor = table.cursor();
    let flags = table.stats().flags;
    assert!(flags.iterator() && flags.old_iterator() && !flags.hash_writing());
    assert_eq!(format!("{flags:?}"), "iterator|old_iterator");
    assert_eq!(format!("{cursor:?}"), "Cursor { over: false, .. }");
    assert_eq!(format!("{:?}", FoldHash::default()), "FoldHash");
}

#[test]
fn std_hasher_accepts_the_seed_of_the_table() {
    let mut table = Table::with_hasher(Seeded(RandomState::new()));
    table.extend((0..1_000).map(|n| (n, n)));
    assert!((0..1_000).all(|n| table.get(&n) == Some(&n)));
    table.assert_invariants();
}

#[test]
fn gomap_builds_extends_and_converts() {
    let mut map = GoMap::with_hasher(Seeded(RandomState::new())).on_overlap(OnOverlap::Panic);
    map.extend([("1", "265"), ("2", "17")]);
    let cursor = map.cursor();
    assert_eq!(format!("{cursor:?}"), "Cursor { over: false, .. }");
    drop(cursor);
    let table = map.into_table();
    assert_eq!((table.len(), table.get("2")), (2, Some(&"17")));
}

#[test]
fn detector_settings_implement_debug() {
    let policies = [
        OnOverlap::Exit,
        OnOverlap::Panic,
        OnOverlap::Call(|_| unreachable!("nothing overlaps")),
    ];
    let shown = policies.map(|policy| format!("{policy:?}"));
    assert_eq!(shown, ["Exit", "Panic", "Call(..)"]);
    let longest = Stretch::percent(1.0).max_delay(LONG).longest_delay();
    assert_eq!((longest, Stretch::default()), (LONG, Stretch::OFF));

    let cell = OverlapCell::named("limits", 100);
    assert_eq!(cell.name(), Some("limits"));
    let mut writing = cell.write();
    *writing += 1;
    assert_eq!(format!("{writing} {writing:?}"), "101 101");
    drop(writing);
    assert_eq!(cell.into_inner(), 101);
}

#[test]
fn overlap_kinds_display_for_maps_and_cells() {
    let kinds = [
        OverlapKind::ReadAndWrite,
        OverlapKind::Writes,
        OverlapKind::IterationAndWrite,
        OverlapKind::CloneAndWrite,
    ];
    assert_eq!(
        kinds.map(|kind| kind.to_string()),
        [
            "concurrent read and write",
            "concurrent writes",
            "concurrent iteration and write",
            "concurrent clone and write"
        ]
    );
}

#[test]
fn overlap_keeps_the_given_name() {
    let map = OverlapCell::named("limits", 1);
    let reading = map.read();
    let overlap = map.try_write().expect_err("a read is going on");
    drop(reading);
    let name = overlap.name.expect("it has one");
    assert_eq!(format!("{name} {name:?}"), r#"limits "limits""#);
}

#[test]
fn published_converts_and_formats() {
    let limits: Published<u32> = Published::default();
    assert_eq!(*limits.pin(), 0);
    let limits = Published::from(5);
    assert_eq!(format!("{limits:?}"), "Published { revision: 0, value: 5 }");
    let pin = limits.pin();
    let snapshot = limits.snapshot();
    assert_eq!(
        (Pinned::as_ref(&pin), Snapshot::as_ref(&snapshot)),
        (&5, &5)
    );
    assert_eq!(format!("{snapshot:?}"), "5");
    let reader = limits.reader();
    let subscription = limits.subscribe();
    limits.publish(6);
    // A reader shows the newest version, which it would read; a subscription shows how far behind
    // it is.
    assert_eq!(format!("{reader:?}"), "Reader(6)");
    assert_eq!(
        format!("{subscription:?}"),
        "Subscription { last_received: 0, newest: 1 }"
    );
}

#[test]
fn map_with_a_hasher_can_be_named() {
    let sessions = Map::with_hasher(RandomState::new()).with_name("sessions");
    sessions.insert("a", 1);
    assert_eq!(sessions.name(), Some("sessions"));
    let (view, key) = (sessions.pin(), "a");
    let hash = view.hasher().hash_one(key);
    assert_eq!(hash, view.hasher().hash_one(key));
    assert_eq!(view.get("a"), Some(&1));
}

#[test]
fn poller_status_displays_as_one_line() {
    let config = Arc::new(Map::from([("a", 1)]));
    let poller = Poller::every(HOUR, || Err::<[(&str, i32); 1], _>("unreachable"))
        .start(&config)
        .expect("a thread");
    let failed = poller.refresh_now(LONG);
    assert!(matches!(failed, Err(RefreshError::Failed(_))), "{failed:?}");
    // The poller reports a failure a moment before it backs off.
    let status = loop {
        let status = poller.status();
        if matches!(status.activity, Activity::BackingOff { .. }) {
            break status;
        }
        thread::yield_now();
    };
    assert!(status.activity.due().is_some());
    let line = status.to_string();
    assert!(line.starts_with("backing off, revision 0, "), "{line}");
    assert!(line.contains(", no contents yet, "), "{line}");
    assert!(line.ends_with(" failed in a row: unreachable"), "{line}");
    assert!(format!("{poller:?}").starts_with("Poller(Status {"));

    poller.stop();
    let status = poller.status();
    assert_eq!(status.activity.due(), None);
    assert!(status.to_string().starts_with("stopped, revision 0, "));
    let stopped = poller.wait_until_fresh(LONG);
    assert_eq!(stopped, Err(RefreshError::Stopped));
    assert_eq!(
        RefreshError::Stopped.to_string(),
        "cannot refresh: the poller has stopped; start another one"
    );
    assert_eq!(config.revision(), Revision::FIRST);
}
