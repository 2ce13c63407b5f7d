//! The end of the process: exit status 2 and the report, word for word, for each way in which two accesses can meet;
//! and the milder policies.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread::{Builder, spawn};

use crate::support::child::{self, assert_reported, masked, output, stderr};
use crate::support::{Elem, Map, Probe, Valve, config};
use untorn::{GoMap, OnOverlap};

/// A child process that plays this body.
fn command(body: &str) -> Command {
    child::command("exit::child", body)
}

/// Plays this body in a child process, to its end.
fn run(body: &str) -> Output {
    output(&mut command(body))
}

/// Plays what the environment names, as a child process of the other tests.
#[test]
fn child() {
    if let Some(body) = child::body() {
        play(&body);
        // Shows the parent that no report came.
        println!("alive");
    }
}

type Held = fn(&Map, &Arc<Valve>);

/// One thread is kept inside its access, another comes.
fn meet(map: Arc<Map>, (name, hold): (&str, Held), comer: (&str, fn(&Map))) {
    let valve = Valve::closed(1);
    {
        let (map, valve) = (Arc::clone(&map), Arc::clone(&valve));
        untorn::spawn(name, move || hold(&map, &valve));
    }
    valve.wait_for(1);
    let (name, come) = comer;
    let comer = untorn::spawn(name, move || come(&map));
    comer.join().expect("it does not come back");
}

fn play(body: &str) {
    let get: Held = |map, valve| drop(map.get(&Probe::new(1, valve)));
    let insert: Held = |map, valve| drop(map.insert(Probe::new(1, valve), Elem::free(3)));
    let remove: Held = |map, valve| drop(map.remove(&Probe::new(1, valve)));
    let iterate: Held = |map, valve| map.iter_with(|_, _| valve.pass());
    let format: Held = |map, valve| {
        let mut paper = Paper(Arc::clone(valve));
        std::fmt::write(&mut paper, format_args!("{map:?}")).expect("it is patient");
    };
    match body {
        "reader" => meet(
            config(),
            ("poller", insert),
            ("reader", |map| {
                drop(map.get(&Probe::free(1)));
            }),
        ),
        "writer" => meet(
            config(),
            ("reader", get),
            ("poller", |map| {
                drop(map.insert(Probe::free(1), Elem::free(3)));
            }),
        ),
        "writes" => meet(config(), ("first", remove), ("second", |map| map.clear())),
        "iteration" => meet(
            config(),
            ("first", iterate),
            ("second", |map| {
                drop(map.insert(Probe::free(9), Elem::free(9)));
            }),
        ),
        "clone" => meet(
            config(),
            ("first", insert),
            ("second", |map| {
                drop(map.deep_clone());
            }),
        ),
        "nil" => meet(
            Arc::new(Map::nil()),
            ("first", format),
            ("second", |map| {
                drop(map.insert(Probe::free(9), Elem::free(9)));
            }),
        ),
        "reentrant" => reentrant(config()),
        "many" => many(),
        "foreign" => foreign(),
        "caught" => caught(),
        "secrets" => secrets(),
        "exit wins" => {
            let map = Map::named("config").on_overlap(OnOverlap::Exit);
            map.insert(Probe::free(1), Elem::free(265));
            map.insert(Probe::free(2), Elem::free(17));
            reentrant(Arc::new(map));
        }
        _ => panic!("no such body: {body}"),
    }
}

/// Blocks an access at the first byte that it writes.
struct Paper(Arc<Valve>);

impl std::fmt::Write for Paper {
    fn write_str(&mut self, _: &str) -> std::fmt::Result {
        self.0.pass();
        Ok(())
    }
}

fn reentrant(map: Arc<Map>) {
    let thread = untorn::spawn("only", move || {
        map.get_with(&Probe::free(1), |_| {
            map.insert(Probe::free(3), Elem::free(3))
        });
    });
    thread.join().expect("not under the policy to exit");
}

fn many() {
    const READERS: usize = 62;
    let (map, valve) = (config(), Valve::closed(READERS));
    for _ in 0..READERS {
        let (map, valve) = (Arc::clone(&map), Arc::clone(&valve));
        untorn::spawn("reader", move || {
            map.get_with(&Probe::free(1), |_| valve.pass());
        });
    }
    valve.wait_for(READERS);
    let poller = untorn::spawn("poller", move || drop(map.remove(&Probe::free(2))));
    poller.join().expect("it does not come back");
}

fn foreign() {
    let (map, valve) = (Map::new(), Valve::closed(2));
    map.insert(Probe::free(1), Elem::free(1));
    let map = Arc::new(map);
    for _ in 0..2 {
        let (map, valve) = (Arc::clone(&map), Arc::clone(&valve));
        let body = move || assert!(map.contains_key(&Probe::new(1, &valve)));
        let thread = Builder::new().name("a\nname".into()).spawn(body);
        drop(thread.expect("a thread can be started"));
    }
    valve.wait_for(2);
    let writer = spawn(move || map.clear());
    writer.join().expect("it does not come back");
}

