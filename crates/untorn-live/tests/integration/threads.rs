//! Threads: one for each source and one for events, none after the end; and those of others, which
//! hang, are slow or panic.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use untorn_live::layer::{Custom, File, Mount};
use untorn_live::{Config, ConfigError, ErrorKind, RecvTimeoutError, Revision, Store};

use crate::support::child::alone;
use crate::support::readers::Readers;
use crate::support::{
    DEADLINE, HOUR, LONG, SetAtDrop, folder, generation, place, wait_for_a_fetch, wait_until,
};

type Keys = BTreeMap<String, i64>;

/// Returns the number of threads of this process.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("Linux").count()
}

#[cfg(target_os = "linux")]
#[test]
fn store_has_a_thread_for_each_source() {
    alone("threads::store_has_a_thread_for_each_source", || {
        let folder = folder();
        let (file, mount) = (folder.path().join("app.toml"), folder.path().join("mount"));
        fs::create_dir(&mount).expect("created");
        fs::write(mount.join("port"), "80").expect("written");
        place(&file, generation::toml(1));
        let before = threads();
        for _ in 0..3 {
            let fetch = || Ok::<_, ConfigError>(Keys::from([("one".into(), 1)]));
            let store = Store::builder()
                .layer(File::at(&file).period(HOUR))
                .layer(Mount::at(&mount).period(HOUR))
                .layer(Custom::closure("closure", HOUR, fetch))
                .value("defaults", &Keys::new())
                .start()
                .expect("threads");
            store.ready(LONG).expect("all answer");
            let mut changes = store.subscribe();
            assert_eq!(threads() - before, 3 + 1, "three sources, and the events");
            let clone = store.clone();
            drop(store);
            assert_eq!(threads() - before, 3 + 1, "there is another clone");
            drop(clone);
            // The thread of the events is asked to end, and not waited for.
            wait_until(LONG, "all threads have ended", || threads() == before);
            assert!(changes.recv().is_err(), "the store is gone");
        }
        // Without files there is no thread for events, and without sources there is none at all.
        let store = Store::manual();
        assert_eq!(threads(), before);
        drop(store);
    });
}

/// The end does not wait for a writer that goes on forever.
#[cfg(target_os = "linux")]
#[test]
fn end_interrupts_a_read() {
    alone("threads::end_interrupts_a_read", || {
        let folder = folder();
        let path = folder.path().join("app.toml");
        fs::write(&path, generation::toml(1)).expect("written");
        let before = threads();
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            let over = SetAtDrop(&is_over);
            let writer = scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    fs::write(&path, generation::toml(1)).expect("written");
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let reading = || {
                let layer = File::at(&path).period(HOUR);
                let store = Store::builder().layer(layer).start().expect("threads");
                match store.ready(Duration::from_millis(300)) {
                    // The writer had no processor for as long as a file settles.
                    Ok(_) => None,
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::NotReady);
                        Some(store)
                    }
                }
            };
            let store = (0..20).find_map(|_| reading());
            let store = store.expect("a file that changes");
            assert!(store.stop(LONG));
            // A read that is not interrupted goes on until it is refused.
            let status = store.status();
            assert!(status.refusals().next().is_none(), "{status}");
            drop(store);
            // The writer, and this one.
            let are_gone = || threads() == before + 1;
            wait_until(LONG, "the source has ended", are_gone);
            drop(over);
            writer.join().expect("no panic");
        });
    });
}

#[test]
fn hung_source_is_reported_and_left_behind() {
    let (resume, wait) = mpsc::channel::<()>();
    let fetch = move || {
        _ = wait.recv();
        Ok::<_, ConfigError>(Keys::new())
    };
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, generation::toml(1));
    let store = Store::builder()
        .layer(File::at(&path).period(HOUR))
        .layer(Custom::closure("remote", HOUR, fetch))
        .start()
        .expect("threads");
    wait_until(LONG, "it hangs", || {
        let status = store.status();
        let polls = status.layers[1].polls.as_ref().expect("it is polled");
        status.layers[0].has_answered && polls.fetching >= Some(Duration::from_millis(100))
    });
    let error = store.ready(Duration::from_millis(1)).expect_err("it hangs");
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert_eq!(
        error.message(),
        "there is no configuration yet: remote has not answered"
    );
    let status = store.status();
    assert!(!status.is_ready && !status.layers[1].has_answered);
    assert!(
        status.to_string().contains("waiting for remote"),
        "{status}"
    );
    // The end has a bound of its own.
    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        drop(store);
        _ = ended.send(());
    });
    end.recv_timeout(LONG)
        .expect("the end of a store does not wait forever");
    drop(resume);
}

