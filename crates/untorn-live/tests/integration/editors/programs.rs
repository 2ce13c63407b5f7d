//! Saves by the programs that people use.

use std::fs;
use std::path::Path;

use super::Saved;
use crate::support::programs::{is_installed, run};
use crate::support::{beside, generation};

/// The saves by each program.
const SAVES: u64 = 3;

fn name(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Writes a text to a file beside `path`, for a program that copies or moves it.
fn written(path: &Path, text: &str) -> String {
    let new = beside(path);
    fs::write(&new, text).expect("written");
    name(&new).into()
}

/// Saves by a program, and checks that it did so.
fn saves(program: impl Fn(&Path, &str)) {
    let mut saved = Saved::start();
    for _ in 0..SAVES {
        saved.save(|path, text| {
            program(path, text);
            let stored = fs::read_to_string(path).expect("saved");
            assert_eq!(stored, text, "the program did not save the text");
        });
    }
    saved.finish();
}

/// Replaces the text in vim and writes it.
fn vim(path: &Path, text: &str, options: &str) {
    let read = format!("silent 0read {}", written(path, text));
    let set = format!("set {options}");
    let commands = [&*set, "silent %delete _", &read, "silent write", "quit"];
    let mut arguments = vec!["-es", "-u", "NONE", "-N", "-n"];
    for command in &commands[..1] {
        arguments.extend(["--cmd", command]);
    }
    for command in &commands[1..] {
        arguments.extend(["-c", command]);
    }
    arguments.push(name(path));
    run("vim", &arguments);
}

#[test]
fn vim_renames_the_old_file() {
    if is_installed("vim") {
        saves(|path, text| vim(path, text, "writebackup backupcopy=no"));
    }
}

#[test]
fn vim_writes_in_place() {
    if is_installed("vim") {
        saves(|path, text| vim(path, text, "writebackup backupcopy=yes"));
    }
}

#[test]
fn sed_edits_in_place() {
    let mut saved = Saved::start();
    for _ in 0..SAVES {
        let old = saved.generation;
        saved.save(|path, _| {
            let new = old + 1;
            let (old_sum, new_sum) = (generation::checksum(old), generation::checksum(new));
            let numbers = format!("s/= {old}$/= {new}/");
            let sum = format!("s/= {old_sum}$/= {new_sum}/");
            run("sed", &["-i", "-e", &numbers, "-e", &sum, name(path)]);
        });
    }
    saved.finish();
}

#[test]
fn cp_truncates_and_writes() {
    saves(|path, text| run("cp", &[&written(path, text), name(path)]));
}

#[test]
fn mv_renames() {
    saves(|path, text| run("mv", &[&written(path, text), name(path)]));
}

#[test]
fn rsync_renames_or_writes_in_place() {
    if is_installed("rsync") {
        // Without `-t` each file is new to it.
        saves(|path, text| run("rsync", &["-I", &written(path, text), name(path)]));
        saves(|path, text| {
            run(
                "rsync",
                &["-I", "--inplace", &written(path, text), name(path)],
            );
        });
    }
}

#[test]
fn shell_redirects_into_the_file() {
    saves(|path, text| {
        let script = format!("cat {} > {}", written(path, text), name(path));
        run("sh", &["-c", &script]);
    });
}
