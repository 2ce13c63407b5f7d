//! The candidates of `untorn why` for the writer if there are several, and how they are shown.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

fn dump(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../untorn-why/tests/dumps");
    let path = folder.join(format!("{name}.txt"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn why(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_untorn"))
        .arg("why")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut stdin = child.stdin.take().expect("piped");
    stdin
        .write_all(input.as_bytes())
        .expect("it reads its input");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn explain(input: &str) -> Value {
    let output = why(&["--json"], input);
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    document["dumps"][0].clone()
}

/// Returns the long text, which has all evidence.
fn text(input: &str) -> String {
    String::from_utf8(why(&["--long"], input).stdout).expect("the command prints UTF-8")
}

fn verdict(explained: &Value) -> &str {
    explained["verdict"].as_str().expect("a text")
}

/// Returns the text of a candidate's reason with this id.
fn reason<'d>(candidate: &'d Value, id: &str) -> Option<&'d str> {
    let reasons = candidate["reasons"].as_array().expect("a list");
    let found = reasons.iter().find(|reason| reason["id"] == id)?;
    found["text"].as_str()
}

fn numbers(writers: &Value) -> Vec<u64> {
    let writers = writers.as_array().expect("a list");
    let number = |writer: &Value| writer["goroutine"].as_u64().expect("a number");
    writers.iter().map(number).collect()
}

/// Returns a dump of a reader that detected an overlap, and of waiting goroutines, each with its
/// function and line.
fn pollers(others: &[(&str, u64)]) -> String {
    let mut dump = "fatal error: concurrent map read and map write\n\ngoroutine 7 [running]:\nmain.main.func2()\n\t\
                    main.go:31 +0x35\ncreated by main.main in goroutine 1\n\tmain.go:29 +0xbf\n"
        .to_owned();
    for (number, (function, line)) in (20..).zip(others) {
        dump += &format!(
            "\ngoroutine {number} [chan receive]:\n{function}()\n\tmain.go:{line} +0x35\ncreated by main.main in \
             goroutine 1\n\tmain.go:18 +0x65\n"
        );
    }
    dump
}

#[test]
fn verdict_names_all_tied_candidates() {
    let recorded = explain(&dump("go1.23-two-pollers"));
    let end = "The writer was possibly goroutine 6 or 7: main.main.func1 at main.go:22.";
    assert!(verdict(&recorded).ends_with(end), "{recorded}");

    let one = ("main.main.func1", 22);
    for (count, end) in [
        (
            1,
            "was possibly goroutine 20: main.main.func1 at main.go:22.",
        ),
        (
            3,
            "was possibly goroutine 20, 21 or 22: main.main.func1 at main.go:22.",
        ),
        (
            5,
            "was possibly goroutine 20, 21, 22, 23 or 24: main.main.func1 at main.go:22.",
        ),
        (
            9,
            "was possibly goroutine 20, 21, 22 (main.main.func1 at main.go:22), or one of 6 more.",
        ),
    ] {
        let explained = explain(&pollers(&vec![one; count]));
        assert!(
            verdict(&explained).ends_with(end),
            "{}",
            verdict(&explained)
        );
    }
    let explained = explain(&pollers(&[one, ("main.main.func3", 27)]));
    let end = "was possibly goroutine 20 (main.main.func1 at main.go:22) or 21 (main.main.func3 at main.go:27).";
    assert!(
        verdict(&explained).ends_with(end),
        "{}",
        verdict(&explained)
    );
}

#[test]
fn running_and_waiting_candidates_are_tied() {
    let two = pollers(&[("main.main.func1", 22), ("main.main.func1", 22)]);
    let one_ran = two.replace("goroutine 21 [chan receive]", "goroutine 21 [runnable]");
    let one_ran = explain(&one_ran);
    assert!(
        verdict(&one_ran).contains("goroutine 20 or 21:"),
        "{one_ran}"
    );
    // A frame inside a write breaks the tie, though the map of that write is not identified.
    let inside = two.replace(
        "goroutine 21 [chan receive]:\n",
        "goroutine 21 [runnable]:\nruntime.mapassign_faststr(0x4aaf80, 0xc00007c450, {0x4bf298, 0x1})\n\tgo/map.go:5 +0x1\n",
    );
    let explained = explain(&inside);
    assert!(
        verdict(&explained).contains("was possibly goroutine 21: "),
        "{}",
        verdict(&explained)
    );
}

#[test]
fn stale_address_is_marked() {
    let dump = dump("go1.23-note-system");
    let explained = explain(&dump);
    let text = text(&dump);
    let reason = reason(&explained["writers"][0], "same_map").expect("it has the address");
    let stale = "0xc00007c450, the map's address, is among its arguments (line 90 of the input, marked `?`: may be stale)";
    assert_eq!(reason, stale);
    assert!(text.contains(stale), "{text}");
    let address = &explained["addresses"][0];
    assert_eq!(address["goroutines"], json!([7, 6]));
    assert_eq!(address["may_be_stale"], json!([6]));
    let among = "among the arguments of goroutines 7, 6 (in goroutine 6 marked `?`: may be stale)";
    assert!(text.contains(among), "{text}");
    // The meaning of `?` is explained wherever one is shown, not only for the detecting goroutine.
    let has_note = |explained: &Value| {
        let facts = explained["background"].as_array().expect("a list");
        let mut facts = facts.iter().filter_map(Value::as_str);
        facts.any(|fact| fact.starts_with("A `?` after an argument"))
    };
    assert!(has_note(&explained), "{explained}");
    let without = dump.replace('?', "");
    assert!(!has_note(&explain(&without)));
}

#[test]
fn exact_address_is_preferred_to_a_stale_one() {
    let sure = dump("go1.23-note-system").replace(
        "main.main.func1()\n",
        "main.main.func1(0xc00007c450, 0x1)\n",
    );
    let explained = explain(&sure);
    let reason = reason(&explained["writers"][0], "same_map").expect("it has the address");
    assert!(
        reason.ends_with("its arguments (line 92 of the input)"),
        "{reason}"
    );
    assert_eq!(explained["addresses"][0]["may_be_stale"], json!([]));
}

#[test]
fn goroutines_of_the_same_go_statement_are_counted() {
    let dump = dump("go1.23-not-begun");
    let explained = explain(&dump);
    assert_eq!(
        numbers(&explained["writers"]),
        [11],
        "main only sleeps, and the others have not begun: {}",
        explained["writers"]
    );
    assert_eq!(
        explained["writers"][0]["same_start"],
        json!({
            "place": { "file": "crash.go", "line": 209 },
            "goroutines": [8, 9, 10],
            "not_begun": 3,
            "at_least": false,
        })
    );
    let text = text(&dump);
    let more = "\n  and 3 more started by the same `go` statement at crash.go:209: goroutines 8, 9, 10, which had not \
                begun to run\n";
    assert!(text.contains(more), "{text}");

    let many = explain(&pollers(&[("main.main.func1", 22); 9]));
    assert_eq!(numbers(&many["writers"]), [20, 21, 22, 23, 24]);
    let more = |index: usize| &many["writers"][index]["same_start"];
    assert_eq!(more(0)["goroutines"], json!([25, 26, 27, 28]));
    assert_eq!(more(0)["not_begun"], 0);
    assert!((1..5).all(|index| more(index).is_null()), "listed once");
}

#[test]
fn goroutine_with_an_offset_has_begun() {
    let dump = |offset: &str| {
        let other = pollers(&[("main.main.func1", 18)]);
        other.replace("main.go:18 +0x35", &format!("main.go:18{offset}"))
    };
    let begun = explain(&dump(" +0x35"));
    assert_eq!(numbers(&begun["writers"]), [20], "all of it is on one line");
    let not = explain(&dump(""));
    assert_eq!(numbers(&not["writers"]), [0; 0], "{}", not["writers"]);
}

#[test]
fn sleeping_main_is_the_last_candidate() {
    let sleeps = "\ngoroutine 1 [sleep]:\ntime.Sleep(0xdf8475800)\n\tgo/src/runtime/time.go:300 +0xf2\nmain.main()\n\t\
                  main.go:38 +0x107\n";
    let beside = explain(&(pollers(&[("main.main.func1", 22)]) + sleeps));
    assert_eq!(numbers(&beside["writers"]), [20]);
    // As main may write between two sleeps, no goroutine is the writer by exclusion.
    assert!(reason(&beside["writers"][0], "the_only_one").is_none());

    let alone = explain(&(pollers(&[]) + sleeps));
    assert_eq!(numbers(&alone["writers"]), [1]);
    assert!(reason(&alone["writers"][0], "poller").is_some());

    let writes = sleeps.replace("[sleep]:\n", "[runnable]:\nruntime.mapassign_faststr(0x4aaf80, 0xc00007c450, {0x4bf298, 0x1})\n\tgo/map.go:5 +0x1\n");
    let explained = explain(&(pollers(&[("main.main.func1", 22)]) + &writes));
    assert_eq!(explained["writers"][0]["goroutine"], 1, "it is in a write");
}

/// Returns the number of goroutines, and the text about their states.
fn states(name: &str) -> (u64, String) {
    let text = text(&dump(name));
    let mut lines = text.lines();
    let states = lines
        .find_map(|line| line.trim().split_once(" goroutines: "))
        .expect("the line of states");
    (states.0.parse().expect("a number"), states.1.to_owned())
}

#[test]
fn every_state_is_counted() {
    let (_, explained) = states("go1.23-note-system");
    assert!(
        explained.ends_with(", and 1 in other states"),
        "{explained}"
    );
    // One goroutine of these dumps is printed twice.
    for name in ["go1.23-note-system", "go1.23-two-noticed", "go1.23-note"] {
        let (all, explained) = states(name);
        let number = |part: &str| -> u64 {
            let part = part.trim_start_matches("and ");
            let number = part.split(' ').next().expect("a number");
            number.parse().expect("a number")
        };
        assert_eq!(
            explained.split(", ").map(number).sum::<u64>(),
            all,
            "{name}: {explained}"
        );
    }
}

#[test]
fn text_and_document_share_the_words_for_certainty() {
    let mut words = vec![];
    for name in ["go1.23-copied-lock", "go1.23-race", "go1.23-not-begun"] {
        let dump = dump(name);
        let explained = explain(&dump);
        let writers = explained["writers"].as_array().expect("a list");
        let causes = explained["causes"].as_array().expect("a list");
        for sure in writers.iter().chain(causes) {
            let word = sure["certainty"].as_str().expect("a word").to_owned();
            let is_race = explained["kind"] == "race_report" && word == "certainly";
            let shown = text(&dump).contains(&format!("\n{word}: "));
            assert!(shown || is_race, "{name}: {word}");
            words.push(word);
        }
    }
    words.sort();
    words.dedup();
    assert_eq!(words, ["certainly", "likely", "possibly"]);
}

#[test]
fn runnable_goroutine_has_its_own_reason() {
    let explained = explain(&dump("go1.23-copied-lock"));
    let writer = &explained["writers"][0];
    assert_eq!(writer["state"], "runnable");
    assert_eq!(reason(writer, "runnable"), Some("it was runnable"));
}

#[test]
fn goroutine_without_a_stack_is_shown_by_its_creator() {
    let other = "\ngoroutine 20 [running]:\n\tgoroutine running on other thread; stack unavailable\ncreated by main.main in \
                 goroutine 1\n\tmain.go:18 +0x65\n";
    let dump = pollers(&[]) + other;
    let explained = explain(&dump);
    let writer = &explained["writers"][0];
    assert_eq!(
        (writer["goroutine"].as_u64(), writer["function"].as_str()),
        (Some(20), None)
    );
    assert_eq!(writer["started"]["place"]["line"], 18);
    let end = "possibly goroutine 20: started by main.main at main.go:18.";
    assert!(
        verdict(&explained).ends_with(end),
        "{}",
        verdict(&explained)
    );
    let text = text(&dump);
    let line = "\npossibly: goroutine 20 [running], started by main.main at main.go:18 (line 9 of the input)\n";
    assert!(text.contains(line), "{text}");
}
