//! A forked child has its parent's memory but only one of its threads: what works in it, and that
//! nothing hangs.

#![allow(unsafe_code, reason = "std has no fork")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use untorn::{Map, Poller, Published};

const LONG: Duration = Duration::from_secs(60);

/// Returns the exit code of a forked child that runs this; 0 if it returns true. An alarm ends a
/// child that hangs, which then has no exit code.
fn exit_code(child: impl FnOnce() -> bool) -> Option<i32> {
    // SAFETY: the child runs code that takes no lock of another thread, or its alarm ends it; it
    // leaves by `_exit`.
    match unsafe { libc::fork() } {
        -1 => panic!("cannot fork: {}", std::io::Error::last_os_error()),
        0 => {
            // SAFETY: a call without pointers.
            unsafe { libc::alarm(30) };
            let code = match catch_unwind(AssertUnwindSafe(child)) {
                Ok(true) => 0,
                Ok(false) => 1,
                Err(_) => 2,
            };
            // SAFETY: the process ends here.
            unsafe { libc::_exit(code) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: `status` lives as long as the call.
            let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
            assert_eq!(waited, pid, "{}", std::io::Error::last_os_error());
            libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
        }
    }
}

#[test]
fn a_poller_is_dropped_in_a_forked_child() {
    let config = Arc::new(Map::new());
    let mut generation = 0;
    let source = move || {
        generation += 1;
        Ok::<_, String>([("a", generation)])
    };
    // Short, so that some forks happen while the poller's thread holds a lock.
    let period = Duration::from_micros(20);
    let poller = Poller::every(period, source).start(&config);
    let mut poller = Some(poller.expect("a thread"));
    for _ in 0..100 {
        let fresh = poller.as_ref().map(|poller| poller.refresh_now(LONG));
        assert!(matches!(fresh, Some(Ok(_))), "{fresh:?}");
        let code = exit_code(|| {
            poller.as_ref().is_some_and(|poller| {
                poller.stop();
                config.get("a") > Some(0)
            }) && poller.take().is_some()
        });
        assert_eq!(code, Some(0));
    }
    drop(poller);
    assert_eq!(
        Arc::strong_count(&config),
        1,
        "the parent joined its thread"
    );
}

#[test]
fn reads_work_in_a_child_forked_during_a_batch() {
    let map = Map::from([("a", 1), ("b", 1)]);
    let (write, writes) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            map.batch(move |batch| {
                batch.insert("a", 2);
                write.send(()).expect("the test waits");
                ends.recv_timeout(LONG).expect("the test continues");
                batch.insert("b", 2);
            })
        });
        writes.recv_timeout(LONG).expect("a batch");
        let code = exit_code(|| {
            let (snapshot, pin) = (map.snapshot(), map.pin());
            map.get("a") == Some(1) && pin["b"] == 1 && snapshot.iter().count() == 2
        });
        assert_eq!(code, Some(0));
        end.send(()).expect("the batch waits");
        writer.join().expect("no panic");
    });
    assert_eq!(map.get("b"), Some(2));
}

#[test]
fn a_child_forked_between_commits_has_its_own_map() {
    let map = Map::from([("a", 1)]);
    let code = exit_code(|| map.insert("a", 2) == Some(1) && map.get("a") == Some(2));
    assert_eq!((code, map.get("a")), (Some(0), Some(1)));
}

/// The slots of threads that the child does not have stay as they are: each costs the child a
/// version.
#[test]
fn commits_of_a_forked_child_free_versions() {
    let value = Published::new(String::from("0"));
    let (pinned, pins) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            let pin = value.pin();
            pinned.wait();
            pins.wait();
            assert_eq!(*pin, "0");
        });
        pinned.wait();
        let code = exit_code(|| {
            for n in 1..1_000 {
                let pin = value.pin();
                value.publish(n.to_string());
                assert!(pin.len() <= 3);
            }
            value.reclaim();
            let grandchild = exit_code(|| {
                value.publish(String::new());
                value.reclaim();
                value.retained() == 1
            });
            (value.retained(), grandchild) == (1, Some(0))
        });
        assert_eq!(code, Some(0));
        value.publish(String::from("1"));
        assert_eq!(value.reclaim(), 0, "the parent's pin");
        pins.wait();
    });
    assert_eq!(value.reclaim(), 1);
}
