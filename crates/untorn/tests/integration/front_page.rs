//! Calls as the tables of the crate's first page write them.

use std::num::ParseIntError;
use std::sync::Arc;
use std::time::Duration;

use untorn::{Map, Pinned, Poller, Published, RevisionMismatch, WaitError};

const NO_WAIT: Duration = Duration::ZERO;

#[test]
fn rows_that_read_a_map() {
    let map = Map::from([("low", 10), ("high", 20)]);
    assert_eq!(map.get("low"), Some(10));
    let view = map.pin();
    assert_eq!(view["high"] - view["low"], 10);
    let mut sum = 0;
    for (key, value) in &map.pin() {
        sum += value;
        assert!(map.pin().keys().any(|other| other == key));
    }
    assert_eq!(sum, 30);
    let snapshot = map.snapshot();
    let mut reader = map.reader();
    assert_eq!(reader.latest().len(), snapshot.len());
}

#[test]
fn rows_that_follow_a_map() {
    let map = Map::from([("low", 10)]);
    let view = map.pin();
    let newer = view.revision().next();
    let steps = map.subscribe();
    assert!(map.wait_for(newer, NO_WAIT).is_err());
    assert_eq!(
        map.wait_until(|view| view["low"] > 10, NO_WAIT),
        Err(WaitError::Timeout)
    );
    let old = map.snapshot();
    map.insert("low", 11);
    let newest = map.wait_for(newer, NO_WAIT).expect("there was a commit");
    assert_eq!(newest["low"], 11);
    assert!(map.wait_until(|view| view["low"] > 10, NO_WAIT).is_ok());
    assert_eq!(map.pin().changes_since(&old).count(), 1);
    drop(view);
    drop(map);
    let mut changes = 0;
    for step in steps {
        changes += step.changes().count();
        assert_eq!(step.missed, 0);
    }
    assert_eq!(changes, 1);
}

#[test]
fn rows_for_single_keys() {
    let map = Map::from([("low".to_owned(), 10), ("high".to_owned(), 20)]);
    let low = Pinned::try_map(map.pin(), |view| view.get("low"));
    assert!(low.is_ok_and(|low| *low == 10));
    let mut steps = map.subscribe_key("low".to_owned());
    let parsed: Result<_, ParseIntError> =
        map.try_get_or_insert_with("ten".to_owned(), || "10".parse());
    assert_eq!(parsed, Ok(10));
    map.update_if_present("low", |n| Some(n + 1));
    assert_eq!(map.remove_if("high", |n| *n > 9), Some(20));
    let view = map.snapshot();
    map.insert("other".to_owned(), 1);
    let set_low = |b: &mut untorn::Batch<'_, String, i32>| _ = b.insert("low".to_owned(), 12);
    assert!(map.batch_if_keys_unchanged(&view, ["low"], set_low).is_ok());
    let step = steps.try_recv().expect("it has changed");
    assert_eq!((step.old(), step.new()), (Some(&10), Some(&12)));
    let (refreshed, step) = map.refresh_transition([("low".to_owned(), 13)]);
    assert_eq!((refreshed.changed, step.changes().count()), (1, 3));
    let twice = ["low", "low"].map(|key| (key.to_owned(), 14));
    assert!(map.refresh_unique(twice).is_err());
    let kept = map.refresh_with(["low".to_owned()], |_, old| old.is_none().then_some(0));
    assert!(kept.is_unchanged());
    assert_eq!(map.restore(&view).changed, 1);
    assert_eq!(view.fork().len(), map.len());
}

/// Ends as the row of `try_batch` says.
fn parse(map: &Map<String, u64>, low: &str) -> Result<(), ParseIntError> {
    map.try_batch(|b| {
        b.insert("low".to_owned(), low.parse()?);
        Ok::<_, ParseIntError>(())
    })?;
    Ok(())
}

#[test]
fn rows_that_write_a_map() {
    let map: Map<String, u64> = Map::new();
    map.insert("low".to_owned(), 10);
    map.remove("low");
    map.get_or_insert_with("low".to_owned(), || 10);
    map.update("hits".to_owned(), |n| Some(n.copied().unwrap_or(0) + 1));
    map.extend([("high".to_owned(), 20)]);
    assert!(map.refresh([("low".to_owned(), 10)]).changed == 0);
    assert!(map.refresh([("low".to_owned(), 10)]).is_unchanged());
    let revision = map.batch(|b| {
        let low = b["low"];
        b.insert("low".to_owned(), low + 1);
        b.insert("high".to_owned(), 21);
    });
    assert_eq!(revision, map.revision());
    assert!(parse(&map, "12").is_ok() && parse(&map, "twelve").is_err());
    let mut b = map.begin_batch();
    b.insert("low".to_owned(), 13);
    b.commit();
    let view = map.snapshot();
    let set_low = |b: &mut untorn::Batch<'_, String, u64>| {
        b.insert("low".to_owned(), view["low"] + 1);
    };
    assert!(map.batch_if_unchanged(&view, set_low).is_ok());
    let refused: Result<_, RevisionMismatch> = map.batch_if_unchanged(&view, set_low);
    assert!(refused.is_err());
    assert_eq!((map.get("low"), map.get("high")), (Some(14), Some(21)));
}

#[test]
fn rows_that_share_one_value() {
    #[derive(Clone, Debug, PartialEq)]
    struct Config {
        host: &'static str,
        port: u16,
    }
    let host = "localhost";
    let shared = Published::new(Config { host, port: 1 });
    let config = shared.pin();
    let steps = shared.subscribe();
    let kept = shared.snapshot();
    shared.update(|old| Config {
        port: 2,
        ..old.clone()
    });
    assert_eq!((config.port, kept.port, shared.pin().port), (1, 1, 2));
    shared.publish(Config { host, port: 3 });
    drop(config);
    drop(shared);
    let ports: Vec<_> = steps.map(|step| step.to.port).collect();
    assert_eq!(ports, [3]);
    assert_eq!(kept.host, host);
}

#[test]
fn rows_that_keep_a_map_fresh() {
    let map: Arc<Map<&str, u64>> = Arc::new(Map::named("config"));
    let fetch = || Err::<[_; 0], _>("the server is down");
    let poller = Poller::every(Duration::from_secs(10), fetch)
        .on_failure(|failure| assert_eq!(failure.to_string(), "the server is down"))
        .start(&map)
        .expect("a thread");
    poller.trigger();
    assert!(poller.refresh_now(Duration::from_secs(60)).is_err());
    let status = poller.status();
    assert!(status.age().is_none() && status.failures_in_a_row > 0);
    assert!(status.last_failure.is_some());
    poller.stop();
}
