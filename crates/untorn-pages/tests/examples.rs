//! The examples of the library print what their first lines say.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The output shown in the module documentation of an example, after the command that makes it.
fn shown(source: &str) -> String {
    let comment: Vec<_> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let output = comment
        .iter()
        .skip_while(|line| !line.starts_with("$ cargo run "))
        .skip(1)
        .take_while(|line| **line != "```");
    output.map(|line| format!("{line}\n")).collect()
}

#[test]
fn examples_print_what_they_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("crates/untorn/examples");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("readable").path();
        let name = path.file_stem().expect("a file").to_str().expect("a name");
        let source = fs::read_to_string(&path).expect("a text");
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
        assert_eq!(out, shown(&source), "{name}");
        count += 1;
    }
    assert!(count >= 3, "{count} examples");
}
