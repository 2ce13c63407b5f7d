//! The end of the process: exit status 2 and the exact report for each way in which two accesses
//! can overlap, and the milder policies.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread::{Builder, spawn};

use crate::support::child::{self, assert_reported, masked, output, stderr};
use crate::support::{BlockingKey, BlockingValue, Latch, Map, config};
use untorn::{GoMap, OnOverlap};

/// Returns a child process that runs this body.
fn command(body: &str) -> Command {
    child::command("exit::child", body)
}

/// Runs this body in a child process, to its end.
fn run(body: &str) -> Output {
    output(&mut command(body))
}

/// Runs the body that the environment names, as a child process of the other tests.
#[test]
fn child() {
    if let Some(body) = child::body() {
        run_body(&body);
        // Shows the parent that the process was not ended by a report.
        println!("alive");
    }
}

type HeldAccess = fn(&Map, &Arc<Latch>);

/// Holds an access of one thread open while a second thread accesses the map.
fn force_overlap(map: Arc<Map>, (name, hold): (&str, HeldAccess), second: (&str, fn(&Map))) {
    let latch = Latch::closed(1);
    {
        let (map, latch) = (Arc::clone(&map), Arc::clone(&latch));
        untorn::spawn(name, move || hold(&map, &latch));
    }
    latch.wait_for(1);
    let (name, access) = second;
    let second = untorn::spawn(name, move || access(&map));
    second.join().expect("the process exits first");
}

fn run_body(body: &str) {
    let get: HeldAccess = |map, latch| drop(map.get(&BlockingKey::new(1, latch)));
    let insert: HeldAccess =
        |map, latch| drop(map.insert(BlockingKey::new(1, latch), BlockingValue::free(3)));
    let remove: HeldAccess = |map, latch| drop(map.remove(&BlockingKey::new(1, latch)));
    let iterate: HeldAccess = |map, latch| map.iter_with(|_, _| latch.pass());
    let format: HeldAccess = |map, latch| {
        let mut writer = BlockingWriter(Arc::clone(latch));
        std::fmt::write(&mut writer, format_args!("{map:?}"))
            .expect("the writer accepts everything");
    };
    match body {
        "reader" => force_overlap(
            config(),
            ("poller", insert),
            ("reader", |map| {
                drop(map.get(&BlockingKey::free(1)));
            }),
        ),
        "writer" => force_overlap(
            config(),
            ("reader", get),
            ("poller", |map| {
                drop(map.insert(BlockingKey::free(1), BlockingValue::free(3)));
            }),
        ),
        "writes" => force_overlap(config(), ("first", remove), ("second", |map| map.clear())),
        "iteration" => force_overlap(
            config(),
            ("first", iterate),
            ("second", |map| {
                drop(map.insert(BlockingKey::free(9), BlockingValue::free(9)));
            }),
        ),
        "clone" => force_overlap(
            config(),
            ("first", insert),
            ("second", |map| {
                drop(map.deep_clone());
            }),
        ),
        "nil" => force_overlap(
            Arc::new(Map::nil()),
            ("first", format),
            ("second", |map| {
                drop(map.insert(BlockingKey::free(9), BlockingValue::free(9)));
            }),
        ),
        "reentrant" => reentrant(config()),
        "many" => many(),
        "std_threads" => std_threads(),
        "caught" => caught(),
        "secrets" => secrets(),
        "exit wins" => {
            let map = Map::named("config").on_overlap(OnOverlap::Exit);
            map.insert(BlockingKey::free(1), BlockingValue::free(265));
            map.insert(BlockingKey::free(2), BlockingValue::free(17));
            reentrant(Arc::new(map));
        }
        _ => panic!("unknown body: {body}"),
    }
}

/// A writer that blocks an access at its first byte.
struct BlockingWriter(Arc<Latch>);

impl std::fmt::Write for BlockingWriter {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        self.0.pass();
        Ok(())
    }
}

