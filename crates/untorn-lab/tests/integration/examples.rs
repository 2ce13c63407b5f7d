//! The examples of the library run and print the output in their documentation.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Returns the output shown in the module documentation of an example, after the command; `None` if
/// none is shown because it differs in each run.
fn shown(source: &str) -> Option<String> {
    let comment: Vec<_> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let is_command = |line: &&str| line.starts_with("$ cargo run ");
    let command = comment.iter().position(is_command)?;
    let output = comment[command + 1..]
        .iter()
        .take_while(|line| **line != "```");
    Some(output.map(|line| format!("{line}\n")).collect())
}

/// Returns the main source file of an example: the file, or `main.rs` of the folder.
fn source(path: &Path) -> String {
    let file = if path.is_dir() {
        path.join("main.rs")
    } else {
        path.into()
    };
    fs::read_to_string(file).expect("a text")
}

/// Builds the examples; returns their names and paths.
///
/// The arguments are those of the usual test run, which has built everything with the features of
/// the whole workspace. For this package alone, cargo would build the library and its dependencies
/// again.
fn programs(root: &Path) -> Vec<(String, PathBuf)> {
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--locked", "--profile", "test"])
        .args(["--workspace", "--all-features", "--examples"])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(root)
        .output()
        .expect("a toolchain");
    let errors = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{errors}");
    let messages = String::from_utf8(built.stdout).expect("JSON");
    messages
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|message: &Value| message["target"]["kind"][0] == "example")
        .filter_map(|message| {
            let name = message["target"]["name"].as_str()?.to_owned();
            Some((name, message["executable"].as_str()?.into()))
        })
        .collect()
}

#[test]
fn examples_print_their_documented_output() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("crates/untorn/examples");
    let programs = programs(&root);
    let (mut compared, mut run_only) = (0, Vec::new());
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        let name = path.file_stem().expect("a file").to_str().expect("a name");
        let built = programs.iter().find(|(built, _)| built == name);
        let (_, program) = built.unwrap_or_else(|| panic!("{name} is not built"));
        let run = Command::new(program).current_dir(&root).output();
        let run = run.expect("the example starts");
        let texts = [run.stdout, run.stderr].map(|text| String::from_utf8_lossy(&text).into());
        let [out, err]: [String; 2] = texts;
        assert!(run.status.success(), "{name}: {err}");
        match shown(&source(&path)) {
            Some(shown) => {
                assert_eq!(out, shown, "{name}");
                compared += 1;
            }
            None => {
                assert!(!out.is_empty(), "{name}");
                run_only.push(name.to_owned());
            }
        }
    }
    println!("run without comparing the output: {run_only:?}");
    assert!(compared >= 3, "{compared} examples");
}
