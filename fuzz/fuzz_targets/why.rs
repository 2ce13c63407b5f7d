#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let report = untorn_why::explain(input).expect("memory can be read");
    let mut text = report.to_string();
    for line in report.long_text() {
        text.push_str(&line.text);
    }
    let is_shown = |c: char| c == '\n' || c == '\t' || !c.is_control();
    assert!(text.chars().all(is_shown), "a terminal would obey {text:?}");
    let lines = report.lines;
    for dump in &report.dumps {
        let numbers = [dump.first_line, dump.last_line];
        assert!(numbers.iter().all(|number| *number <= lines), "{numbers:?} of {lines}");
    }
    assert_eq!(report.dumps.is_empty(), report.no_dump().is_some());
    serde_json::to_string(&report).expect("strings and numbers");
});
