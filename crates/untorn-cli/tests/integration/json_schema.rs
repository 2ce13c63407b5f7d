//! Checks `docs/json.md`: its fields are exactly those of actual documents.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::live::{Folder, Watched};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Returns the document that the command prints, whatever its exit status.
fn document(args: &[&str], input: &str) -> Value {
    // No Go toolchain: the Go program is tested elsewhere.
    document_with("".as_ref(), args, input)
}

/// As [`document`], with this `PATH`.
fn document_with(path: &Path, args: &[&str], input: &str) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_untorn"))
        .args(args)
        .arg("--json")
        .env_remove("UNTORN_ON_OVERLAP")
        .env_remove("UNTORN_STRETCH")
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut stdin = child.stdin.take().expect("piped");
    // Most subcommands do not read their input.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// Returns the fields that the page describes below this heading, with their objects.
fn described(heading: &str) -> BTreeSet<String> {
    let page = read("docs/json.md");
    let heading = format!("## `untorn {heading} --json`");
    let lines = page.lines().skip_while(|line| *line != heading).skip(1);
    let (mut fields, mut object, mut of_fields) = (BTreeSet::new(), String::new(), false);
    for line in lines.take_while(|line| !line.starts_with("## ")) {
        if let Some(named) = line.strip_prefix("### `") {
            object = format!("{}.", named.split('`').next().expect("never empty"));
        } else if line.starts_with("| field |") {
            of_fields = true;
        } else if line.is_empty() {
            of_fields = false;
        } else if let Some(row) = line.strip_prefix("| `").filter(|_| of_fields) {
            let names = row.split(" |").next().expect("never empty");
            for name in names.split(", ") {
                let name = name.trim_matches('`');
                assert!(
                    fields.insert(format!("{object}{name}")),
                    "{name} is there twice"
                );
            }
        }
    }
    assert!(!fields.is_empty(), "{heading}");
    fields
}

/// Collects the fields that have a value.
fn collect(value: &Value, path: &str, fields: &mut BTreeSet<String>) {
    match value {
        Value::Null => {}
        Value::Object(object) => {
            for (name, value) in object {
                let dot = if path.is_empty() { "" } else { "." };
                collect(value, &format!("{path}{dot}{name}"), fields);
            }
        }
        Value::Array(list) if path.ends_with("[]") => {
            assert!(!list.is_empty(), "{path}");
            fields.insert(path.to_owned());
        }
        Value::Array(list) => {
            for value in list {
                collect(value, &format!("{path}[]"), fields);
            }
        }
        _ => {
            fields.insert(path.to_owned());
        }
    }
}

fn found<'d>(documents: impl IntoIterator<Item = &'d Value>) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    for document in documents {
        collect(document, "", &mut fields);
    }
    fields
}

fn recorded() -> Vec<Value> {
    let folder = repository().join("crates/untorn-why/tests/dumps");
    let files = fs::read_dir(folder).expect("a folder");
    let mut documents: Vec<_> = files
        .map(|file| {
            let path = file.expect("readable").path();
            document(&["why"], &fs::read_to_string(path).expect("UTF-8"))
        })
        .collect();
    // The newest line first.
    let dump = read("crates/untorn-why/tests/dumps/go1.23-note.txt");
    let mut lines: Vec<_> = dump.lines().collect();
    lines.reverse();
    documents.push(document(&["why"], &lines.join("\n")));
    // A dump with a foreign line in between.
    let log = read("crates/untorn-why/tests/dumps/go1.23-note.txt")
        .replace("\n\ngoroutine 18", "\nGET /healthz 200\n\ngoroutine 18");
    documents.push(document(&["why"], &log));
    documents
}

#[test]
fn fields_of_why_match_the_page() {
    assert_eq!(found(&recorded()), described("why"));
}

/// Returns the ids of the reasons in these documents.
fn reasons<'d>(documents: impl IntoIterator<Item = &'d Value>) -> BTreeSet<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    documents
        .into_iter()
        .flat_map(|document| list(&document["dumps"]))
        .flat_map(|dump| list(&dump["writers"]))
        .flat_map(|writer| list(&writer["reasons"]))
        .map(|reason| reason["id"].as_str().expect("a text").to_owned())
        .collect()
}