fn reentrant(map: Arc<Map>) {
    let thread = untorn::spawn("only", move || {
        map.get_with(&BlockingKey::free(1), |_| {
            map.insert(BlockingKey::free(3), BlockingValue::free(3))
        });
    });
    thread.join().expect("not under the policy to exit");
}

fn many() {
    const READERS: usize = 62;
    let (map, latch) = (config(), Latch::closed(READERS));
    for _ in 0..READERS {
        let (map, latch) = (Arc::clone(&map), Arc::clone(&latch));
        untorn::spawn("reader", move || {
            map.get_with(&BlockingKey::free(1), |_| latch.pass());
        });
    }
    latch.wait_for(READERS);
    let poller = untorn::spawn("poller", move || drop(map.remove(&BlockingKey::free(2))));
    poller.join().expect("the process exits first");
}

fn std_threads() {
    let (map, latch) = (Map::new(), Latch::closed(2));
    map.insert(BlockingKey::free(1), BlockingValue::free(1));
    let map = Arc::new(map);
    for _ in 0..2 {
        let (map, latch) = (Arc::clone(&map), Arc::clone(&latch));
        let body = move || assert!(map.contains_key(&BlockingKey::new(1, &latch)));
        let thread = Builder::new().name("a\nname".into()).spawn(body);
        drop(thread.expect("the thread starts"));
    }
    latch.wait_for(2);
    let writer = spawn(move || map.clear());
    writer.join().expect("the process exits first");
}

struct PrintOnDrop(&'static str);

impl Drop for PrintOnDrop {
    fn drop(&mut self) {
        println!("{}", self.0);
        eprintln!("{}", self.0);
    }
}

thread_local! {
    static AT_THREAD_EXIT: RefCell<Option<PrintOnDrop>> = const { RefCell::new(None) };
}

/// Uses everything that catches a panic or runs at an ordinary exit.
fn caught() {
    panic::set_hook(Box::new(|_| drop(PrintOnDrop("hook"))));
    AT_THREAD_EXIT.set(Some(PrintOnDrop("thread-local value")));
    let _guard = PrintOnDrop("guard");
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _guard = PrintOnDrop("inner guard");
        let map = config();
        map.get_with(&BlockingKey::free(1), |_| map.clear());
    }));
    drop(PrintOnDrop(if caught.is_err() {
        "caught"
    } else {
        "unnoticed"
    }));
}

/// Returns a map of passwords.
fn secret_map() -> GoMap<String, String> {
    let map = GoMap::named("passwords");
    map.insert("hunter1".to_owned(), "correct horse".to_owned());
    map
}

fn secrets() {
    let map = secret_map();
    map.get_with("hunter1", |_| {
        map.insert("hunter2".to_owned(), "battery staple".to_owned())
    });
}

#[test]
fn reader_detects_a_writer() {
    assert_reported(&run("reader"), include_str!("golden/reader.txt"));
}

#[test]
fn writer_detects_a_reader() {
    assert_reported(&run("writer"), include_str!("golden/writer.txt"));
}

#[test]
fn writer_detects_a_writer() {
    assert_reported(&run("writes"), include_str!("golden/writes.txt"));
}

#[test]
fn writer_detects_an_iteration() {
    assert_reported(&run("iteration"), include_str!("golden/iteration.txt"));
}

#[test]
fn clone_detects_a_writer() {
    assert_reported(&run("clone"), include_str!("golden/clone.txt"));
}

#[test]
fn report_of_an_unnamed_nil_map() {
    assert_reported(&run("nil"), include_str!("golden/nil.txt"));
}

#[test]
fn thread_detects_its_own_access() {
    assert_reported(&run("reentrant"), include_str!("golden/reentrant.txt"));
}

#[test]
fn report_counts_sixty_two_readers() {
    assert_reported(&run("many"), include_str!("golden/many.txt"));
}

#[test]
fn report_of_std_threads_and_an_escaped_name() {
    assert_reported(&run("std_threads"), include_str!("golden/std_threads.txt"));
}

