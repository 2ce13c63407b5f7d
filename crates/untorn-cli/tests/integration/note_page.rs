//! Checks `docs/the-note.md` and `docs/go-tests.md`: the files and tests that they cite exist, and
//! the note's program and its crash are as described.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn page() -> String {
    read("docs/the-note.md")
}

fn json(args: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_untorn"))
        .args(args)
        .arg("--json")
        .env_remove("UNTORN_ON_OVERLAP")
        .env_remove("UNTORN_STRETCH")
        .output()
        .expect("the command runs");
    assert!(output.status.success(), "{args:?}: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// Returns the text and the target of each link.
fn links(page: &str) -> Vec<(&str, &str)> {
    let texts = page.split("](");
    let targets = texts.clone().skip(1);
    texts
        .zip(targets)
        .map(|(before, after)| {
            let text = before.rsplit('[').next().expect("never empty");
            let target = after.split(')').next().expect("never empty");
            (text, target)
        })
        .collect()
}

/// Returns the quotations in backquotes that begin with `start`, without it.
fn quoted<'p>(page: &'p str, start: &str) -> Vec<&'p str> {
    let quotes = page
        .lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2));
    quotes
        .filter_map(|quote| quote.strip_prefix(start))
        .collect()
}

#[test]
fn every_linked_file_exists() {
    for page in [
        "docs/the-note.md",
        "docs/why.md",
        "docs/why-a-dump.md",
        "docs/go-tests.md",
    ] {
        let text = read(page);
        let targets: BTreeSet<_> = links(&text).iter().map(|(_, target)| *target).collect();
        assert!(!targets.is_empty());
        for target in targets.iter().filter(|target| !target.contains("://")) {
            let path = repository().join("docs").join(target);
            assert!(path.exists(), "{page} links to {target}");
        }
    }
}

/// Returns `true` if the source has this test, as a function or as a name that a macro expands.
fn has_test(source: &str, test: &str) -> bool {
    let by_macro = |line: &str| line.trim_start().starts_with(&format!("{test}: "));
    source.contains(&format!("fn {test}() {{")) || source.lines().any(by_macro)
}

/// Returns the tests that a page cites: the target of the link, and the name.
fn cited(page: &str) -> Vec<(String, String)> {
    let text = read(page);
    let mut cited = vec![];
    for (text, target) in links(&text) {
        let Some((file, test)) = text.trim_matches('`').split_once("::") else {
            continue;
        };
        // The module `poller` may be a file or a folder.
        let folder = file.replace(".rs", "/mod.rs");
        assert!(
            [file, &folder]
                .iter()
                .any(|file| target.ends_with(&format!("/{file}"))),
            "{text} leads to {target}"
        );
        let source = read(&format!("docs/{target}"));
        assert!(has_test(&source, test), "{page}: there is no {text}");
        cited.push((target.to_owned(), test.to_owned()));
    }
    let named = text.matches(".rs::").count();
    assert_eq!(
        cited.len(),
        named,
        "every test named on {page} is a link to its file"
    );
    cited
}

#[test]
fn every_cited_test_exists() {
    assert!(cited("docs/the-note.md").len() > 60);
    assert!(cited("docs/go-tests.md").len() > 100);
}

#[test]
fn every_test_after_gos_is_on_its_page() {
    let cited = cited("docs/go-tests.md");
    let folders = ["integration", "process"].map(|part| format!("crates/untorn/tests/{part}/go"));
    let files = folders.iter().flat_map(|folder| {
        let files = fs::read_dir(repository().join(folder)).expect("a folder");
        files.map(move |file| (folder, file.expect("readable").file_name()))
    });
    let mut tests = 0;
    for (folder, file) in files {
        let file = file.to_str().expect("ASCII");
        if file == "mod.rs" {
            continue;
        }
        let source = read(&format!("{folder}/{file}"));
        let mut lines = source
            .lines()
            .skip_while(|line| *line != "#[test]")
            .peekable();
        while let Some(line) = lines.next() {
            let name = lines.peek().and_then(|line| line.strip_prefix("fn "));
            let Some(name) = name.filter(|_| line == "#[test]") else {
                continue;
            };
            let name = name.split('(').next().expect("never empty");
            let target = format!("../{folder}/{file}");
            let on_page = cited.contains(&(target, name.to_owned()));
            assert!(on_page, "{file}::{name} is not on the page");
            tests += 1;
        }
    }
    assert!(tests > 60, "{tests} tests");
}

#[test]
fn every_scene_is_cited_and_exists() {
    let page = page();
    let cited: BTreeSet<_> = quoted(&page, "demo lookup ").into_iter().collect();
    let scenes = json(&["demo", "lookup"]);
    let scenes: BTreeSet<_> = scenes
        .as_array()
        .expect("a list of scenes")
        .iter()
        .map(|scene| scene["scene"].as_str().expect("a name"))
        .collect();
    assert_eq!(cited, scenes);
}