struct Loud(&'static str);

impl Drop for Loud {
    fn drop(&mut self) {
        println!("{}", self.0);
        eprintln!("{}", self.0);
    }
}

thread_local! {
    static AT_THE_END: RefCell<Option<Loud>> = const { RefCell::new(None) };
}

/// Everything that catches a panic or runs at an ordinary exit.
fn caught() {
    panic::set_hook(Box::new(|_| drop(Loud("hook"))));
    AT_THE_END.set(Some(Loud("thread-local value")));
    let _guard = Loud("guard");
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _guard = Loud("inner guard");
        let map = config();
        map.get_with(&Probe::free(1), |_| map.clear());
    }));
    drop(Loud(if caught.is_err() {
        "caught"
    } else {
        "unnoticed"
    }));
}

/// A map of passwords.
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
fn a_reader_finds_a_writer() {
    assert_reported(&run("reader"), include_str!("golden/reader.txt"));
}

#[test]
fn a_writer_finds_a_reader() {
    assert_reported(&run("writer"), include_str!("golden/writer.txt"));
}

#[test]
fn a_writer_finds_a_writer() {
    assert_reported(&run("writes"), include_str!("golden/writes.txt"));
}

#[test]
fn a_writer_finds_an_iteration() {
    assert_reported(&run("iteration"), include_str!("golden/iteration.txt"));
}

#[test]
fn a_clone_finds_a_writer() {
    assert_reported(&run("clone"), include_str!("golden/clone.txt"));
}

#[test]
fn a_nil_map_without_a_name() {
    assert_reported(&run("nil"), include_str!("golden/nil.txt"));
}

#[test]
fn a_thread_finds_itself() {
    assert_reported(&run("reentrant"), include_str!("golden/reentrant.txt"));
}

#[test]
fn sixty_two_readers() {
    assert_reported(&run("many"), include_str!("golden/many.txt"));
}

#[test]
fn threads_of_std_and_a_line_break_in_a_name() {
    assert_reported(&run("foreign"), include_str!("golden/foreign.txt"));
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
fn no_key_and_no_value_is_shown() {
    let output = run("secrets");
    assert_eq!(output.status.code(), Some(2));
    let map = secret_map().on_overlap(OnOverlap::Panic);
    let panic = catch_unwind(AssertUnwindSafe(|| {
        map.iter_with(|_, _| drop(map.remove("hunter1")));
    }));
    let message = panic.expect_err("it is reentrant");
    let message = message.downcast_ref::<String>().expect("it is formatted");
    for text in [stderr(&output), message] {
        assert!(text.contains("map \"passwords\": 1 key, B=0"), "{text}");
        for secret in ["hunter", "horse", "staple"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn the_message_of_a_panic_is_the_report() {
    let map = Map::named("config").on_overlap(OnOverlap::Panic);
    map.insert(Probe::free(1), Elem::free(265));
    map.insert(Probe::free(2), Elem::free(17));
    let thread = untorn::spawn("only", move || {
        map.get_with(&Probe::free(1), |_| {
            map.insert(Probe::free(3), Elem::free(3))
        });
    });
    let panic = thread.join().expect_err("it panics");
    let message = panic.downcast_ref::<String>().expect("it is formatted");
    let golden = include_str!("golden/reentrant.txt");
    let golden = golden.strip_prefix("fatal error: ");
    assert_eq!(Some(&*masked(message)), golden, "but nothing was fatal");
}

fn run_with(body: &str, variable: &str, value: &str) -> Output {
    output(command(body).env(variable, value))
}

#[test]
fn the_environment_chooses_the_policy() {
    let golden = include_str!("golden/reentrant.txt");
    let panicked = run_with("reentrant", "UNTORN_ON_OVERLAP", "panic");
    assert_eq!(panicked.status.code(), Some(101));
    let text = stderr(&panicked);
    assert!(text.contains("panicked at"), "{text}");
    assert!(text.contains(":\nconcurrent map read and map write\n\nthread \"only\""));

    for value in ["exit", ""] {
        assert_reported(&run_with("reentrant", "UNTORN_ON_OVERLAP", value), golden);
    }
    // What the program says of one map goes before what the environment says of all.
    assert_reported(&run_with("exit wins", "UNTORN_ON_OVERLAP", "panic"), golden);

    let mistaken = run_with("reentrant", "UNTORN_ON_OVERLAP", "panics");
    assert_eq!(mistaken.status.code(), Some(2));
    let (first, report) = stderr(&mistaken).split_once('\n').expect("two lines");
    assert_eq!(
        first,
        "untorn: UNTORN_ON_OVERLAP=\"panics\" is neither \"exit\" nor \"panic\"; it is ignored"
    );
    assert_eq!(masked(report), golden);
}

#[test]
fn a_backtrace_comes_after_the_report() {
    let golden = include_str!("golden/writes.txt");
    assert_reported(&run_with("writes", "RUST_BACKTRACE", "0"), golden);
    let traced = run_with("writes", "RUST_BACKTRACE", "1");
    assert_eq!(traced.status.code(), Some(2));
    let end = "under one lock.\n";
    let cut = stderr(&traced).find(end).expect("the report") + end.len();
    let (report, backtrace) = stderr(&traced).split_at(cut);
    assert_eq!(masked(report), golden);
    assert!(backtrace.starts_with('\n'), "{backtrace}");
    assert!(backtrace.contains("exit::meet"), "{backtrace}");
    assert!(
        backtrace.ends_with('\n'),
        "the shell's prompt stays on its own line"
    );
}
