//! Parsing any input, truncated anywhere, does not panic and states nothing false with certainty.

mod forms;

use std::fs;
use std::path::Path;

use super::{explain, reading, unrecognized};
use crate::candidates::Certainty;
use crate::dump::{Found, Input};
use crate::model::Explained;

fn dumps() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dumps");
    let files = fs::read_dir(folder).expect("a folder");
    let mut dumps: Vec<_> = files
        .map(|file| {
            let path = file.expect("readable").path();
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read_to_string(path).expect("UTF-8"))
        })
        .collect();
    dumps.sort();
    assert!(dumps.len() > 20);
    dumps
}

fn read(bytes: &[u8]) -> (Input, Vec<Explained>) {
    let input = reading::read(bytes).expect("memory can be read");
    let explain = |found: &Found| match found {
        Found::Crash(crash) => explain::crash(crash),
        Found::Race(race) => explain::race(race),
    };
    let explained = input.found.iter().map(explain).collect();
    let _ = unrecognized::error(&input);
    (input, explained)
}

/// Returns the certain statements: writers of race reports, detecting goroutines, verdicts.
fn certain(explained: &[Explained]) -> Vec<String> {
    let writers = explained.iter().flat_map(|dump| &dump.writers);
    let writers = writers
        .filter(|writer| writer.certainty == Certainty::Certainly)
        .map(|writer| {
            format!(
                "{:?} {:?} {:?}",
                writer.goroutine, writer.function, writer.place
            )
        });
    let detecting = explained
        .iter()
        .flat_map(|dump| dump.known.iter().map(|known| (&dump.message, known)));
    let detecting = detecting.map(|(message, known)| {
        let writes = known.access.is_some_and(super::frame::Access::writes);
        format!("{message} {:?} {writes}", known.goroutine)
    });
    let verdicts = explained
        .iter()
        .filter(|dump| dump.verdict.ends_with("certain."));
    writers
        .chain(detecting)
        .chain(verdicts.map(|dump| dump.verdict.clone()))
        .collect()
}

fn check_truncated(name: &str, whole: &[String], part: &[u8]) {
    let (_, explained) = read(part);
    for fact in certain(&explained) {
        assert!(
            whole.contains(&fact),
            "{name}, {} bytes of it: {fact} is certain; the whole has {whole:#?}",
            part.len()
        );
    }
}

#[test]
fn truncation_makes_nothing_false_certain() {
    for (name, dump) in dumps() {
        let whole = certain(&read(dump.as_bytes()).1);
        let bytes = dump.as_bytes();
        for at in 0..bytes.len() {
            check_truncated(&name, &whole, &bytes[..at]);
            check_truncated(&name, &whole, &bytes[at..]);
        }
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let start = random.usize(..bytes.len());
            let end = random.usize(start..bytes.len());
            check_truncated(&name, &whole, &bytes[start..end]);
        }
    }
}

#[test]
fn log_prefix_changes_nothing() {
    for (name, dump) in dumps() {
        let plain = read(dump.as_bytes()).1;
        for prefix in [
            "app-1  | ",
            "2024-05-01T12:00:00.000000001Z stderr F ",
            "\u{1f433} pod/app-7c9: ",
        ] {
            for end in ["\n", "\r\n"] {
                let logged: String = dump
                    .lines()
                    .map(|line| format!("{prefix}{line}{end}"))
                    .collect();
                let explained = read(logged.as_bytes()).1;
                assert_eq!(
                    certain(&explained),
                    certain(&plain),
                    "{name} after {prefix:?}"
                );
                let verdicts = |explained: &[Explained]| -> Vec<_> {
                    explained.iter().map(|dump| dump.verdict.clone()).collect()
                };
                assert_eq!(
                    verdicts(&explained),
                    verdicts(&plain),
                    "{name} after {prefix:?}"
                );
            }
        }
    }
}

