//! Stretching on real threads: who is delayed is found, and reported so; and which setting holds.

use std::panic;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::child::{self, assert_reported, output, stderr};
use crate::support::{NOTE, attempt};
use untorn::{GoMap, OverlapCell, Stretch};

type Map = GoMap<&'static str, u64>;
type Cell = OverlapCell<u64>;

/// What two threads use: one read of it, one write.
trait Used: Sync {
    fn read_it(&self);
    fn write_it(&self);
}

impl Used for Map {
    fn read_it(&self) {
        self.get("1");
    }

    fn write_it(&self) {
        self.insert("1", 1);
    }
}

impl Used for Cell {
    fn read_it(&self) {
        assert!(*self.read() < 2);
    }

    fn write_it(&self) {
        *self.write() = 1;
    }
}

/// A child process that plays this body.
fn command(body: &str) -> Command {
    child::command("stretch::child", body)
}

/// Plays this body in a child process, to its end.
fn run(body: &str) -> Output {
    output(&mut command(body))
}

/// Plays what the environment names, as a child process of the other tests.
#[test]
fn child() {
    if let Some(body) = child::body() {
        // There may be a great many reports.
        panic::set_hook(Box::new(|_| {}));
        play(&body);
    }
}

fn play(body: &str) {
    let map = || Map::named("config").on_overlap(NOTE);
    let cell = || Cell::named("config", 0).on_overlap(NOTE);
    match body {
        "reader" => meet(|map| _ = map.get("1"), |map| _ = map.insert("2", 17)),
        "writer" => meet(|map| _ = map.insert("2", 17), |map| _ = map.get("1")),
        "until delayed" => run_until_delayed(&map()),
        "told to" => run_until_delayed(&map().stretch(Stretch::percent(90.0))),
        "cell until delayed" => run_until_delayed(&cell()),
        "cell told to" => run_until_delayed(&cell().stretch(Stretch::percent(90.0))),
        "cell told not to" => run_so_many(&cell().stretch(Stretch::OFF)),
        "clone" => run_until_delayed(&map().stretch(Stretch::percent(90.0)).deep_clone()),
        "so many" => run_so_many(&map()),
        "told not to" => run_so_many(&map().stretch(Stretch::OFF)),
        _ => panic!("no such body: {body}"),
    }
}

/// The second thread is delayed for so long that the first is certain to meet it.
fn meet(second: fn(&Map), first: fn(&Map)) {
    let stretch = Stretch::percent(90.0).max_delay(Duration::from_secs(120));
    let map = Arc::new(Map::named("config").stretch(stretch));
    let others = Arc::clone(&map);
    untorn::spawn("first", move || {
        others.insert("1", 265);
        others.insert("2", 17);
        let others_too = Arc::clone(&others);
        untorn::spawn("second", move || second(&others_too));
        loop {
            first(&others);
            // Long beside an access, so that it is the second who is inside when they meet.
            thread::sleep(Duration::from_millis(10));
        }
    })
    .join()
    .expect("it does not come back");
}

/// Two threads on one map or cell until `done` with so many rounds, or with an access that was met while it was delayed; whether
/// there was such a one.
fn race(used: &impl Used, done: impl Fn(usize, bool) -> bool + Sync) -> bool {
    let seen = AtomicBool::new(false);
    let run = |access: &dyn Fn()| {
        for round in 0.. {
            if let Err(overlap) = attempt(access) {
                assert!(!overlap.here.stretched, "{overlap}");
                // Relaxed: nothing hangs on it.
                seen.fetch_or(overlap.other.stretched, Ordering::Relaxed);
            }
            if done(round, seen.load(Ordering::Relaxed)) {
                break;
            }
        }
    };
    thread::scope(|s| {
        s.spawn(|| run(&|| used.read_it()));
        s.spawn(|| run(&|| used.write_it()));
    });
    seen.into_inner()
}

/// Ends only if there is such an overlap; who waits for this process has the patience.
fn run_until_delayed(used: &impl Used) {
    println!("\ndelayed: {}", race(used, |_, seen| seen));
}

fn run_so_many(used: &impl Used) {
    println!("\ndelayed: {}", race(used, |round, _| round == 100_000));
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

/// What the child said, and whether any access was delayed.
fn report_and_delayed(command: &mut Command) -> (String, bool) {
    let output = output(command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", stderr(&output));
    let yes = said.contains("\ndelayed: true\n");
    assert_ne!(yes, said.contains("\ndelayed: false\n"), "{said}");
    (stderr(&output).into(), yes)
}

#[test]
fn environment_enables_delays() {
    let (_, kept) = report_and_delayed(command("until delayed").env("UNTORN_STRETCH", "90%"));
    assert!(kept);
}

#[test]
fn what_a_map_was_told_holds_whatever_the_environment_says() {
    let (_, kept) = report_and_delayed(command("told to").env("UNTORN_STRETCH", "0%"));
    assert!(kept);
    let (_, kept) = report_and_delayed(command("told not to").env("UNTORN_STRETCH", "90%"));
    assert!(!kept);
}

#[test]
fn the_same_holds_for_cells() {
    let (_, kept) = report_and_delayed(command("cell until delayed").env("UNTORN_STRETCH", "90%"));
    assert!(kept);
    let (_, kept) = report_and_delayed(command("cell told to").env("UNTORN_STRETCH", "0%"));
    assert!(kept);
    let (_, kept) = report_and_delayed(command("cell told not to").env("UNTORN_STRETCH", "90%"));
    assert!(!kept);
}

#[test]
fn clone_is_delayed_as_the_original_is() {
    let (_, kept) = report_and_delayed(&mut command("clone"));
    assert!(kept);
}

#[test]
fn no_delays_by_default_or_by_invalid_settings() {
    let (said, kept) = report_and_delayed(&mut command("so many"));
    assert_eq!((&*said, kept), ("", false));
    for none in ["", "0%", "0.0 %"] {
        let (said, kept) = report_and_delayed(command("so many").env("UNTORN_STRETCH", none));
        assert_eq!((&*said, kept), ("", false), "{none:?}");
    }
    let (said, kept) = report_and_delayed(command("so many").env("UNTORN_STRETCH", "1"));
    let expected = "untorn: UNTORN_STRETCH=\"1\" is not a percentage from 0% to 90%, such as 1%; it is ignored\n";
    assert_eq!((&*said, kept), (expected, false));
}
