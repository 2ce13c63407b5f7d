//! Parsing of ThreadSanitizer's reports. (The reports of programs are checked by `just tsan`.)

use untorn_lab::tsan::Report;

const PAGE: &str = include_str!("../../../../docs/thread-sanitizer.md");
const NOTE: &str = "examples/note/main.rs";

#[test]
fn the_report_on_the_page_names_lines_and_map() {
    let reports = Report::all(PAGE).expect("whole reports");
    let [report] = &*reports else {
        panic!("{} reports", reports.len());
    };
    assert!(report.is_of("GoMap \"config\"") && !report.is_of("GoMap \"other\""));
    assert_eq!(report.sides.len(), 2, "{:?}", report.sides);
    assert!(report.is_between(NOTE, &[vec![20, 21], vec![31, 32]]));
    // The lines that create the threads are not sides.
    assert!(!report.is_between(NOTE, &[vec![18], vec![29]]));
    assert!(!report.is_between(NOTE, &[vec![20, 21], vec![2, 3]]));
}

#[test]
fn truncated_or_mixed_reports_are_errors() {
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
