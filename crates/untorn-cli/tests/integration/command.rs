//! The output and the exit status of the command.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn untorn(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_untorn"))
        .args(args)
        .env_remove("UNTORN_ON_OVERLAP")
        .env_remove("UNTORN_STRETCH")
        .output()
        .expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the command prints UTF-8")
}

fn json(args: &[&str]) -> Value {
    let output = untorn(args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// The most runs of a command whose report or figures depend on when its threads run.
const RUNS: usize = 5;

/// Runs a command again while the report of its crash lacks an access that had ended before its
/// line was read.
fn with_both_accesses<T>(run: impl Fn() -> T, report: impl Fn(&T) -> &str) -> T {
    let mut result = run();
    for _ in 1..RUNS {
        if !report(&result).contains("an access that has ended") {
            break;
        }
        result = run();
    }
    result
}

/// Returns `true` if Go is installed; otherwise prints that the test is skipped.
fn has_go() -> bool {
    let found = Command::new("go")
        .arg("version")
        .output()
        .is_ok_and(|go| go.status.success());
    if !found {
        println!("skipped: no Go toolchain to compare the report with");
    }
    found
}

#[test]
fn demo_plays_three_acts() {
    let run = || {
        let output = untorn(&[]);
        let shown = text(&output.stdout);
        assert!(output.status.success(), "{shown}{}", text(&output.stderr));
        shown
    };
    let shown = with_both_accesses(run, |shown| shown);
    for part in [
        "fatal error: concurrent map read and map write\n",
        "thread \"reader\" (3) [reading]: GoMap::get",
        "thread \"poller\" (2) [writing]: GoMap::insert, ",
        "examples/note/main.rs:2",
        "created at examples/note/main.rs:18:9",
        "created at examples/note/main.rs:29:9",
        "map \"config\": ",
        "exit status 2\n",
        "Act 2: one word changed",
        "\n-    8  use untorn::{GoMap, spawn};\n+    8  use untorn::{Map, spawn};\n-   14  ",
        "Act 3: two places changed",
        "\n- _map.insert(\"1\", one);\n- _map.insert(\"2\", two);\n+ _map.batch(|_map| {\n",
        "\n- let two = _map.get(\"2\")?;\n+ let _map = _map.pin();\n",
        " (max).",
        "Ran 3.0 s without a crash: ",
        " 0 of them from two refreshes",
    ] {
        assert!(shown.contains(part), "{part:?} is missing in:\n{shown}");
    }
    assert!(!shown.contains('\x1b'), "color without a terminal");
    assert!(
        shown.lines().count() < 160,
        "only the first and the last values are shown"
    );
}

#[test]
fn two_writers_end_in_concurrent_map_writes() {
    let run = || {
        let act = json(&["demo", "go", "--writers", "2", "--json"]);
        assert_eq!(act["exit_status"], 2);
        assert_eq!(act["readers"], 0);
        act["report"].as_str().expect("a text").to_owned()
    };
    let report = with_both_accesses(run, |report| report);
    assert!(
        report.starts_with("fatal error: concurrent map writes\n\n"),
        "{report}"
    );
    assert_eq!(report.matches("[writing]: GoMap::insert").count(), 2);
}

#[test]
fn act_as_a_document() {
    let act = json(&["demo", "go", "--readers", "8", "--quiet", "--json"]);
    assert_eq!(act["exit_status"], 2);
    assert_eq!(act["readers"], 8);
    let report = act["report"].as_str().expect("a text");
    assert!(
        report.starts_with("fatal error: concurrent map read and map write\n\n"),
        "{report}"
    );
}

#[test]
fn without_quiet_every_value_is_shown() {
    let output = untorn(&["demo", "go"]);
    let shown = text(&output.stdout);
    let is_value = |line: &&str| *line == "<nil>" || line.parse::<u32>().is_ok();
    let act = shown.split("It ran for ").nth(1).expect("a summary");
    let printed: usize = act
        .split_whitespace()
        .nth(4)
        .and_then(|count| count.replace(',', "").parse().ok())
        .expect("the number of values");
    let shown = shown.lines().filter(is_value).count();
    assert_eq!(shown, printed);
}

#[test]
fn go_program_crashes_with_the_same_message() {
    if !has_go() {
        return;
    }
    let act = json(&["demo", "go", "--json"]);
    if act["go"]["outcome"] != "crashed" {
        println!("skipped: the Go program did not crash: {}", act["go"]);
        return;
    }
    let first = |text: &Value| {
        text.as_str()
            .and_then(|text| text.lines().next().map(String::from))
    };
    assert_eq!(first(&act["go"]["dump"]), first(&act["report"]));
    assert_eq!(act["go"]["exit_status"], act["exit_status"]);
}

#[test]
fn delays_are_injected_without_an_overlap() {
    let args = ["demo", "go", "--patience", "0", "--quiet"];
    let output = untorn(&args);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}{}", text(&output.stderr));
    assert!(shown.contains("Running with injected delays."), "{shown}");
    assert!(shown.contains("exit status 2\n"), "{shown}");
    let act = json(&["demo", "go", "--patience", "0", "--json"]);
    assert_eq!(act["stretched"], "50%");
    assert_eq!(act["exit_status"], 2);
}

/// Act 2 shows pairs from two refreshes; act 3 shows none.
#[test]
fn one_batch_and_one_pin_mix_no_refreshes() {
    let options = ["--readers", "2", "--seconds", "1", "--json"];
    let play = |act: &str| json(&[&["demo", act][..], &options].concat());
    let were_shown = (0..RUNS).any(|_| {
        let (second, third) = (play("map"), play("batch"));
        for tally in [&second, &third] {
            assert_eq!(tally["seconds"], 1.0);
            assert_eq!(tally["refreshes_due"], 1000);
            assert_late_in_order(tally);
        }
        assert_eq!(third["torn"], 0);
        // Threads that get no processor show nothing.
        let have_traffic = [&second, &third].iter().all(|tally| {
            tally["refreshes"].as_u64() > Some(10) && tally["pairs_read"].as_u64() > Some(1000)
        });
        println!("{second}\n{third}");
        have_traffic && second["torn"].as_u64() > Some(0)
    });
    assert!(were_shown, "none of {RUNS} runs shows it");
}

/// Checks the figures for consistency: at most the due refreshes, and median <= p99 <= max.
fn assert_late_in_order(tally: &Value) {
    assert!(
        tally["refreshes"].as_u64() <= tally["refreshes_due"].as_u64(),
        "{tally}"
    );
    let late = ["median", "p99", "max"].map(|which| {
        let late = tally["refresh_late_seconds"][which].as_f64();
        late.expect("a number")
    });
    assert!(0.0 < late[0] && late.is_sorted(), "{tally}");
}

/// The act ends in time, and the refreshes that were due and not done are counted.
#[test]
fn act_with_a_thousand_readers_ends() {
    let options = ["--readers", "1000", "--writers", "2", "--seconds", "1"];
    let ends = || {
        let start = Instant::now();
        let act = json(&[&["demo", "batch", "--json"][..], &options].concat());
        let took = start.elapsed();
        assert_eq!(
            (&act["readers"], &act["writers"]),
            (&1000.into(), &2.into())
        );
        assert_eq!(act["refreshes_due"], 2000);
        assert_eq!(act["torn"], 0);
        assert_late_in_order(&act);
        // Far above the usual time beside other tests. With threads that block until they are
        // stopped, it took a multiple of this.
        println!("{took:?}: {act}");
        took < Duration::from_secs(20) && act["plain_pairs_per_second"].as_f64() > Some(0.0)
    };
    assert!((0..RUNS).any(|_| ends()), "none of {RUNS} runs ends");
}

#[test]
fn act_shows_due_refreshes_and_lateness() {
    let options = ["--readers", "64", "--seconds", "0.3"];
    let output = untorn(&[&["demo", "batch"][..], &options].concat());
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}{}", text(&output.stderr));
    assert!(shown.contains(" done of 300 due; lateness "), "{shown}");
    for part in [" (median), ", " (p99), ", " (max)."] {
        assert!(shown.contains(part), "{part:?} is missing in:\n{shown}");
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let warned = shown.contains("mostly spent waiting for a processor");
    assert_eq!(warned, threads < 65, "{shown}");
    assert!(output.stderr.is_empty(), "progress without a terminal");
}

#[test]
fn wait_is_announced_but_not_in_a_document() {
    let announced = "Waiting for two accesses to overlap, for up to 1 s.\n";
    let args = ["demo", "go", "--writers", "2", "--patience", "1"];
    let shown = text(&untorn(&args).stdout);
    assert!(shown.contains(announced), "{shown}");
    json(&[&args[..], &["--json"]].concat());
}

/// Without its name, it is played by `demo_plays_three_acts`.
#[test]
fn demo_by_its_name_as_a_document() {
    let acts = json(&["demo", "--json"]);
    let acts = acts.as_array().expect("three").iter();
    let numbers: Vec<_> = acts.map(|act| &act["act"]).collect();
    assert_eq!(numbers, [1, 2, 3]);
}

#[test]
fn every_branch_of_the_look_up() {
    let shown = text(&untorn(&["demo", "lookup"]).stdout);
    let mut branches = vec![
        "h == nil",
        "h.count == 0",
        "h.flags & hash_writing == 0",
        "fatal error: concurrent map read and map write",
        "h.B == 0, one bucket; short key: 1 < 32 bytes",
        "h.B == 0, one bucket; long key: ",
        "short key: 31 < 32 bytes",
        "different length",
        "same length, same pointer",
        "bytes compared: equal",
        "bytes compared: different",
        "empty_one, continue",
        "empty_rest, stop",
        "first four bytes differ",
        "last four bytes differ",
        "keymaybe = ",
        "all bytes compared, once: equal",
        "all bytes compared, once: different",
        "a second candidate: goto dohash",
        "the key is one word",
        "dohash: hash ",
        "keys compared: equal",
        "keys compared: different",
        "continue in the overflow bucket",
        "oldbuckets: doubling, the mask one bit shorter",
        "oldbuckets: same-size growth, the same mask",
        "not evacuated, read this one",
        "evacuated, read the new bucket",
        "return the elem",
        "return zero_val",
    ];
    branches.retain(|branch| !shown.contains(branch));
    assert!(branches.is_empty(), "not shown: {branches:?}");
}

#[test]
fn scene_names_take_hyphens_or_underscores() {
    for (one, other) in [
        ("hash_writing", "hash-writing"),
        ("second-candidate", "second_candidate"),
    ] {
        let scene = |name| json(&["demo", "lookup", name, "--json"])[0]["scene"].clone();
        assert_eq!(scene(one), one);
        assert_eq!(scene(other), one);
    }
}

#[test]
fn one_scene_as_a_document() {
    let scenes = json(&["demo", "lookup", "second-candidate", "--json"]);
    assert_eq!(scenes.as_array().map(Vec::len), Some(1));
    assert_eq!(scenes[0]["function"], "mapaccess1_faststr");
    assert_eq!(scenes[0]["hash_calls"], 1);
    assert_eq!(scenes[0]["found"], true);
}

const PAIRS: [&str; 10] = [
    "unwritten",
    "mutex",
    "rwlock",
    "parking-lot",
    "arc-swap",
    "arc-swap-cache",
    "left-right",
    "untorn",
    "untorn-reader",
    "untorn-published",
];
const PER_KEY: [&str; 5] = ["dashmap", "papaya", "scc", "scc-index", "untorn-one-word"];

/// Every map runs, and none that guarantees consistent pairs shows a torn one.
#[test]
fn every_rival_runs_and_keeps_its_guarantee() {
    assert!(
        (0..RUNS).any(|_| is_each_rival_read()),
        "none of {RUNS} runs reads every map"
    );
}

/// Runs and checks every map once. Returns whether pairs of each were read.
fn is_each_rival_read() -> bool {
    let options = ["--readers", "2,1", "--seconds", "0.1", "--json"];
    let document = json(&[&["demo", "rivals"][..], &options].concat());
    let plays = document["plays"].as_array().expect("a list");
    let mut are_read = true;
    for readers in [1, 2] {
        for (names, promises_pairs) in [(&PAIRS[..], true), (&PER_KEY, false)] {
            for name in names {
                let mut of_it = plays
                    .iter()
                    .filter(|play| play["map"] == *name && play["readers"] == readers);
                let play = of_it.next().expect(name);
                assert!(of_it.next().is_none(), "{name} is there twice");
                assert_eq!(play["promises_pairs"], promises_pairs, "{play}");
                assert_eq!(
                    (&play["seconds"], &play["slices"]),
                    (&0.1.into(), &5.into())
                );
                assert_eq!(play["refreshes_due"], 100);
                assert!(play["refreshes"].as_u64() > Some(0), "{play}");
                // A reader that gets no processor reads nothing.
                are_read &= play["pairs_read"].as_u64() > Some(0);
                let took = |which: &str| play[which].as_f64().expect("a number");
                assert!(
                    took("slowest_read_seconds") > 0.0 || play["pairs_read"] == 0,
                    "{play}"
                );
                assert!(took("took_seconds") >= 0.1, "{play}");
                assert!(took("longest_slice_seconds") >= 0.02, "{play}");
                assert!(
                    took("slowest_read_seconds") <= took("longest_slice_seconds"),
                    "{play}"
                );
                assert_late_in_order(play);
                let rate = ["_least", "", "_most"].map(|which| {
                    let rate = play[format!("pairs_per_second{which}")].as_f64();
                    rate.expect("a number")
                });
                assert!(rate.is_sorted(), "{play}");
                if promises_pairs {
                    assert_eq!(play["torn"], 0, "{play}");
                    assert_eq!(play["missing"], 0, "{play}");
                }
            }
        }
    }
    assert_eq!(plays.len(), 2 * (PAIRS.len() + PER_KEY.len()));
    are_read
}

#[test]
fn selected_rivals_as_a_table() {
    let output = untorn(&[
        "demo",
        "rivals",
        "--maps",
        "untorn,papaya",
        "--readers",
        "3",
        "--seconds",
        "0.1",
    ]);
    let shown = text(&output.stdout);
    assert!(output.status.success(), "{shown}{}", text(&output.stderr));
    let row = |name: &str| {
        let mut rows = shown
            .lines()
            .filter(|line| line.split_whitespace().next() == Some(name));
        let row = rows.next().expect(name);
        assert!(rows.next().is_none(), "{name} is there twice:\n{shown}");
        row
    };
    assert!(
        shown.contains("2 maps, 2 runs of 5 slices each in random order, at least 1 s; "),
        "{shown}"
    );
    assert!(shown.contains("\nTotal time: "), "{shown}");
    let heading = shown.find("\n3 readers, slices of 0.02 s\n").expect(&shown);
    let rows = shown.find("\nmap  ").expect("the names of the columns");
    let warned = shown.find("mostly spent waiting for a processor");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(
        warned.is_some_and(|warned| heading < warned && warned < rows),
        threads < 4,
        "{shown}"
    );
    assert!(row("papaya").contains(", by "), "{shown}");
    assert!(!row("untorn").contains(", by "), "{shown}");
    assert!(!shown.contains("\ndashmap "), "{shown}");
    assert!(!shown.contains('\x1b'), "color without a terminal");
    assert!(output.stderr.is_empty(), "progress without a terminal");
}

/// The first line is shown at once, not after the last run.
#[test]
fn closed_pipe_ends_the_runs() {
    if cfg!(not(unix)) {
        println!("skipped: a closed pipe is detected only on Unix");
        return;
    }
    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_untorn"))
        .args(["demo", "rivals", "--maps", "untorn,papaya"])
        .args(["--readers", "1,2", "--seconds", "15"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("the first line");
    assert!(line.starts_with("One pair of keys"), "{line}");
    drop(stdout);
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(2));
    // A slice takes 3 s; all of them would take a minute.
    assert!(start.elapsed() < Duration::from_secs(40));
}

#[test]
fn unknown_rival_is_refused_with_the_list() {
    let output = untorn(&["demo", "rivals", "--maps", "papaya,ratomic"]);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("'ratomic'"), "{error}");
    for name in PAIRS.iter().chain(&PER_KEY) {
        assert!(error.contains(name), "{name} is not listed: {error}");
    }
}

#[test]
fn misuse_is_explained_and_exits_with_2() {
    for (args, word) in [
        (&["demo", "lookup", "nowhere"][..], "second-candidate"),
        (
            &["demo", "go", "--readers", "0"],
            "one thread cannot overlap with itself: add a reader",
        ),
        (&["demo", "go", "--readers", "many"], "invalid value 'many'"),
        (
            &["demo", "map", "--seconds", "0"],
            "not between 0.1 and 3600",
        ),
        (
            &["demo", "rivals", "--seconds", "0"],
            "not between 0.1 and 3600",
        ),
        (&["demo", "rivals", "--readers", "1,0"], "invalid value '0'"),
        (&["perform"], "unrecognized subcommand"),
        (&["rivals", "--readers", "3"], "untorn demo rivals\n"),
        (&["lookup"], "untorn demo lookup\n"),
        (&["rival"], "untorn demo rivals\n"),
        (&["look-up"], "untorn demo lookup\n"),
        (
            &["../untorn-why/tests/dumps/go1.23-note.txt"],
            "untorn why ../untorn-why/tests/dumps/go1.23-note.txt\n",
        ),
        (&["demo", "lookup", "no-such-scene"], "hash_writing"),
        (&["map", "--json"], "untorn demo map\n"),
    ] {
        let output = untorn(args);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn full_stdout_is_an_error_and_no_panic() {
    let Ok(full) = std::fs::File::create("/dev/full") else {
        println!("skipped: there is no /dev/full");
        return;
    };
    let output = Command::new(env!("CARGO_BIN_EXE_untorn"))
        .args(["demo", "lookup"])
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .expect("the command runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("cannot write to stdout"));
}

#[test]
fn help_has_examples() {
    for args in [
        &["--help"][..],
        &["demo", "go", "--help"],
        &["demo", "rivals", "--help"],
    ] {
        let output = untorn(args);
        assert!(output.status.success());
        assert!(text(&output.stdout).contains("Examples:"));
    }
}

#[test]
fn help_lists_every_part_of_the_demo() {
    let help = |args: &[&str]| text(&untorn(args).stdout);
    let (command, demo) = (help(&["--help"]), help(&["demo", "-h"]));
    let parts = demo.split("Commands:\n").nth(1).expect("there are parts");
    let parts = parts.lines().take_while(|line| !line.is_empty());
    let names: Vec<_> = parts
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let part = format!("\n  untorn demo {name} ");
        assert!(command.contains(&part), "{name} is not in:\n{command}");
    }
}
