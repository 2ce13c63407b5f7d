//! The candidates for the writer, by dumps that differ in one respect.

use super::{explain, reading};
use crate::candidates::Certainty;
use crate::dump::Found;
use crate::model::Explained;

/// A goroutine that reads in a method of `Cache`, called by one of `Server`.
const READER: &str = "fatal error: concurrent map read and map write\n\ngoroutine 7 [running]:\n\
    example.com/shop/cache.(*Cache).Get(0xc000123000, {0x4b2f00, 0x3})\n\t/app/cache/cache.go:21 +0x1a8\n\
    main.(*Server).View(0xc000200000)\n\t/app/server.go:50 +0x1a8\n\
    created by main.serve in goroutine 1\n\t/app/main.go:30 +0x90\n";

/// The main goroutine, which waits for the end of the program.
const MAIN: &str = "\ngoroutine 1 [select]:\nmain.main()\n\t/app/main.go:40 +0x65\n";

fn explained(parts: &[&str]) -> Explained {
    let dump = parts.concat();
    let found = reading::read(dump.as_bytes())
        .expect("memory can be read")
        .found;
    match &found[..] {
        [Found::Crash(crash)] => explain::crash(crash),
        other => panic!("{other:?} is one crash"),
    }
}

/// Formats a goroutine by its state, the lines of its stack, and the line that started it.
fn goroutine(number: u64, state: &str, stack: &str, created: &str) -> String {
    format!("\ngoroutine {number} [{state}]:\n{stack}created by {created}\n")
}

const SERVE: &str = "main.serve in goroutine 1\n\t/app/main.go:30 +0x90";
const START: &str = "main.start in goroutine 1\n\t/app/main.go:33 +0x90";

/// Returns the numbers of the candidates.
fn numbers(explained: &Explained) -> Vec<u64> {
    let numbers = explained
        .writers
        .iter()
        .filter_map(|writer| writer.goroutine);
    numbers.collect()
}

#[test]
fn frame_with_the_evidence_is_named() {
    let stack = "example.com/other/log.(*Sink).Write(0xc000999000)\n\t/app/log/sink.go:40 +0x100\n\
        example.com/shop/cache.(*Cache).Refresh(0xc000123000)\n\t/app/cache/cache.go:33 +0x70\n";
    let explained = explained(&[READER, &goroutine(9, "chan receive", stack, START), MAIN]);
    let writer = &explained.writers[0];
    assert_eq!(
        writer.function.as_deref(),
        Some("example.com/shop/cache.(*Cache).Refresh")
    );
    assert_eq!(writer.place.as_ref().and_then(|place| place.line), Some(33));
    let end = "was likely goroutine 9: example.com/shop/cache.(*Cache).Refresh at cache.go:33.";
    assert!(explained.verdict.ends_with(end), "{}", explained.verdict);
}

#[test]
fn outer_frames_of_both_sides_are_compared() {
    let stack = "example.com/shop/store.(*Rows).Find(0xc000300000)\n\t/app/store/rows.go:9 +0x70\n\
        example.com/shop/store.(*Lists).UpdateOrder(0xc000400000)\n\t/app/store/lists.go:9 +0x70\n\
        main.(*Server).listen.func1()\n\t/app/listen.go:12 +0x70\n";
    let explained = explained(&[
        READER,
        MAIN,
        &goroutine(
            9,
            "runnable",
            stack,
            "example.com/bus.(*Bus).dispatch in goroutine 8\n\t/app/bus.go:3 +0x9",
        ),
    ]);
    assert_eq!(numbers(&explained), [9]);
    let writer = &explained.writers[0];
    assert_eq!(
        writer.function.as_deref(),
        Some("main.(*Server).listen.func1")
    );
    let reasons = || writer.reasons.iter().map(|reason| reason.id);
    assert!(
        reasons().any(|id| id == "same_type"),
        "{:?}",
        writer.reasons
    );
    assert!(
        reasons().all(|id| id != "named_for_a_look"),
        "another frame is not: {:?}",
        writer.reasons
    );
}

#[test]
fn starter_that_waits_for_its_workers_is_none() {
    for state in [
        "chan receive",
        "select",
        "semacquire",
        "sync.WaitGroup.Wait",
    ] {
        let stack = "main.serve()\n\t/app/server.go:40 +0x65\nmain.main()\n\t/app/main.go:9 +0x1\n";
        let starter = format!("\ngoroutine 1 [{state}]:\n{stack}");
        assert_eq!(numbers(&explained(&[READER, &starter])), [0; 0], "{state}");
    }
}

#[test]
fn sibling_that_runs_precedes_one_that_waits() {
    let work = "main.(*Server).render(0xc000400000)\n\t/app/render.go:9 +0x70\n";
    let other = "main.idle(0xc000400000)\n\t/app/idle.go:9 +0x70\n";
    let explained = explained(&[
        READER,
        MAIN,
        &goroutine(8, "chan receive", other, START),
        &goroutine(9, "runnable", work, SERVE),
    ]);
    assert_eq!(numbers(&explained)[0], 9);
    let ids: Vec<_> = explained.writers[0]
        .reasons
        .iter()
        .map(|reason| reason.id)
        .collect();
    assert!(ids.contains(&"same_start"), "{ids:?}");
}