#[test]
fn no_cell_is_empty() {
    let pages = [page(), read("docs/go-tests.md")];
    let rows = pages.each_ref().map(|page| {
        let rows: Vec<_> = page.lines().filter(|line| line.starts_with('|')).collect();
        assert!(rows.len() > 60);
        rows
    });
    for row in rows.concat() {
        let inner = row.trim_matches('|').replace(r"\|", "or");
        assert!(
            inner.split('|').all(|cell| !cell.trim().is_empty()),
            "{row}"
        );
    }
}

#[test]
fn programs_differ_in_one_word() {
    let (go_map, map) = (read("examples/note/main.rs"), read("examples/note/map.rs"));
    assert_eq!(go_map.replace("GoMap", "Map"), map);
}

#[test]
fn go_and_rust_programs_match_line_by_line() {
    let (go, rust) = (read("examples/note/main.go"), read("examples/note/main.rs"));
    for (number, in_go, in_rust) in [
        (
            14,
            "_map, readers, writers := map[string]interface{}{}",
            "let _map = Arc::new(GoMap::",
        ),
        (18, "go func() {", r#"spawn("poller", move || {"#),
        (19, "for {", "loop {"),
        (20, r#"_map["1"] = "#, r#"_map.insert("1", "#),
        (21, r#"_map["2"] = "#, r#"_map.insert("2", "#),
        (
            22,
            "<-time.After(time.Millisecond)",
            "thread::sleep(Duration::from_millis(1))",
        ),
        (29, "go func() {", r#"spawn("reader", move || {"#),
        (30, "for {", "loop {"),
        (
            31,
            r#"fmt.Println(_map["1"])"#,
            r#"println!("{}", _map.get("1")"#,
        ),
        (
            32,
            r#"fmt.Println(_map["2"])"#,
            r#"println!("{}", _map.get("2")"#,
        ),
        (38, "wg.Wait()", "thread::park()"),
    ] {
        for (source, start) in [(&go, in_go), (&rust, in_rust)] {
            let line = source
                .lines()
                .nth(number - 1)
                .expect("so many lines")
                .trim_start();
            assert!(line.starts_with(start), "line {number}: {line:?}");
        }
    }
    let line = |number: usize| go.lines().nth(number - 1).expect("so many lines").trim();
    assert_eq!(
        (line(15), line(16)),
        ("wg := sync.WaitGroup{}", "wg.Add(1)")
    );
    assert!(line(17).ends_with("x < writers; x++ {") && line(27).ends_with("x < readers; x++ {"));
    assert_eq!(line(37), "runtime.Gosched()");
}

/// Checks one side of the report: the thread, the method, one of two lines, and the line that
/// started the thread.
fn check_side(report: &str, thread: &str, [method, one, other, created]: [&str; 4]) {
    let from = report
        .find(thread)
        .unwrap_or_else(|| panic!("no {thread} in {report}"));
    let side: Vec<_> = report[from + thread.len()..].lines().take(3).collect();
    let place = |place| format!("\texamples/note/main.rs{place}");
    let inside = side[0].starts_with(method) && (side[1] == place(one) || side[1] == place(other));
    // The other access may have ended before its record was read.
    let gone = side[0] == "an access that has ended"
        && side[1] == "\tat an unknown line: the access ended before its line could be read";
    assert!(inside || gone, "{report}");
    assert_eq!(
        side[2],
        format!("\tcreated at examples/note/main.rs{created}")
    );
}

#[test]
fn report_has_the_parts_of_the_crash_output() {
    let act = json(&["demo", "go"]);
    let report = act["report"].as_str().expect("a text");
    let message = report.lines().next().expect("a first line");
    let message = message.strip_prefix("fatal error: ").expect("Go's line");
    assert_eq!(message, "concurrent map read and map write");
    assert_eq!(message.len(), 0x21, "the second argument of runtime.throw");
    assert_eq!(act["exit_status"], 2);

    assert_eq!(report.matches("thread \"").count(), 2, "{report}");
    let reader = ["GoMap::get", ":31:37", ":32:37", ":29:9"];
    let poller = ["GoMap::insert, ", ":20:22", ":21:22", ":18:9"];
    check_side(report, r#"thread "reader" (3) [reading]: "#, reader);
    check_side(report, r#"thread "poller" (2) [writing]: "#, poller);

    let map = report
        .lines()
        .find(|line| line.starts_with("map \"config\": "));
    let map = map.expect("a line on the map");
    assert!(map.ends_with(", B=0, flags=hash_writing"), "{map}");
    for part in ["goroutine", "runtime.", " fp=", " sp=", " pc=", "+0x"] {
        assert!(!report.contains(part), "{part:?} is in {report}");
    }
}