#[test]
fn nothing_catches_the_exit() {
    let output = run("caught");
    assert_eq!(output.status.code(), Some(2));
    let report = stderr(&output);
    assert!(report.starts_with("fatal error: "), "{report}");
    assert!(report.ends_with("return first.\n"), "{report}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    for word in ["hook", "guard", "caught", "thread-local", "alive"] {
        assert!(!stdout.contains(word), "{word} in {stdout}");
        assert!(!report.contains(word), "{word} in {report}");
    }
}

#[test]
fn report_shows_no_keys_and_no_values() {
    let output = run("secrets");
    assert_eq!(output.status.code(), Some(2));
    let map = secret_map().on_overlap(OnOverlap::Panic);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        map.iter_with(|_, _| drop(map.remove("hunter1")));
    }));
    let message = panic.expect_err("the access is reentrant");
    let message = message
        .downcast_ref::<String>()
        .expect("the message is a formatted string");
    for text in [stderr(&output), message] {
        assert!(text.contains("map \"passwords\": 1 key, B=0"), "{text}");
        for secret in ["hunter", "horse", "staple"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn panic_message_is_the_report() {
    let map = Map::named("config").on_overlap(OnOverlap::Panic);
    map.insert(BlockingKey::free(1), BlockingValue::free(265));
    map.insert(BlockingKey::free(2), BlockingValue::free(17));
    let thread = untorn::spawn("only", move || {
        map.get_with(&BlockingKey::free(1), |_| {
            map.insert(BlockingKey::free(3), BlockingValue::free(3))
        });
    });
    let panic = thread.join().expect_err("it panics");
    let message = panic
        .downcast_ref::<String>()
        .expect("the message is a formatted string");
    let golden = include_str!("golden/reentrant.txt");
    let golden = golden.strip_prefix("fatal error: ");
    assert_eq!(
        Some(&*masked(message)),
        golden,
        "the panic has no fatal prefix"
    );
}

fn run_with(body: &str, variable: &str, value: &str) -> Output {
    output(command(body).env(variable, value))
}

#[test]
fn environment_selects_the_policy() {
    let golden = include_str!("golden/reentrant.txt");
    let panicked = run_with("reentrant", "UNTORN_ON_OVERLAP", "panic");
    assert_eq!(panicked.status.code(), Some(101));
    let text = stderr(&panicked);
    assert!(text.contains("panicked at"), "{text}");
    assert!(text.contains(":\nconcurrent map read and map write\n\nthread \"only\""));

    for value in ["exit", ""] {
        assert_reported(&run_with("reentrant", "UNTORN_ON_OVERLAP", value), golden);
    }
    // The policy of one map overrides the policy that the environment sets for all.
    assert_reported(&run_with("exit wins", "UNTORN_ON_OVERLAP", "panic"), golden);

    let mistaken = run_with("reentrant", "UNTORN_ON_OVERLAP", "panics");
    assert_eq!(mistaken.status.code(), Some(2));
    let (first, report) = stderr(&mistaken).split_once('\n').expect("two lines");
    assert_eq!(
        first,
        "untorn: ignoring UNTORN_ON_OVERLAP=\"panics\": neither \"exit\" nor \"panic\"; set one of the two"
    );
    assert_eq!(masked(report), golden);
}

#[test]
fn backtrace_follows_the_report() {
    let golden = include_str!("golden/writes.txt");
    assert_reported(&run_with("writes", "RUST_BACKTRACE", "0"), golden);
    let traced = run_with("writes", "RUST_BACKTRACE", "1");
    assert_eq!(traced.status.code(), Some(2));
    let end = "under one lock.\n";
    let cut = stderr(&traced).find(end).expect("the report") + end.len();
    let (report, backtrace) = stderr(&traced).split_at(cut);
    assert_eq!(masked(report), golden);
    assert!(backtrace.starts_with('\n'), "{backtrace}");
    assert!(backtrace.contains("exit::force_overlap"), "{backtrace}");
    assert!(
        backtrace.ends_with('\n'),
        "the report ends with a line break"
    );
}