#[test]
fn any_input_is_parsed() {
    let dumps = dumps();
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..4_000 {
        let (_, dump) = &dumps[random.usize(..dumps.len())];
        let mut bytes = dump.clone().into_bytes();
        for _ in 0..random.usize(1..20) {
            let at = random.usize(..bytes.len());
            match random.u8(..4) {
                0 => bytes[at] = random.u8(..),
                1 => bytes[at] = *random.choice(b"()[]{},.:?\n\r\t 0x/+").expect("not empty"),
                2 => drop(bytes.drain(at..bytes.len().min(at + random.usize(..40)))),
                _ => {
                    let again = bytes[..at].to_vec();
                    bytes.splice(at..at, again);
                    bytes.truncate(1 << 16);
                }
            }
            if bytes.is_empty() {
                break;
            }
        }
        let report = crate::explain(&bytes[..]).expect("memory can be read");
        let shorter = report.text().len() <= report.long_text().len();
        assert!(shorter, "{}", String::from_utf8_lossy(&bytes));
    }
    for _ in 0..2_000 {
        let length = random.usize(..400);
        let noise: Vec<u8> = std::iter::repeat_with(|| random.u8(..))
            .take(length)
            .collect();
        assert!(read(&noise).1.is_empty());
    }
}

#[test]
fn every_dump_in_a_log_is_found() {
    let dump = &dumps()
        .into_iter()
        .find(|(name, _)| name == "go1.23-note")
        .expect("it is recorded")
        .1;
    let mut log = String::new();
    for _ in 0..3 {
        log.push_str("listening on :8080\nGET / 200\n265");
        log.push_str(dump);
        log.push_str("exit status 2\n");
    }
    let (input, explained) = read(log.as_bytes());
    assert_eq!(explained.len(), 3);
    assert_eq!(input.found.len(), 3);
    for dump in &explained {
        assert_eq!(dump.goroutines, 3);
        assert_eq!(dump.writers[0].function.as_deref(), Some("main.main.func1"));
        assert_eq!(dump.unread.lines, 0);
    }
}

/// A second crash at once, not two goroutines that detected one overlap.
#[test]
fn restarted_program_has_two_dumps() {
    let dump = dumps()
        .into_iter()
        .find(|(name, _)| name == "go1.26-note")
        .expect("it is recorded")
        .1;
    let (_, explained) = read(format!("{dump}{dump}").as_bytes());
    assert_eq!(explained.len(), 2);
    for dump in explained {
        assert_eq!((dump.known.len(), dump.goroutines), (1, 1));
    }
}

#[test]
fn foreign_lines_are_counted_and_shown() {
    let dump = &dumps()
        .into_iter()
        .find(|(name, _)| name == "go1.23-note")
        .expect("it is recorded")
        .1;
    let log = dump.replace("\n\ngoroutine 18", "\nGET /healthz 200\n\ngoroutine 18");
    let (_, explained) = read(log.as_bytes());
    assert_eq!(explained[0].unread.lines, 1);
    assert_eq!(explained[0].unread.first[0].1, "GET /healthz 200");
    assert_eq!(explained[0].writers[0].goroutine, Some(18));
}

#[test]
fn every_message_implies_the_detecting_access() {
    use crate::frame::Access;

    for (message, access) in [
        ("concurrent map read and map write", Some(Access::Read)),
        ("concurrent map writes", Some(Access::Write)),
        (
            "concurrent map iteration and map write",
            Some(Access::Iterate),
        ),
        ("concurrent map clone and map write", Some(Access::Clone)),
        (
            "small map with no empty slot (concurrent map writes?)",
            Some(Access::Write),
        ),
        ("bad map state", None),
    ] {
        let dump =
            format!("fatal error: {message}\n\ngoroutine 7 [running]:\nmain.f()\n\ta.go:3 +0x1\n");
        let explained = read(dump.as_bytes()).1;
        assert_eq!(explained[0].known[0].access, access, "{message}");
    }
    let clear = "fatal error: concurrent map writes\n\ngoroutine 7 [running]:\nruntime.mapclear(0x4aaf80, 0xc00007c450)\n";
    assert_eq!(
        read(clear.as_bytes()).1[0].known[0].access,
        Some(Access::Clear)
    );
}

#[test]
fn report_of_gomap_has_no_advice_for_go() {
    let report = "fatal error: concurrent map read and map write\n\n\
        thread \"reader\" (3) [reading]: GoMap::get\n\texamples/note/main.rs:32:37\n\
        map \"config\": 2 keys\n\nShare an untorn::Map instead, or put both sites under one lock.\n";
    let explained = read(report.as_bytes()).1;
    assert!(
        explained[0].verdict.contains("GoMap"),
        "{}",
        explained[0].verdict
    );
    assert!(explained[0].change.is_empty());
    let report = crate::explain(report.as_bytes()).expect("memory can be read");
    for lines in [report.text(), report.long_text()] {
        for line in lines {
            let of_go = ["atomic.Pointer", "-race", "sync.Map", "HashMap"];
            assert!(
                !of_go.iter().any(|word| line.text.contains(word)),
                "{}",
                line.text
            );
        }
    }
}

