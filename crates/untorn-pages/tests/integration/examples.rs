//! The examples of the library run, and print what their first lines say.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The output shown in the module documentation of an example, after the command that makes it; `None` if it shows none,
/// because that is another one each time.
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

/// The first file of an example: the file, or `main.rs` of the folder.
fn source(path: &Path) -> String {
    let file = if path.is_dir() {
        path.join("main.rs")
    } else {
        path.into()
    };
    fs::read_to_string(file).expect("a text")
}

#[test]
fn examples_run_and_print_what_they_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("crates/untorn/examples");
    let (mut compared, mut run_only) = (0, Vec::new());
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        let name = path.file_stem().expect("a file").to_str().expect("a name");
        let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
        let run = Command::new(cargo)
            // The profile of this test, so that little has to be built.
            .args(["run", "--quiet", "--locked", "--profile", "test"])
            .args(["--package", "untorn", "--example", name])
            .current_dir(&root)
            .output()
            .expect("a toolchain");
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
    println!("run, with nothing to compare the output to: {run_only:?}");
    assert!(compared >= 3, "{compared} examples");
}