#[test]
fn handlers_of_net_http_are_no_siblings() {
    let serve = "net/http.(*Server).Serve in goroutine 1\n\t/go/src/net/http/server.go:3285 +0x4b4";
    let reader = READER.replace(SERVE, serve);
    let idle = "internal/poll.runtime_pollWait(0x7f, 0x72)\n\t/go/src/runtime/netpoll.go:345 +0x85\n\
        net/http.(*conn).serve(0xc000500000)\n\t/go/src/net/http/server.go:2077 +0x6f\n";
    let explained = explained(&[&reader, MAIN, &goroutine(9, "IO wait", idle, serve)]);
    assert_eq!(numbers(&explained), [0; 0]);
}

#[test]
fn goroutine_idle_in_a_library_is_none() {
    let stack = "github.com/fsnotify/fsnotify.(*Watcher).readEvents(0xc000123000)\n\t\
        /go/pkg/mod/github.com/fsnotify/fsnotify@v1.7.0/backend.go:9 +0x70\n";
    let idle = goroutine(
        9,
        "chan receive",
        stack,
        "main.(*Server).watch in goroutine 1\n\t/app/main.go:3 +0x9",
    );
    assert_eq!(numbers(&explained(&[READER, MAIN, &idle])), [0; 0]);
    // One that runs may be reloading.
    let runs = idle.replace("chan receive", "runnable");
    assert_eq!(numbers(&explained(&[READER, MAIN, &runs])), [9]);
}

#[test]
fn goroutine_that_waited_for_minutes_is_none() {
    let stack = "example.com/shop/cache.(*Cache).refreshLoop(0xc000999000)\n\t/app/cache/cache.go:60 +0x70\n";
    let waits = |state: &str| {
        numbers(&explained(&[
            READER,
            MAIN,
            &goroutine(9, state, stack, START),
        ]))
    };
    assert_eq!(waits("select"), [9]);
    assert_eq!(waits("select, 3 minutes"), [0; 0]);
    assert_eq!(waits("select, 3 minutes, locked to thread"), [0; 0]);
}

#[test]
fn goroutine_that_waits_needs_more_evidence() {
    let stack =
        "example.com/shop/cache.(*Cache).loop(0xc000123000)\n\t/app/cache/loop.go:60 +0x70\n";
    let other = goroutine(
        8,
        "sleep",
        "main.report()\n\t/app/report.go:60 +0x70\n",
        SERVE,
    );
    let certainty = |state: &str| {
        let one = goroutine(9, state, stack, START);
        let explained = explained(&[READER, MAIN, &one, &other]);
        assert_eq!(explained.writers[0].goroutine, Some(9));
        explained.writers[0].certainty
    };
    assert_eq!(certainty("runnable"), Certainty::Likely);
    assert_eq!(certainty("select"), Certainty::Possibly);
}

/// Returns the reader with the runtime's frame of its access, and a goroutine inside a write.
fn read_and_write(map: &str, write: &str) -> [String; 2] {
    let access = format!(
        "[running]:\nruntime.mapaccess1_faststr({map}, {{0x4b2f00, 0x3}})\n\t/go/src/runtime/map.go:22 +0x50\n"
    );
    let stack = format!("runtime.{write}\n\t/go/src/runtime/map.go:223 +0x3f5\n{STATS}");
    [
        READER.replace("[running]:\n", &access),
        goroutine(9, "runnable", &stack, START),
    ]
}

/// A method of the detecting value.
const STATS: &str =
    "example.com/shop/cache.(*Cache).updateStats(0xc000123000)\n\t/app/cache/cache.go:60 +0x70\n";

#[test]
fn write_to_another_map_is_not_likely() {
    const MAP: &str = "0x47b360, 0xc000090030";
    // Each of them has two pieces of strong evidence otherwise.
    for (write, certainty) in [
        (
            "mapassign_faststr(0x47b360?, 0xc000090030?, {0x4b2f00, 0x3})",
            Certainty::Likely,
        ),
        ("mapassign_faststr(...)", Certainty::Likely),
        // Another address, another type, and keys of another size.
        (
            "mapassign_faststr(0x47b360, 0xc000090060, {0x1, 0x3})",
            Certainty::Possibly,
        ),
        (
            "mapassign_faststr(0x47b300, 0x0?, {0x1, 0x3})",
            Certainty::Possibly,
        ),
        (
            "mapassign_fast64(0x47b360?, 0x0?, 0x3)",
            Certainty::Possibly,
        ),
    ] {
        let [reader, writer] = read_and_write(MAP, write);
        let explained = explained(&[&reader, MAIN, &writer]);
        let found = &explained.writers[0];
        assert_eq!(found.goroutine, Some(9));
        assert_eq!(found.certainty, certainty, "{write}: {:?}", found.reasons);
    }
}