/// A dump with evidence against candidates, which is shown if there is stronger evidence for them.
const AGAINST: &str = "\
fatal error: concurrent map read and map write

goroutine 7 [running]:
runtime.mapaccess1_faststr(0x4aaf80, 0xc00007c450, {0x4bf298, 0x1})
	go/src/runtime/map_faststr.go:22 +0x50
main.update.func2()
	main.go:31 +0x35
created by main.update in goroutine 1
	main.go:29 +0xbf

goroutine 8 [runnable]:
runtime.mapaccess1_faststr(0x4aaf80, 0xc00007c450, {0x4bf298, 0x1})
	go/src/runtime/map_faststr.go:22 +0x50
main.update.func1()
	main.go:22 +0x35
created by main.update in goroutine 1
	main.go:18 +0x65

goroutine 9 [semacquire]:
sync.(*WaitGroup).Wait(0xc00007c450)
	go/src/sync/waitgroup.go:118 +0x48
main.update.func3()
	main.go:42 +0x35
created by main.update in goroutine 1
	main.go:40 +0x65

goroutine 10 [runnable]:
main.update.func4()
	main.go:50
created by main.update in goroutine 1
	main.go:50 +0x65

goroutine 11 [running]:
main.other(0xc00007c450)
	other.go:7 +0x35
created by main.main in goroutine 1
	other.go:3 +0x65
exit status 2
fatal error: concurrent map read and map write

goroutine 7 [running]:
runtime.mapaccess1_faststr(0x4aaf80, 0xc00007c450, {0x4bf298, 0x1})
	go/src/runtime/map_faststr.go:22 +0x50
main.update.func2()
	main.go:31 +0x35
created by main.update in goroutine 1
	main.go:29 +0xbf

goroutine 8 [select, 3 minutes]:
main.update.func5(0xc00007c450)
	main.go:60 +0x35
created by main.update in goroutine 1
	main.go:58 +0x65

goroutine 9 [chan receive]:
main.update(0xc00007c450)
	main.go:70 +0x35
created by main.main in goroutine 1
	other.go:3 +0x65

goroutine 10 [sync.Mutex.Lock]:
sync.(*Mutex).Lock(...)
	go/src/sync/mutex.go:90
main.update.func6(0xc00007c450)
	main.go:80 +0x35
created by main.update in goroutine 1
	main.go:29 +0xbf

goroutine 11 [chan receive]:
example.com/queue.(*Queue).set(0xc00007c450)
	go/pkg/mod/example.com/queue@v1.0.0/queue.go:9 +0x35
created by main.main in goroutine 1
	other.go:5 +0x65

goroutine 12 [running]:
runtime.mapassign_faststr(...)
	go/src/runtime/map_faststr.go:203
example.com/stock.fill()
	stock.go:7 +0x35
created by example.com/stock.Start in goroutine 1
	stock.go:3 +0x65
";

#[test]
fn ids_of_reasons_match_the_page() {
    let page = read("docs/json.md");
    let table = page
        .split("| `reasons[].id` | ")
        .nth(1)
        .expect("it has a table");
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let ids: BTreeSet<_> = rows
        .flat_map(|names| names.split(", "))
        .map(|name| name.trim_matches('`').to_owned())
        .collect();
    let mut documents = recorded();
    documents.push(document(&["why"], AGAINST));
    let bystander = "crates/untorn-why/tests/corpus/bystanders/dumps/go1.23-by-stats-system.txt";
    documents.push(document(&["why"], &read(bystander)));
    assert_eq!(reasons(&documents), ids);
}

#[test]
fn fields_of_the_acts_match_the_page() {
    let stretched = document(&["demo", "go", "--patience", "0"], "");
    // An early overlap may end it before it has printed five values.
    let printed_much = (0..50)
        .map(|_| document(&["demo", "go"], ""))
        .find(|act| act["printed"]["last"] != serde_json::json!([]))
        .expect("five values are printed");
    let mut described_go = described("demo go");
    let mut found_go = found([&stretched, &printed_much]);
    // The fields of the Go program are compared in a unit test of the command.
    described_go.retain(|field| !field.starts_with("go."));
    found_go.retain(|field| !field.starts_with("go."));
    assert_eq!(found_go, described_go);
    for act in ["map", "batch"] {
        let act = document(&["demo", act, "--seconds", "0.1"], "");
        assert_eq!(found([&act]), described("demo map"));
    }
}

