//! Delay injection (`Stretch`) on real threads: delayed accesses are met and reported as delayed,
//! and the right setting applies.

use std::panic;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::child::{self, assert_reported, output, stderr};
use crate::support::{RECORD, attempt};
use untorn::{GoMap, OverlapCell, Stretch};

type Map = GoMap<&'static str, u64>;
type Cell = OverlapCell<u64>;

/// A map or a cell, with one read and one write.
trait Shared: Sync {
    fn read_once(&self);
    fn write_once(&self);
}

impl Shared for Map {
    fn read_once(&self) {
        self.get("1");
    }

    fn write_once(&self) {
        self.insert("1", 1);
    }
}

impl Shared for Cell {
    fn read_once(&self) {
        assert!(*self.read() < 2);
    }

    fn write_once(&self) {
        *self.write() = 1;
    }
}

/// Returns a child process that runs this body.
fn command(body: &str) -> Command {
    child::command("stretch::child", body)
}

/// Runs this body in a child process, to its end.
fn run(body: &str) -> Output {
    output(&mut command(body))
}

/// Runs the body that the environment names, as a child process of the other tests.
#[test]
fn child() {
    if let Some(body) = child::body() {
        // Suppresses a possibly large number of reports.
        panic::set_hook(Box::new(|_| {}));
        run_body(&body);
    }
}

fn run_body(body: &str) {
    let map = || Map::named("config").on_overlap(RECORD);
    let cell = || Cell::named("config", 0).on_overlap(RECORD);
    match body {
        "reader" => force_overlap(|map| _ = map.get("1"), |map| _ = map.insert("2", 17)),
        "writer" => force_overlap(|map| _ = map.insert("2", 17), |map| _ = map.get("1")),
        "until delayed" => run_until_delayed(&map()),
        "map on" => run_until_delayed(&map().stretch(Stretch::percent(90.0))),
        "cell until delayed" => run_until_delayed(&cell()),
        "cell on" => run_until_delayed(&cell().stretch(Stretch::percent(90.0))),
        "cell off" => run_fixed_rounds(&cell().stretch(Stretch::OFF)),
        "clone" => run_until_delayed(&map().stretch(Stretch::percent(90.0)).deep_clone()),
        "fixed rounds" => run_fixed_rounds(&map()),
        "map off" => run_fixed_rounds(&map().stretch(Stretch::OFF)),
        _ => panic!("unknown body: {body}"),
    }
}

/// Delays the second thread for so long that the first is certain to overlap it.
fn force_overlap(second: fn(&Map), first: fn(&Map)) {
    let stretch = Stretch::percent(90.0).max_delay(Duration::from_secs(120));
    let map = Arc::new(Map::named("config").stretch(stretch));
    let others = Arc::clone(&map);
    untorn::spawn("first", move || {
        others.insert("1", 265);
        others.insert("2", 17);
        let others_too = Arc::clone(&others);
        untorn::spawn("second", move || second(&others_too));
        loop {
            // Long compared with an access, so that the second thread is the one inside.
            thread::sleep(Duration::from_millis(100));
            first(&others);
        }
    })
    .join()
    .expect("the process exits first");
}

/// Runs two threads on one map or cell until `done` returns true for the round and for whether a
/// delayed access was overlapped. Returns whether one was.
fn race(shared: &impl Shared, done: impl Fn(usize, bool) -> bool + Sync) -> bool {
    let seen = AtomicBool::new(false);
    let run = |access: &dyn Fn()| {
        for round in 0.. {
            if let Err(overlap) = attempt(access) {
                assert!(!overlap.here.stretched, "{overlap}");
                // Relaxed: the flag orders no other access.
                seen.fetch_or(overlap.other.stretched, Ordering::Relaxed);
            }
            if done(round, seen.load(Ordering::Relaxed)) {
                break;
            }
        }
    };
    thread::scope(|s| {
        s.spawn(|| run(&|| shared.read_once()));
        s.spawn(|| run(&|| shared.write_once()));
    });
    seen.into_inner()
}

/// Ends only with such an overlap; the parent's timeout limits the time.
fn run_until_delayed(shared: &impl Shared) {
    println!("\ndelayed: {}", race(shared, |_, seen| seen));
}

fn run_fixed_rounds(shared: &impl Shared) {
    println!("\ndelayed: {}", race(shared, |round, _| round == 100_000));
}

#[test]
fn delayed_read_is_reported_with_its_time() {
    let golden = include_str!("golden/delayed_read.txt");
    assert_reported(&run("reader"), golden);
}

#[test]
fn delayed_write_is_reported_with_its_time() {
    let golden = include_str!("golden/delayed_write.txt");
    assert_reported(&run("writer"), golden);
}

/// Returns the child's stderr, and whether any access was delayed.
fn report_and_delayed(command: &mut Command) -> (String, bool) {
    let output = output(command);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", stderr(&output));
    let yes = text.contains("\ndelayed: true\n");
    assert_ne!(yes, text.contains("\ndelayed: false\n"), "{text}");
    (stderr(&output).into(), yes)
}

#[test]
fn environment_enables_delays() {
    let (_, delayed) = report_and_delayed(command("until delayed").env("UNTORN_STRETCH", "90%"));
    assert!(delayed);
}

#[test]
fn map_setting_overrides_the_environment() {
    let (_, delayed) = report_and_delayed(command("map on").env("UNTORN_STRETCH", "0%"));
    assert!(delayed);
    let (_, delayed) = report_and_delayed(command("map off").env("UNTORN_STRETCH", "90%"));
    assert!(!delayed);
}

#[test]
fn cell_setting_overrides_the_environment() {
    let (_, delayed) =
        report_and_delayed(command("cell until delayed").env("UNTORN_STRETCH", "90%"));
    assert!(delayed);
    let (_, delayed) = report_and_delayed(command("cell on").env("UNTORN_STRETCH", "0%"));
    assert!(delayed);
    let (_, delayed) = report_and_delayed(command("cell off").env("UNTORN_STRETCH", "90%"));
    assert!(!delayed);
}

#[test]
fn clone_inherits_the_stretch_setting() {
    let (_, delayed) = report_and_delayed(&mut command("clone"));
    assert!(delayed);
}

#[test]
fn no_delays_by_default_or_by_invalid_settings() {
    let (text, delayed) = report_and_delayed(&mut command("fixed rounds"));
    assert_eq!((&*text, delayed), ("", false));
    for none in ["", "0%", "0.0 %"] {
        let (text, delayed) =
            report_and_delayed(command("fixed rounds").env("UNTORN_STRETCH", none));
        assert_eq!((&*text, delayed), ("", false), "{none:?}");
    }
    let (text, delayed) = report_and_delayed(command("fixed rounds").env("UNTORN_STRETCH", "1"));
    let expected = "untorn: ignoring UNTORN_STRETCH=\"1\": not a percentage from 0% to 90%; write 1%, for example\n";
    assert_eq!((&*text, delayed), (expected, false));
}