/// A source that hangs after its first answer: what it has answered is served.
#[test]
fn source_that_hangs_later_keeps_its_keys() {
    let (resume, wait) = mpsc::channel::<()>();
    let calls = AtomicU64::new(0);
    let fetch = move || {
        if calls.fetch_add(1, Ordering::Relaxed) > 0 {
            _ = wait.recv();
        }
        Ok::<_, ConfigError>(Keys::from([("remote".into(), 1)]))
    };
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, generation::toml(1));
    let store = Store::builder()
        .layer(Custom::closure("remote", Duration::from_millis(1), fetch))
        .layer(File::at(&path).period(HOUR))
        .start()
        .expect("threads");
    store.ready(LONG).expect("both answer");
    let readers = Readers::start(&store);
    wait_until(LONG, "it hangs", || {
        let status = store.status();
        let polls = status.layers[0].polls.as_ref().expect("it is polled");
        polls.ended > 0 && polls.fetching.is_some()
    });
    for number in 2..20 {
        place(&path, generation::toml(number));
        let is_served = || generation::of(&store.pin()) == Ok(Some(number));
        wait_until(DEADLINE, "the other source is served", is_served);
    }
    assert!(store.pin().contains_key("remote"));
    let error = store
        .refresh(Duration::from_millis(50))
        .expect_err("it hangs");
    assert!(
        error
            .place()
            .is_some_and(|place| place.layer.as_ref() == "remote"),
        "{error}"
    );
    readers.finish();
    drop(resume);
}

#[test]
fn panicking_source_is_refused_and_called_again() {
    // `None` panics.
    let answer = Arc::new(Mutex::new(Some(0)));
    let answered = Arc::clone(&answer);
    let fetch = move || {
        let number = *answered.lock().expect("no panic");
        let Some(number) = number else {
            std::panic::resume_unwind(Box::new("the source is wrong"));
        };
        Ok::<_, ConfigError>(Keys::from([("number".into(), number)]))
    };
    let layer = Custom::closure("wrong", HOUR, fetch);
    let store = Store::builder().layer(layer).start().expect("a thread");
    store.ready(LONG).expect("the first call");
    let served = || store.pin().get_as::<i64>("number");
    for number in 1..3 {
        *answer.lock().expect("no panic") = None;
        let error = store.refresh(LONG).expect_err("it panics");
        assert_eq!(error.kind(), ErrorKind::Panic, "{error}");
        assert!(error.message().contains("the source is wrong"), "{error}");
        assert_eq!(served(), Ok(number - 1));
        *answer.lock().expect("no panic") = Some(number);
        store.refresh(LONG).expect("it is good");
        assert_eq!(served(), Ok(number));
    }
}

#[test]
fn subscribers_cost_nothing_but_themselves() {
    let store = Store::manual();
    store
        .publish_text("app.toml", &generation::toml(1))
        .expect("good");
    let readers = Readers::start(&store);
    let mut slow = store.subscribe();
    let panicking = {
        let mut changes = store.subscribe();
        thread::spawn(move || {
            let step = changes.recv().expect("a change");
            std::panic::resume_unwind(Box::new(step.missed));
        })
    };
    let counting = {
        let mut changes = store.subscribe_key("data.k0");
        thread::spawn(move || {
            let mut revisions = 0;
            while let Ok(step) = changes.recv() {
                // Every revision changes the key.
                revisions += 1 + step.missed;
                let key = step.changes().next().expect("the key");
                let [old, new] =
                    [key.old, key.new].map(|value| value.and_then(|value| value.as_integer()));
                assert_eq!(generation::of(&step.from), Ok(old.map(|old| old as u64)));
                assert_eq!(generation::of(&step.to), Ok(new.map(|new| new as u64)));
                assert!(old < new, "{key}");
                if new == Some(500) {
                    break;
                }
            }
            revisions
        })
    };
    for number in 2..=500 {
        store
            .publish_text("app.toml", &generation::toml(number))
            .expect("good");
    }
    assert_eq!(counting.join().expect("no panic"), 499);
    assert!(panicking.join().is_err());
    // The slow one receives the newest revision at once, and the number of the others.
    let step = slow.recv().expect("a change");
    assert_eq!(
        (generation::of(&step.to), step.missed),
        (Ok(Some(500)), 498)
    );
    readers.finish();
}

