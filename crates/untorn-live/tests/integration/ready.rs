//! The wait for the first revision, and its end.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use untorn_live::layer::{Custom, File};
use untorn_live::{ConfigError, ErrorKind, Store};

use crate::support::{HOUR, LONG, folder, place, wait_for_a_fetch, wait_for_refusal, wait_until};

/// A source that does not answer until the sender is gone.
fn silent() -> (mpsc::Sender<()>, Custom) {
    let (resume, wait) = mpsc::channel::<()>();
    let layer = Custom::closure("silent", HOUR, move || {
        _ = wait.recv();
        Ok::<_, ConfigError>(BTreeMap::from([("x", 1)]))
    });
    (resume, layer)
}

#[test]
fn error_of_the_only_failed_layer_is_returned() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, "[http]\nport = 80\nport = 81");
    let (resume, silent) = silent();
    let builder = Store::builder().layer(File::at(&path).period(HOUR));
    let store = builder.layer(silent).start().expect("threads");
    wait_for_refusal(&store, |_| true);
    let error = store.ready(Duration::from_millis(1)).expect_err("wrong");
    assert_eq!(
        (error.kind(), error.key()),
        (ErrorKind::DuplicateKey, Some("http.port"))
    );
    let at = error.place().expect("a place");
    assert_eq!(at.to_string(), format!("{}:3", path.display()));
    assert!(
        error
            .message()
            .starts_with("there is no configuration yet: the key occurs twice")
            && error.message().ends_with("; silent has not answered"),
        "{error}"
    );
    drop(resume);
}

#[test]
fn errors_of_several_layers_are_listed() {
    let folder = folder();
    let paths = ["one.toml", "other.toml"].map(|name| folder.path().join(name));
    let builder = paths.iter().fold(Store::builder(), |builder, path| {
        builder.layer(File::at(path).period(HOUR))
    });
    let store = builder.start().expect("threads");
    wait_until(LONG, "both are refused", || {
        store.status().refusals().count() == 2
    });
    let error = store.ready(Duration::ZERO).expect_err("both are missing");
    assert_eq!((error.kind(), error.place()), (ErrorKind::NotReady, None));
    for path in paths {
        let reason = format!("{}: there is no such file", path.display());
        assert!(error.message().contains(&reason), "{error}");
    }
}

/// A shutdown does not wait for the timeout of a thread that waits for the first revision.
#[test]
fn end_of_the_store_wakes_waiters() {
    for is_stopped in [false, true] {
        let (resume, silent) = silent();
        let store = Store::builder().layer(silent).start().expect("a thread");
        wait_for_a_fetch(&store);
        let (sender, results) = mpsc::channel();
        let (blocked, task) = (store.clone(), store.clone());
        let of_task = sender.clone();
        thread::spawn(move || sender.send(blocked.ready(LONG)));
        thread::spawn(move || of_task.send(futures_executor::block_on(task.ready_async())));
        // Most often they wait by then; the result is the same if they do not yet.
        thread::sleep(Duration::from_millis(50));
        match is_stopped {
            true => assert!(!store.stop(Duration::ZERO), "the source hangs"),
            false => store.close(),
        }
        for _ in 0..2 {
            let result = results.recv_timeout(LONG).expect("it is woken");
            let error = result.expect_err("it has ended");
            assert_eq!(error.kind(), ErrorKind::Ended);
            assert_eq!(
                error.message(),
                "the store has ended before there was a configuration: silent has not answered"
            );
        }
        let error = store.ready(LONG).expect_err("it has ended");
        assert_eq!(error.kind(), ErrorKind::Ended);
        assert!(store.status().has_ended);
        assert_eq!(
            store.status().to_string(),
            "no configuration yet; the store has ended"
        );
        drop(resume);
    }
}

#[test]
fn status_says_that_the_store_has_ended() {
    let store = Store::builder().text("app.toml", "port = 80").start();
    let store = store.expect("no thread");
    assert!(!store.status().has_ended);
    assert_eq!(store.status().to_string(), "revision 1, 1 keys");
    store.close();
    assert!(store.status().has_ended);
    assert_eq!(
        store.status().to_string(),
        "revision 1, 1 keys; the store has ended"
    );
    // The newest revision stays.
    assert!(store.ready(Duration::ZERO).is_ok());
}
