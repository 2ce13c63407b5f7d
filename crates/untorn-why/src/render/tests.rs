//! The answer for small dumps.

use crate::Report;

/// A reader that detected an overlap, in a stack that ends as those of Go 1.19 and newer do.
const READER: &str = "fatal error: concurrent map read and map write\n\ngoroutine 7 [running]:\nmain.read()\n\t/src/main.go:31 \
                      +0x35\ncreated by main.main in goroutine 1\n\t/src/main.go:29 +0xbf\n";

const RACE: &str = "==================\nWARNING: DATA RACE\nRead at 0x00c00008ab10 by goroutine 7:\n  main.read()\n      \
                    /src/main.go:31 +0x1\n\nPrevious write at 0x00c00008ab10 by goroutine 8:\n  main.write()\n      \
                    /src/main.go:22 +0x1\n";

fn report(dump: &str) -> Report {
    crate::explain(dump.as_bytes()).expect("memory can be read")
}

fn short(dump: &str) -> String {
    report(dump).to_string()
}

fn long(dump: &str) -> String {
    let lines = report(dump).long_text();
    lines
        .iter()
        .map(|line| format!("{}\n", line.text))
        .collect()
}

/// Returns goroutines with these numbers that one `go` statement started.
fn workers(numbers: std::ops::Range<u64>) -> String {
    let worker = |number| {
        format!(
            "\ngoroutine {number} [chan receive]:\nmain.update(0x1)\n\t/src/main.go:22 +0x35\ncreated by main.main in \
             goroutine 1\n\t/src/main.go:18 +0x65\n"
        )
    };
    numbers.map(worker).collect()
}

#[test]
fn answer_has_some_ten_lines() {
    for dump in [
        READER.to_owned(),
        READER.to_owned() + &workers(20..60),
        RACE.to_owned(),
    ] {
        let short = short(&dump);
        assert!((4..=12).contains(&short.lines().count()), "{short}");
        assert!(short.lines().count() < long(&dump).lines().count());
    }
}

#[test]
fn siblings_are_counted_once() {
    for (count, expected) in [
        (1, "(line 9 of the input): "),
        (
            2,
            "(line 9 of the input), or its sibling of the same go statement: ",
        ),
        (
            9,
            "(line 9 of the input), or one of 8 siblings of the same go statement: ",
        ),
    ] {
        let short = short(&(READER.to_owned() + &workers(20..20 + count)));
        let writers: Vec<_> = short
            .lines()
            .filter(|line| line.contains(" writer: "))
            .collect();
        let [writer] = writers[..] else {
            panic!("{short}");
        };
        let start = "writer: goroutine 20 [chan receive], main.update at /src/main.go:22 ";
        assert!(writer.contains(&format!("{start}{expected}")), "{writer}");
    }
}

#[test]
fn lines_of_source_and_input_differ() {
    let short = short(READER);
    assert!(
        short.contains("Read: main.read at /src/main.go:31 (line 3 of the input)"),
        "{short}"
    );
    let long = long(&(READER.to_owned() + &workers(20..21)));
    assert!(
        long.contains("main.update at /src/main.go:22 (line 9 of the input)"),
        "{long}"
    );
}

#[test]
fn site_in_a_library_has_its_caller_beside_it() {
    let site = "x/y.(*T).Get(0x1)\n\t/go/pkg/mod/x/y@v1.0.0/y.go:5 +0x1\nmain.read()";
    let dump = READER.replace("main.read()", site);
    let short = short(&dump);
    for expected in [
        "Goroutine 7, reading a map in x/y.(*T).Get at y.go:5, called from your code at main.go:31, detected",
        "\nRead: x/y.(*T).Get at /go/pkg/mod/x/y@v1.0.0/y.go:5 (line 3 of the input)\n",
        "\n  called from your code: main.read at /src/main.go:31\n",
    ] {
        assert!(short.contains(expected), "{short}");
    }
    let explained = &report(&dump).dumps[0];
    let by = explained.known[0].called_from.as_ref().expect("a caller");
    assert_eq!(by.function, "main.read");
    assert!(long(&dump).contains("The call in the program's own code that led there."));
}

#[test]
fn missing_line_of_source_is_stated() {
    let dump = READER.replace("\n\t/src/main.go:31 +0x35", "");
    let expected = "in main.read, on a line that the dump does not show, detected";
    assert!(short(&dump).contains(expected), "{}", short(&dump));
}

#[test]
fn advice_on_the_detector_is_not_for_its_reports() {
    for (dump, advised) in [
        (READER, true),
        (RACE, false),
        (&format!("{RACE}{READER}"), false),
    ] {
        for text in [short(dump), long(dump)] {
            assert_eq!(text.contains("-race"), advised, "{text}");
        }
    }
}

#[test]
fn rust_is_mentioned_in_the_long_text_only() {
    assert!(!short(READER).contains("Rust"));
    assert!(long(READER).contains("- in Rust this does not compile"));
}

#[test]
fn one_foreign_line_is_singular() {
    let one = READER.replace("created by", "GET /a\ncreated by");
    let two = one.replace("GET", "GET /b\nGET");
    for (dump, expected) in [
        (one, "1 line in between is not part of the dump:"),
        (
            two,
            "2 lines in between are not part of the dump; the first:",
        ),
    ] {
        assert!(long(&dump).contains(expected), "{}", long(&dump));
    }
}

#[test]
fn excerpt_does_not_say_that_the_writer_exited() {
    let idle = "\ngoroutine 9 [IO wait]:\nother.serve(0x1)\n\t/other/b.go:3 +0x1\n";
    let main = "\ngoroutine 1 [semacquire]:\nmain.main()\n\t/srv/main.go:7 +0x1\n";
    let whole = format!(
        "{READER}{main}{idle}created by other.start in goroutine 1\n\t/other/b.go:2 +0x1\n"
    );
    assert!(short(&whole).contains("exited."), "{}", short(&whole));
    let cut = short(&format!("{READER}{main}{idle}"));
    assert!(!cut.contains("exited"), "{cut}");
}

#[test]
fn new_versions_are_not_blamed_for_old_dumps() {
    let new = "internal/runtime/maps.fatal({0x4da00f?, 0x4a54df?})\n\tgo/src/runtime/panic.go:1181 +0x18\nmain.read()";
    let new = short(&READER.replace("main.read()", new));
    assert!(new.contains("GOTRACEBACK=all"), "{new}");
    let old = short(READER);
    assert!(
        old.contains("so it was truncated") && !old.contains("1.26"),
        "{old}"
    );
}

#[test]
fn race_report_without_its_end_has_both_sides() {
    let short = short(RACE);
    assert!(short.contains("truncated below its two stacks"), "{short}");
    assert!(!short.contains("This is certain"), "{short}");
}