/// A callback that panics must not end the thread of the source.
#[test]
fn panicking_callback_changes_nothing() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, generation::toml(1));
    let calls = Arc::new(AtomicU64::new(0));
    let called = Arc::clone(&calls);
    let store = Store::builder()
        .layer(File::at(&path).period(HOUR))
        .on_refusal(move |_| {
            called.fetch_add(1, Ordering::Relaxed);
            std::panic::resume_unwind(Box::new("the callback is wrong"));
        })
        .start()
        .expect("threads");
    store.ready(LONG).expect("good");
    let readers = Readers::start(&store);
    for number in 2..5 {
        place(&path, "[wrong");
        store.refresh(LONG).expect_err("it is wrong");
        assert_eq!(generation::of(&store.pin()), Ok(Some(number - 1)));
        place(&path, generation::toml(number));
        store.refresh(LONG).expect("good");
        assert_eq!(generation::of(&store.pin()), Ok(Some(number)));
    }
    assert!(calls.load(Ordering::Relaxed) >= 3);
    readers.finish();
}

/// Writing to the store inside its own check would deadlock.
#[test]
fn store_cannot_be_written_inside_its_check() {
    let error = written_in_its_check(|store| store.publish(&Keys::new()));
    assert!(error.message().contains("would deadlock"), "{error}");
}

/// A text that cannot be parsed is refused before it is written.
#[test]
fn malformed_text_inside_a_check_is_refused() {
    let error = written_in_its_check(|store| store.publish_text("app.json", "{"));
    assert_eq!(error.kind(), ErrorKind::Syntax, "{error}");
}

/// Returns the error of a check that writes to its own store.
fn written_in_its_check(write: fn(&Store) -> Result<Revision, ConfigError>) -> ConfigError {
    let (sender, stores) = mpsc::channel::<Store>();
    let stores = Mutex::new(stores);
    let store = Store::builder()
        .manual()
        .check(
            move |_, _| match stores.lock().expect("not poisoned").try_recv() {
                Ok(store) => write(&store).map(drop),
                Err(_) => Ok(()),
            },
        )
        .start()
        .expect("no thread");
    store.publish_text("app.toml", "a = 1").expect("good");
    sender.send(store.clone()).expect("the check is there");
    let (written, result) = mpsc::channel();
    let writer = store.clone();
    thread::spawn(move || _ = written.send(writer.publish_text("app.toml", "a = 2")));
    let result = result.recv_timeout(LONG).expect("the write hangs");
    assert_eq!(store.pin().get_as::<i64>("a"), Ok(1));
    result.expect_err("it writes")
}

/// A value that its revision drops is foreign code too, as the waker of a task is.
#[test]
fn store_cannot_be_written_by_a_dropped_section() {
    static STORE: OnceLock<Store> = OnceLock::new();
    static ERRORS: Mutex<Vec<String>> = Mutex::new(Vec::new());

    #[derive(serde::Deserialize)]
    struct Section {
        a: i64,
    }

    impl Drop for Section {
        fn drop(&mut self) {
            let store = STORE.get().expect("it is set before the first section");
            let written = store.publish(&Keys::from([("a".into(), self.a + 10)]));
            let error = written.expect_err("it would deadlock");
            ERRORS.lock().expect("no panic").push(error.to_string());
        }
    }

    let (ended, end) = mpsc::channel();
    thread::spawn(move || {
        let store = STORE.get_or_init(|| {
            let builder = Store::builder().manual().require::<Section>("");
            builder.start().expect("no thread")
        });
        for number in 1..4 {
            let keys = Keys::from([("a".into(), number)]);
            store.publish(&keys).expect("good");
        }
        _ = ended.send(());
    });
    end.recv_timeout(LONG).expect("a write hangs");
    let errors = ERRORS.lock().expect("no panic");
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("would deadlock"), "{errors:?}");
}

