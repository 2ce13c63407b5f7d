//! Reports as text.

use crate::overlap::report::{Overlap, OverlapKind, State, Subject};
use crate::overlap::site::{AccessKind, Name, Site};

fn site(thread_number: u64, kind: AccessKind, operation: &'static str) -> Site {
    Site {
        thread: Name::new("main"),
        thread_number,
        created_at: None,
        location: None,
        operation,
        kind,
        duration: None,
        stretched: false,
    }
}

/// Returns an overlap of thread 1, which writes, with a read of thread `other`.
fn overlap(subject: Subject, name: Option<&str>, other: u64, additional_readers: usize) -> Overlap {
    Overlap {
        kind: OverlapKind::ReadAndWrite,
        here: site(1, AccessKind::Write, "insert"),
        other: site(other, AccessKind::Read, "get"),
        additional_readers,
        name: name.map(Name::new),
        subject,
    }
}

fn map() -> Subject {
    Subject::Map(State::from("2 keys, B=0").expect("it is short"))
}

const CELL: Subject = Subject::Cell("u32");

#[test]
fn a_report_has_both_sides_and_advice() {
    let sides = |other: u64| {
        format!(
            "thread \"main\" (1) [writing]: insert\n\
             \tat an unknown line: the access ended before its line could be read\n\
             \tcreated elsewhere, not by untorn::spawn\n\
             thread \"main\" ({other}) [reading]: get\n\
             \tat an unknown line: the access ended before its line could be read\n\
             \tcreated elsewhere, not by untorn::spawn\n"
        )
    };
    let cases = [
        (
            overlap(map(), Some("config"), 2, 0),
            "concurrent map read and map write\n\n",
            "map \"config\": 2 keys, B=0\n\n\
             Share an untorn::Map instead, or put both sites under one lock.",
        ),
        (
            overlap(map(), None, 1, 1),
            "concurrent map read and map write\n\n",
            "and 1 more reader\n\
             map: 2 keys, B=0\n\n\
             Both sides are one thread: a Hash, Eq, Clone, Drop or closure used the map again \
             from inside.\nLet the outer call return first.",
        ),
        (
            overlap(CELL, None, 2, 2),
            "concurrent read and write\n\n",
            "and 2 more readers\n\
             cell: u32\n\n\
             Put both sites under one lock, or share an untorn::Published or an untorn::Map \
             instead.",
        ),
        (
            overlap(CELL, Some("limits"), 1, 0),
            "concurrent read and write\n\n",
            "cell \"limits\": u32\n\n\
             Both sides are one thread: it still has the guard that it got at the second site.\n\
             Drop that guard first.",
        ),
    ];
    for (overlap, first, last) in cases {
        let report = first.to_owned() + &sides(overlap.other.thread_number) + last;
        assert_eq!(overlap.to_string(), report);
        assert_eq!(
            overlap.fatal().to_string(),
            format!("fatal error: {report}")
        );
        assert_eq!(overlap.message(), first.trim_end());
    }
}

#[test]
fn a_kind_follows_from_the_side_that_does_not_write() {
    let cases = [
        (AccessKind::Read, "read and map write", "read and write"),
        (AccessKind::Write, "writes", "writes"),
        (
            AccessKind::Iterate,
            "iteration and map write",
            "iteration and write",
        ),
        (AccessKind::Clone, "clone and map write", "clone and write"),
    ];
    for (other, of_maps, of_cells) in cases {
        let kind = OverlapKind::of(AccessKind::Write, other);
        assert_eq!(kind, OverlapKind::of(other, AccessKind::Write));
        assert_eq!(kind.to_string(), format!("concurrent {of_cells}"));
        for (subject, words) in [(map(), format!("map {of_maps}")), (CELL, of_cells.into())] {
            let overlap = Overlap {
                kind,
                ..overlap(subject, None, 2, 0)
            };
            assert_eq!(overlap.message(), format!("concurrent {words}"));
        }
    }
}

#[cfg(any(feature = "serde", feature = "tracing"))]
#[test]
fn kinds_have_keys_for_programs() {
    let keys = [
        (OverlapKind::ReadAndWrite, "read_and_write"),
        (OverlapKind::Writes, "writes"),
        (OverlapKind::IterationAndWrite, "iteration_and_write"),
        (OverlapKind::CloneAndWrite, "clone_and_write"),
    ];
    for (kind, key) in keys {
        assert_eq!(kind.key(), key);
    }
}

/// A line break would break the report, and a change of direction would show another text.
#[test]
fn thread_names_cannot_change_the_report() {
    let site = Site {
        thread: Name::new("a\nb\u{202e}c\u{1b}ü"),
        ..site(1, AccessKind::Read, "get")
    };
    let first = site.to_string();
    let first = first.lines().next().expect("a line");
    assert_eq!(first, r#"thread "a\nb\u{202e}c\u{1b}ü" (1) [reading]: get"#);
}