#[test]
fn fields_of_the_rivals_match_the_page() {
    let rivals = ["demo", "rivals", "--maps", "untorn,papaya"];
    let options = ["--readers", "1", "--seconds", "0.1"];
    let document = document(&[&rivals[..], &options].concat(), "");
    assert_eq!(found([&document]), described("demo rivals"));
}

#[test]
fn fields_of_the_look_up_match_the_page() {
    let scenes = document(&["demo", "lookup"], "");
    let scenes = scenes.as_array().expect("a list");
    assert_eq!(found(scenes), described("demo lookup"));
}

/// Sources whose documents have all fields.
fn sources() -> Folder {
    Folder::new(&[
        ("app.toml", "port = 80\nname = \"a\""),
        ("config/port", "81"),
        ("twice.toml", "port = 1\nport = 2"),
        ("similar.toml", "http.prot = 1"),
        // Not UTF-8 in a file of a directory would do, too: an error with an item.
        ("documents/twice.toml", "port = 1\nport = 2"),
    ])
}

#[test]
fn fields_of_explain_match_the_page() {
    let sources = sources();
    // Each of the two kinds of places once as the winner, and once overridden.
    let orders = [["app.toml", "config"], ["config", "app.toml"]];
    let documents =
        orders.map(|order| sources.document(&[&["explain", "port"][..], &order].concat()));
    assert_eq!(found(&documents), described("explain"));
}

#[test]
fn fields_of_check_match_the_page() {
    let sources = sources();
    let check = |args: &[&str]| sources.document(&[&["check"], args].concat());
    let documents = [
        &["app.toml"][..],
        &["twice.toml"],
        &["mount:documents?documents"],
        // The variable that the command has here is `APP_HTTP__PORT`.
        &["similar.toml", "env:APP_"],
    ]
    .map(check);
    assert_eq!(found(&documents), described("check"));
}

#[test]
fn fields_of_diff_match_the_page() {
    let document = sources().document(&["diff", "app.toml", "config"]);
    assert_eq!(found([&document]), described("diff"));
}

#[test]
fn fields_of_watch_match_the_page() {
    let sources = sources();
    let documents = "mount:documents?documents";
    let mut watched = Watched::new(&sources, &["app.toml", documents, "--json"]);
    let mut events = vec![watched.wait_for_event("refused")];
    sources.save("documents/twice.toml", "port = 1");
    events.push(watched.wait_for_event("revision"));
    events.push(watched.wait_for_event("recovered"));
    sources.save("app.toml", "port = 80\nport = 81");
    events.push(watched.wait_for_event("refused"));
    sources.save("app.toml", "port = 80\nname = \"b\"");
    events.push(watched.wait_for_event("revision"));
    watched.signal("TERM");
    watched.end(Some(0));
    assert_eq!(found(&events), described("watch"));
}

#[test]
fn fields_of_the_live_demo_match_the_page() {
    let options = ["--readers", "1", "--seconds", "0.1"];
    let mut sources = vec![("file", PathBuf::new())];
    let paths = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&paths).find(|path| path.join("etcd").is_file()) {
        Some(path) => sources.push(("etcd", path)),
        None => println!("skipped: there is no etcd"),
    }
    for (source, path) in sources {
        let act = ["demo", "live", "--source", source];
        let document = document_with(&path, &[&act[..], &options].concat(), "");
        assert_eq!(found([&document]), described(&act.join(" ")), "{source}");
    }
}

#[test]
fn help_and_readme_name_the_page() {
    let help = Command::new(env!("CARGO_BIN_EXE_untorn"))
        .arg("--help")
        .output()
        .expect("the command runs");
    assert!(String::from_utf8_lossy(&help.stdout).contains("docs/json.md"));
    assert!(read("README.md").contains("](docs/json.md)"));
}