#[test]
fn race_report_of_go_1_4_names_both_sides() {
    let report = "WARNING: DATA RACE\nWrite by goroutine 24:\n  runtime.mapdelete()\n      \
        /go/src/pkg/runtime/hashmap.goc:948 +0x0\n  app.stop()\n      /src/stop.go:73 +0x13f\n\n\
        Previous read by goroutine 15:\n  runtime.mapiterinit()\n      \
        /go/src/pkg/runtime/hashmap.goc:1011 +0x0\n  app.wait()\n      /src/stop.go:71 +0x72\n\n\
        Goroutine 24 (running) created at:\n  app.Run()\n      /src/run.go:33 +0x39\n";
    let explained = read(report.as_bytes()).1;
    let sides: Vec<_> = explained[0]
        .known
        .iter()
        .map(|known| (known.goroutine, known.function.as_deref()))
        .collect();
    assert_eq!(
        sides,
        [(Some(24), Some("app.stop")), (Some(15), Some("app.wait"))]
    );
    assert!(explained[0].addresses.is_empty());
}

#[test]
fn input_that_is_read_in_part_says_so() {
    let notes = |input: &[u8]| unrecognized::notes(&read(input).0).join("\n");
    let long = "x".repeat((1 << 20) + 1);
    assert!(notes(format!("a\n{long}\n").as_bytes()).contains("Line 2 is longer than 1 MiB"));
    let note = &dumps()[0].1;
    let newest: Vec<_> = note.lines().rev().collect();
    assert!(notes(newest.join("\n").as_bytes()).contains("the newest line first"));
    assert_eq!(notes(note.as_bytes()), "");
}

#[test]
fn gzip_must_be_unpacked_first() {
    let (input, explained) =
        read(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\x4b\x2c\xc9\x4c\xcc\n\x51\n");
    assert!(explained.is_empty());
    let error = unrecognized::error(&input);
    assert!(error.contains("unpack it first"), "{error}");
}

#[test]
fn mention_of_a_message_is_no_dump() {
    for (text, line) in [
        (
            "2024/05/01 INFO user searched: fatal error: concurrent map writes\n2024/05/01 INFO goroutine 7 is fine\n",
            1,
        ),
        (
            "2024/05/01 INFO saw \"fatal error: concurrent map writes\" in the log of yesterday\n",
            1,
        ),
        (
            "--- FAIL: TestX\n    x_test.go:12: want \"fatal error: concurrent map writes\", got \"\"\n",
            2,
        ),
        (
            "# Why\nThe message \"fatal error: concurrent map writes\" means that two goroutines wrote.\n",
            2,
        ),
        (
            "You came here from Go's `fatal error: concurrent map writes`?\n",
            1,
        ),
    ] {
        let (input, explained) = read(text.as_bytes());
        assert!(explained.is_empty(), "{text}");
        let error = unrecognized::error(&input);
        let start = format!(
            "line {line} mentions \u{201c}fatal error: concurrent map writes\u{201d}, but there is no dump"
        );
        assert!(error.starts_with(&start), "{text}: {error}");
    }
    // Another crash is more than a mention.
    let text = "saw \"fatal error: concurrent map writes\"\n\npanic: boom\n";
    let error = unrecognized::error(&read(text.as_bytes()).0);
    assert!(error.contains("another panic"), "{error}");
}

#[test]
fn message_behind_a_prefix_is_one_without_a_stack() {
    for before in [
        "",
        "265",
        "app-1  | ",
        "May 12 10:00:01 host app[77]: ",
        "[ERROR] ",
    ] {
        let text = format!("{before}fatal error: concurrent map writes\n");
        assert_eq!(read(text.as_bytes()).1.len(), 1, "{before}");
    }
    // A stack proves that the message is one, whatever stands before it.
    let dump = &dumps()[0].1;
    let text = format!("GET /healthz 200 {}", dump.trim_start());
    assert_eq!(read(text.as_bytes()).1.len(), 1, "{text}");
}

#[test]
fn stack_without_a_message_is_named_by_its_line() {
    let input = read(b"listening\nmain.f(0x1)\n\t/a.go:3 +0x1\n").0;
    let error = unrecognized::error(&input);
    assert!(
        error.contains("lines that look like a stack (line 2)"),
        "{error}"
    );
}