#[test]
fn stale_address_of_another_map_counts_against() {
    let write = "mapassign_faststr(0x47b360?, 0xc000090060?, {0x1, 0x3})";
    let [reader, innocent] = read_and_write("0x47b360, 0xc000090030", write);
    let innocent = innocent.replace("0xc000123000", "0xc000999000");
    let writer =
        "example.com/shop/cache.(*Cache).loop(0xc000123000)\n\t/app/cache/loop.go:60 +0x70\n";
    let explained = explained(&[
        &reader,
        MAIN,
        &innocent,
        &goroutine(8, "sleep", writer, SERVE),
    ]);
    assert_eq!(numbers(&explained), [8, 9]);
    let reason = explained.writers[1]
        .reasons
        .last()
        .expect("it is against it");
    assert_eq!(
        reason.text,
        "it is inside runtime.mapassign_faststr (line 18 of the input), which writes to another map: \
         0xc000090060, not 0xc000090030 (marked `?`: may be stale)"
    );
}

#[test]
fn write_without_code_of_the_program_is_not_likely() {
    let stack = "runtime.mapassign_fast64ptr(0x5a1b20, 0xc000500000, 0xc000501000)\n\t\
        /go/src/runtime/map_fast64.go:120 +0x50\n\
        net/http.(*connLRU).add(0xc000502000, 0xc000501000)\n\t/go/src/net/http/transport.go:2916 +0x1\n\
        net/http.(*Transport).tryPutIdleConn(0xc000503000, 0xc000501000)\n\t/go/src/net/http/transport.go:9 +0x1\n";
    let start =
        "net/http.(*Transport).dialConn in goroutine 6\n\t/go/src/net/http/transport.go:1 +0x9";
    let explained = explained(&[READER, MAIN, &goroutine(9, "runnable", stack, start)]);
    assert_eq!(explained.writers[0].certainty, Certainty::Possibly);
    let ids: Vec<_> = explained.writers[0]
        .reasons
        .iter()
        .map(|of| of.id)
        .collect();
    assert_eq!(ids, ["in_a_write", "unrelated"]);
}

#[test]
fn one_piece_of_strong_evidence_is_not_likely() {
    // A method of the type, of another value.
    let stack = STATS.replace("0xc000123000", "0xc000999000");
    let innocent = goroutine(9, "runnable", &stack, SERVE);
    let writer = "main.onSignal(0xc000700000)\n\t/app/main.go:60 +0x70\n";
    let writer = goroutine(8, "sleep", writer, SERVE);
    let explained = explained(&[READER, MAIN, &innocent, &writer]);
    assert_eq!(numbers(&explained), [9, 8]);
    assert_eq!(explained.writers[0].certainty, Certainty::Possibly);
}

#[test]
fn tie_makes_only_strong_evidence_likely() {
    // Both have as many points, but one has them from names and its state.
    let strong =
        "example.com/shop/cache.(*Cache).loop(0xc000123000)\n\t/app/cache/loop.go:60 +0x70\n";
    let weak =
        "example.com/shop/cache.(*Cache).refresh(0xc000999000)\n\t/app/cache/cache.go:60 +0x70\n";
    let explained = explained(&[
        READER,
        MAIN,
        &goroutine(8, "sleep", weak, SERVE),
        &goroutine(9, "runnable", strong, START),
    ]);
    let found: Vec<_> = explained
        .writers
        .iter()
        .map(|one| (one.goroutine, one.certainty))
        .collect();
    assert_eq!(
        found,
        [(Some(9), Certainty::Likely), (Some(8), Certainty::Possibly)]
    );
    assert!(
        explained.verdict.contains("was likely goroutine 9: "),
        "{}",
        explained.verdict
    );
}

#[test]
fn only_a_whole_dump_says_that_the_writer_exited() {
    let idle = goroutine(
        9,
        "chan receive",
        "main.idle()\n\t/app/idle.go:9 +0x70\n",
        START,
    );
    let exited = "which may have exited.";
    let cut = "The text is cut off, and none of the other goroutines in it looks like the writer.";
    for (parts, end) in [
        (&[READER, MAIN, &idle][..], exited),
        // The main goroutine is missing.
        (&[READER, &idle], cut),
        // The last stack ends within a line, or before the `go` statement.
        (&[READER, MAIN, &idle[..idle.len() - 20]], cut),
        (
            &[READER, MAIN, idle.split("created").next().expect("a part")],
            cut,
        ),
        (
            &[READER],
            "The text is cut off before the other goroutines, so it does not show the writer.",
        ),
    ] {
        let explained = explained(parts);
        assert!(
            explained.verdict.ends_with(end),
            "{parts:?}: {}",
            explained.verdict
        );
    }
    // Go 1.24 and newer have this function on top; Go 1.26 and newer print one goroutine.
    let swiss = "[running]:\ninternal/runtime/maps.fatal({0x1, 0x2})\n\t/go/src/runtime/panic.go:1058 +0x18\n";
    let alone = explained(&[&READER.replace("[running]:\n", swiss)]);
    assert!(
        alone
            .verdict
            .ends_with("This dump does not show the writer."),
        "{}",
        alone.verdict
    );
}
