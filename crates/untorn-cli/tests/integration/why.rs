//! `untorn why`: recorded dumps of programs, and the explanations of them.
//!
//! The dumps in `untorn-why/tests/dumps` were recorded from `untorn-why/tests/crash.go` and
//! `examples/note/main.go` with the version of Go in their name; folders are masked. Those named
//! `by-hand` were written by hand, in the form of a version of Go that is no longer available, or
//! of a library. To compare the text with `untorn-why/tests/expected`, run `cargo run -p untorn-cli
//! -- why DUMP` on one of them, and with `--long` for the names that end in it.

mod crashes;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use self::crashes::CRASHES;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../untorn-why/tests")
}

fn dump(name: &str) -> String {
    let path = folder().join("dumps").join(format!("{name}.txt"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_untorn"));
    command
        .arg("why")
        .args(args)
        .current_dir(folder().join("dumps"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn feed(args: &[&str], input: &str) -> Output {
    let mut child = command(args).spawn().expect("the command runs");
    let mut stdin = child.stdin.take().expect("piped");
    // On wrong usage the command does not read its input.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the command prints UTF-8")
}

fn document(input: &str) -> Value {
    let output = feed(&["--json"], input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn has_cause(explained: &Value, id: &str) -> bool {
    let causes = explained["causes"].as_array().expect("a list");
    causes.iter().any(|cause| cause["id"] == id)
}

#[test]
fn crash_of_any_go_has_both_sides_and_a_cause() {
    for (name, goroutine, function, line, writer, cause) in CRASHES {
        let document = document(&dump(name));
        let explained = &document["dumps"][0];
        let known = &explained["known"][0];
        assert_eq!(explained["kind"], "crash", "{name}");
        assert_eq!(known["goroutine"], *goroutine, "{name}");
        assert_eq!(known["function"], *function, "{name}");
        assert_eq!(known["place"]["line"], *line, "{name}");
        assert_eq!(
            explained["writers"][0]["function"].as_str(),
            *writer,
            "{name}: {}",
            explained["writers"]
        );
        assert!(
            has_cause(explained, cause),
            "{name}: {}",
            explained["causes"]
        );
        let certain = |writer: &Value| writer["certainty"] == "certainly";
        assert!(
            !explained["writers"]
                .as_array()
                .expect("a list")
                .iter()
                .any(certain),
            "{name}"
        );
        assert_eq!(
            explained["unread"]["lines"], 0,
            "{name}: {}",
            explained["unread"]
        );
    }
}

#[test]
fn every_recorded_dump_is_in_a_test() {
    for file in fs::read_dir(folder().join("dumps")).expect("a folder") {
        let name = file.expect("readable").file_name();
        let name = name
            .to_str()
            .and_then(|name| name.strip_suffix(".txt"))
            .expect("a text");
        let tested = ["go1.23-race", "go1.27-race", "go1.23-nil-map"];
        assert!(
            tested.contains(&name) || CRASHES.iter().any(|row| row.0 == name),
            "{name}"
        );
    }
}

#[test]
fn race_report_names_both_sides_with_certainty() {
    for (name, reader, line) in [
        ("go1.23-race", "main.lookup", 115),
        ("go1.27-race", "main.packageLevel", 121),
    ] {
        let document = document(&dump(name));
        let dumps = document["dumps"].as_array().expect("a list");
        assert_eq!(
            dumps.len(),
            2,
            "{name}: the report, and the crash that follows"
        );
        let explained = &dumps[0];
        assert_eq!(explained["kind"], "race_report");
        let known = explained["known"].as_array().expect("a list");
        assert_eq!(known.len(), 2);
        assert_eq!(
            (&known[0]["function"], &known[0]["access"]),
            (&reader.into(), &"read".into())
        );
        assert_eq!(known[0]["place"]["line"], line);
        assert_eq!(
            (&known[1]["function"], &known[1]["access"]),
            (&"main.reload".into(), &"write".into())
        );
        assert_eq!(known[1]["place"]["line"], 109);
        assert_eq!(explained["writers"].as_array().expect("a list").len(), 1);
        assert_eq!(explained["writers"][0]["certainty"], "certainly");
        assert!(has_cause(explained, "refreshed_in_place"), "{name}");
    }
}

#[test]
fn map_address_is_found_across_goroutines() {
    for (name, address, is_map, goroutines) in [
        ("by-hand-go1.13-note", "0xc0000721b0", true, vec![7, 6]),
        ("by-hand-go1.9-writes", "0xc42007c180", true, vec![34, 52]),
        ("go1.23-fan-out", "0xc00010ab40", false, vec![9, 7, 8, 10]),
    ] {
        let document = document(&dump(name));
        let found = &document["dumps"][0]["addresses"][0];
        assert_eq!(found["address"], address, "{name}");
        assert_eq!(found["is_map"], is_map, "{name}");
        assert_eq!(found["goroutines"], serde_json::json!(goroutines), "{name}");
    }
}

#[test]
fn two_detecting_goroutines_are_the_two_writers() {
    let document = document(&dump("go1.23-two-noticed"));
    let explained = &document["dumps"][0];
    assert_eq!(explained["known"].as_array().expect("a list").len(), 2);
    assert_eq!(
        (
            &explained["known"][0]["goroutine"],
            &explained["known"][1]["goroutine"]
        ),
        (&21.into(), &23.into())
    );
    assert_eq!(explained["writers"][0]["goroutine"], 23);
    assert_eq!(explained["writers"][0]["certainty"], "likely");
}

#[test]
fn dump_of_one_goroutine_suggests_a_full_one() {
    let output = feed(&["go1.26-note.txt"], "");
    assert!(text(&output.stdout).contains("GOTRACEBACK=all"));
    let output = feed(&["go1.25-note.txt"], "");
    assert!(!text(&output.stdout).contains("GOTRACEBACK=all"));
    // The note shows one goroutine, of a version of Go that printed all.
    let dump = dump("by-hand-go1.13-note");
    let output = feed(
        &[],
        dump.split("\n\ngoroutine 1 ").next().expect("never empty"),
    );
    assert!(text(&output.stdout).contains("so it was truncated"));
}

#[test]
fn explanations_match_the_expected_ones() {
    for (name, long) in [
        ("by-hand-go1.13-note", false),
        ("by-hand-viper-reload", false),
        ("go1.23-copied-lock", false),
        ("go1.23-fan-out", false),
        ("go1.23-not-begun", true),
        ("go1.23-note-system", false),
        ("go1.23-note-system", true),
        ("go1.23-race", false),
        ("go1.23-race", true),
        ("go1.26-note", false),
    ] {
        let dump = format!("{name}.txt");
        let (args, expected) = match long {
            true => (&["--long", &dump][..], format!("{name}-long.txt")),
            false => (&[&*dump][..], dump.clone()),
        };
        let output = feed(args, "");
        let path = folder().join("expected").join(expected);
        let expected = fs::read_to_string(&path).unwrap_or_default();
        let shown = text(&output.stdout);
        assert!(
            expected == shown,
            "the explanation of {name} differs from {}:\n{shown}",
            path.display()
        );
        assert!(!shown.contains('\x1b'), "color without a terminal");
    }
}

#[test]
fn answer_is_shorter_than_the_dump() {
    for (name, ..) in CRASHES {
        let answer = text(&feed(&[&format!("{name}.txt")], "").stdout)
            .lines()
            .count();
        let long = text(&feed(&["--long", &format!("{name}.txt")], "").stdout)
            .lines()
            .count();
        // A dump of one goroutine may have fewer lines than the answer.
        let most = dump(name).lines().count().max(12);
        assert!(answer <= most && answer < long, "{name}: {answer} lines");
    }
}

#[test]
fn dump_is_read_from_a_file_or_from_stdin() {
    let name = "go1.23-note";
    let file = feed(&[&format!("{name}.txt")], "");
    assert!(file.status.success());
    assert!(!file.stdout.is_empty());
    for args in [&["-"][..], &[]] {
        assert_eq!(feed(args, &dump(name)).stdout, file.stdout, "{args:?}");
    }
}

#[test]
fn input_without_a_dump_is_explained() {
    for (input, part) in [
        (dump("go1.23-nil-map"), "a write to a nil map"),
        (
            "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:3 +0x1\n".into(),
            "another panic",
        ),
        (
            "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [select]:\n".into(),
            "what each one waits for",
        ),
        (
            "goroutine 1 [running]:\nmain.main()\n\ta.go:3 +0x1\n".into(),
            "it is printed above the first of them",
        ),
        (
            "fatal error: concurrent map read and".into(),
            "the line is truncated",
        ),
        (
            "INFO user searched: fatal error: concurrent map writes\n".into(),
            "line 1 mentions",
        ),
        ("all is well\n".into(), "in 1 line:"),
        ("all is\nwell\n".into(), "in 2 lines:"),
        (String::new(), "nothing to read"),
    ] {
        let output = feed(&[], &input);
        assert_eq!(output.status.code(), Some(1), "{input}");
        assert!(output.stdout.is_empty(), "{}", text(&output.stdout));
        let error = text(&output.stderr);
        assert!(error.contains(part), "{input:?}: {error}");
        let output = feed(&["--json"], &input);
        assert_eq!(output.status.code(), Some(1), "{input}");
        let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
        assert_eq!(document["dumps"], serde_json::json!([]));
    }
}

#[test]
fn misuse_and_no_dump_have_different_statuses() {
    for args in [
        &["no-such-file.txt"][..],
        &["."],
        &["a", "b"],
        &["--no-such-option"],
    ] {
        let output = feed(args, "");
        assert_eq!(
            output.status.code(),
            Some(2),
            "{args:?}: {}",
            text(&output.stderr)
        );
        assert!(output.stdout.is_empty());
    }
    let help = feed(&["--help"], "");
    assert!(help.status.success());
    for part in ["untorn why crash.txt", "untorn why --long crash.txt"] {
        assert!(text(&help.stdout).contains(part), "{part}");
    }
}

/// Returns the peak memory of a process in KiB, if the system reports it.
fn peak_memory(child: &Child) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[test]
fn log_of_100_megabytes_takes_bounded_memory() {
    let mut child = command(&["--json"]).spawn().expect("the command runs");
    let mut stdin = child.stdin.take().expect("piped");
    let mut write = |text: &str| stdin.write_all(text.as_bytes()).expect("it reads on");
    let noise = "2024-05-01 GET /healthz 200 in 1ms\n".repeat(30_000);
    for _ in 0..30 {
        write(&noise);
    }
    let dump = dump("go1.23-package-level");
    let (first, rest) = dump.split_once("\n\ngoroutine 7 ").expect("two goroutines");
    write(first);
    // Too many to store: only the likeliest writers are. The actual one is in the middle.
    for number in 100..300_000_u32 {
        if number == 150_000 {
            write("\n\ngoroutine 7 ");
            write(rest);
        }
        write(&format!(
            "\n\ngoroutine {number} [IO wait]:\nexample.com/other.serve({number:#x})\n\t/other/serve.go:{} +0x2\n\
             created by net/http.(*Server).Serve in goroutine 1\n\t/go/src/net/http/server.go:3285 +0x4b4\n",
            number % 90
        ));
    }
    for _ in 0..30 {
        write(&noise);
    }
    let memory = peak_memory(&child);
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    let explained = &document["dumps"][0];
    assert_eq!(explained["goroutines"], 299_902);
    assert_eq!(explained["writers"][0]["goroutine"], 7);
    match memory {
        Some(memory) => assert!(memory < 64 * 1024, "{memory} KiB"),
        None => println!("skipped: this system does not report the peak memory"),
    }
}
