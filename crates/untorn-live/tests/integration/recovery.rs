//! Recoveries: a layer that was refused is taken again.

use std::fs;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use untorn_live::layer::File;
use untorn_live::{ErrorKind, Recovery, Store, StoreBuilder};

use crate::support::child::alone;
use crate::support::{HOUR, LONG, folder, place, wait_until};

type Recoveries = Arc<Mutex<Vec<Recovery>>>;

fn recorded(builder: StoreBuilder) -> (Recoveries, Store) {
    let recoveries = Recoveries::default();
    let sender = Arc::clone(&recoveries);
    let builder = builder.on_recovery(move |recovery| {
        sender.lock().expect("no panic").push(recovery.clone());
    });
    (recoveries, builder.start().expect("threads"))
}

#[test]
fn recovery_counts_the_refusals_for_all_reasons() {
    let (recoveries, store) = recorded(Store::builder().manual());
    store.publish_text("app.toml", "port = 80").expect("good");
    let mut first = None;
    for text in ["port = ", "port = ", "port = 80\nport = 81"] {
        store.publish_text("app.toml", text).expect_err("wrong");
        first.get_or_insert_with(Instant::now);
    }
    assert!(recoveries.lock().expect("no panic").is_empty());
    let least = first.expect("three were refused").elapsed();
    // The first one is equal to what is in force.
    for text in ["port = 80", "port = 81"] {
        store.publish_text("app.toml", text).expect("good");
    }
    let recoveries = recoveries.lock().expect("no panic");
    let [recovery] = &**recoveries else {
        panic!("{recoveries:?}");
    };
    assert_eq!((&*recovery.layer, recovery.refusals), ("manual", 3));
    assert_eq!(recovery.refusal.error.kind(), ErrorKind::DuplicateKey);
    assert_eq!(recovery.refusal.times, 1);
    assert!(recovery.duration >= least, "{recovery:?}");
}

/// The store is in the state after the recovery, and can be written.
#[test]
fn callback_of_a_recovery_may_use_the_store() {
    let shared = Arc::new(OnceLock::<Store>::new());
    let inner = Arc::clone(&shared);
    let builder = Store::builder().manual().on_recovery(move |_| {
        let store = inner.get().expect("it has started");
        assert!(store.status().refusals().next().is_none());
        assert_eq!(store.pin().get_as("port"), Ok(81));
        store.publish_text("app.toml", "port = 82").expect("good");
    });
    let store = builder.start().expect("no thread");
    shared.set(store.clone()).expect("once");
    store
        .publish_text("app.toml", "port = ")
        .expect_err("wrong");
    store.publish_text("app.toml", "port = 81").expect("good");
    assert_eq!(store.pin().get_as("port"), Ok(82));
}

#[test]
fn panic_in_a_recovery_callback_is_contained() {
    let builder = Store::builder().manual().on_recovery(|_| panic!("planned"));
    let store = builder.start().expect("no thread");
    store
        .publish_text("app.toml", "port = ")
        .expect_err("wrong");
    store.publish_text("app.toml", "port = 81").expect("good");
    assert_eq!(store.pin().get_as("port"), Ok(81));
}

/// The file is back with what is in force, so there is no revision.
#[test]
fn file_that_is_back_is_a_recovery() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, "port = 80");
    let file = File::at(&path).period(HOUR);
    let (recoveries, store) = recorded(Store::builder().layer(file));
    let first = store.ready(LONG).expect("a file").revision();
    fs::remove_file(&path).expect("removed");
    store.refresh(LONG).expect_err("it is missing");
    place(&path, "port = 80");
    wait_until(LONG, "it is back", || {
        !recoveries.lock().expect("no panic").is_empty()
    });
    let recoveries = recoveries.lock().expect("no panic");
    assert_eq!(*recoveries[0].layer, *path.display().to_string());
    assert_eq!(recoveries[0].refusal.error.kind(), ErrorKind::Unreadable);
    assert_eq!(store.pin().revision(), first);
}

/// What a subscriber writes.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn recovery_is_an_event() {
    // In another process, because the threads of other tests decide as well which events there are.
    alone("recovery::recovery_is_an_event", recovery_event);
}

fn recovery_event() {
    let written = Written::default();
    let writer = written.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    let store = Store::manual();
    tracing::subscriber::with_default(subscriber, || {
        store
            .publish_text("app.toml", "port = ")
            .expect_err("wrong");
        store.publish_text("app.toml", "port = 81").expect("good");
    });
    let written = written.0.lock().expect("no panic");
    let written = String::from_utf8_lossy(&written);
    let event = written
        .lines()
        .find(|line| line.contains("a layer has recovered"));
    let event = event.expect("an event");
    assert!(
        event.contains("INFO untorn_live")
            && event.contains("layer=\"manual\" refusals=1 seconds="),
        "{event}"
    );
}