/// A typed value keeps the last revision, and no subscription.
#[test]
fn subscriptions_end_with_the_store() {
    let store = Store::manual();
    store
        .publish_text("app.toml", "[http]\nport = 80")
        .expect("valid");
    let http = store
        .typed::<BTreeMap<String, u16>>("http")
        .expect("a section");
    let mut changes = store.subscribe();
    let follower = thread::spawn(move || while changes.recv().is_ok() {});
    drop(store);
    follower.join().expect("it has ended");
    assert_eq!(http.load()["port"], 80);
}

/// A slow check delays other sources, but no status page and no reader.
#[test]
fn status_does_not_wait_for_a_check() {
    let (entered, enters) = mpsc::channel::<()>();
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let store = Store::builder()
        .manual()
        .check(move |_, _| {
            _ = entered.send(());
            _ = held.lock().expect("no panic").recv();
            Ok::<_, ConfigError>(())
        })
        .require::<Keys>("")
        .start()
        .expect("a store");
    let publisher = store.clone();
    let publisher = thread::spawn(move || publisher.publish_text("app.toml", "one = 1").is_ok());
    enters.recv_timeout(LONG).expect("the check runs");
    let status = store.status();
    assert!(!status.is_ready && store.pin().is_empty());
    release.send(()).expect("it waits");
    assert!(publisher.join().expect("no panic"));
    assert!(store.status().is_ready);
}

#[test]
fn stop_says_whether_a_source_hangs() {
    let (release, held) = mpsc::channel::<()>();
    let fetch = move || {
        _ = held.recv();
        Ok::<_, ConfigError>(Keys::new())
    };
    let layer = Custom::closure("hangs", HOUR, fetch);
    let store = Store::builder().layer(layer).start().expect("a store");
    wait_for_a_fetch(&store);
    assert!(!store.stop(Duration::from_millis(1)));
    drop(release);
    assert!(store.stop(LONG));
}

#[test]
fn nothing_waits_for_a_store_that_has_ended() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, "port = 80");
    let store = Store::builder().file(&path).start().expect("threads");
    store.ready(LONG).expect("valid");
    place(&path, "port = ");
    store.refresh(LONG).expect_err("no value");
    assert!(store.stop(LONG));
    place(&path, "port = 81");
    let error = store.refresh(LONG).expect_err("nothing is fetched");
    assert_eq!(error.kind(), ErrorKind::Ended, "{error}");
    let received = store.subscribe().recv_timeout(LONG);
    assert!(matches!(received, Err(RecvTimeoutError::Closed)));
}

/// The check of a write runs on the thread of the writer, while sources wait for it.
#[test]
fn check_of_a_write_cannot_wait_for_sources() {
    static STORE: OnceLock<Store> = OnceLock::new();
    let (tried, results) = mpsc::channel();
    let check = move |new: &Config, _: &Config| {
        if let Some(store) = STORE.get()
            && new.get_as("step") == Ok(2)
        {
            let refreshed = store.refresh(LONG).map_err(|error| error.to_string());
            _ = tried.send((refreshed, store.stop(LONG)));
        }
        Ok::<_, ConfigError>(())
    };
    let source = || Ok::<_, ConfigError>(Keys::from([("key".into(), 1)]));
    let layer = Custom::closure("source", Duration::from_millis(1), source);
    let builder = Store::builder().layer(layer).manual().check(check);
    let store = STORE.get_or_init(|| builder.start().expect("threads"));
    for step in 1..=2 {
        let keys = Keys::from([("step".into(), step)]);
        store.publish(&keys).expect("valid");
        store.ready(LONG).expect("both have answered");
    }
    let (refreshed, has_stopped) = results.try_recv().expect("the check has run");
    let error = refreshed.expect_err("it would deadlock");
    assert!(error.contains("cannot wait for the sources"), "{error}");
    assert!(!has_stopped);
}
