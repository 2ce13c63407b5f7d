//! Reports of ThreadSanitizer are read as they are meant. (What it says of programs is judged by `just tsan`.)

use untorn_lab::tsan::Report;

const PAGE: &str = include_str!("../../../../docs/thread-sanitizer.md");
const NOTE: &str = "examples/note/main.rs";

#[test]
fn the_report_on_the_page_names_both_lines_and_the_map() {
    let reports = Report::all(PAGE).expect("whole reports");
    let [report] = &*reports else {
        panic!("{} reports", reports.len());
    };
    assert!(report.is_of("GoMap \"config\"") && !report.is_of("GoMap \"other\""));
    assert_eq!(report.sides.len(), 2, "{:?}", report.sides);
    assert!(report.is_between(NOTE, &[vec![20, 21], vec![31, 32]]));
    // The lines of the creators are no sides.
    assert!(!report.is_between(NOTE, &[vec![18], vec![29]]));
    assert!(!report.is_between(NOTE, &[vec![20, 21], vec![2, 3]]));
}

#[test]
fn a_report_that_is_cut_or_mixed_with_another_is_an_error() {
    let start = PAGE.find("WARNING: ThreadSanitizer").expect("a report");
    let summary = PAGE.find("SUMMARY: ThreadSanitizer").expect("its end");
    assert!(Report::all(&PAGE[start..summary]).is_err());
    let mixed = PAGE.replace(
        "  Location is",
        "fatal error: concurrent map writes\n  Location is",
    );
    assert!(Report::all(&mixed).is_err());
    assert!(Report::all("").expect("nothing").is_empty());
}
