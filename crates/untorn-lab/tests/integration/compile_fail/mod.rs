//! Programs that must not compile, each beside one that differs in one thing and does.
//!
//! Each file has two functions. `right` is a test of this binary. `wrong` is compiled only by
//! [`each_wrong_program_is_rejected`], with `--cfg untorn_wrong`. A comment `//~ E0277`, or
//! `//~ error` for an error without a code, marks each line at which the compiler must report an
//! error. Messages are not compared, since compiler releases change their wording; but a word after
//! the code, a name of the library, has to be in the message of each error at that line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde_json::Value;

macro_rules! programs {
    ($($name:ident)*) => {
        $(mod $name;)*

        /// The files of this folder.
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];
    };
}

programs! {
    batch_commit_in_closure
    batch_invariant
    batch_leaves_closure
    batch_question_mark
    batch_reference
    batch_reference_after_commit
    batch_reference_after_write
    batch_result
    batch_sent
    batch_swap_closures
    batch_swap_guard
    cell_dropped_under_guard
    cell_get_mut_under_guard
    cell_guard_across_await
    cell_invariant
    cell_of_cell
    cell_read_guard_captured
    cell_read_guard_sent
    cell_reference_after_guard
    cell_reference_from_map
    cell_write_guard_invariant
    cell_write_guard_sent
    changes_outlives_view
    go_map_borrowed_value
    go_map_invariant
    go_map_iteration_reference
    go_map_of_cells
    go_map_of_rc
    go_map_value_reference
    map_borrowed_key
    map_borrowed_reader
    map_clone
    map_dropped_after_key
    map_invariant
    map_of_cells
    map_of_rc
    map_refresh_borrowed
    mapped_pin_captured
    mapped_pin_outlives_map
    mapped_pin_sent
    mapped_snapshot_captured
    mapped_snapshot_of_a_borrow
    on_overlap_call_closure
    pin_across_await
    pin_in_a_library
    pin_outlives_map
    pin_reference
    pin_sent
    poller_contents
    poller_value
    published_invariant
    reader_invariant
    reader_reference
    reader_release
    snapshot_reference
    subscription_invariant
    view_insert
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/compile_fail")
}

/// An error: the line, and its code or `error`.
type Expected = (u64, String);

/// Returns the errors that the comments of a program announce, each with the word that its message
/// must have, which may be empty.
fn announced(program: &str) -> BTreeMap<Expected, String> {
    let path = folder().join(program).with_extension("rs");
    let source = fs::read_to_string(path).expect("a text");
    let lines = (1..).zip(source.lines());
    let announced = lines.filter_map(|(number, line)| Some((number, line.split_once("//~ ")?.1)));
    announced
        .map(|(number, error)| {
            let (code, word) = error.split_once(' ').unwrap_or((error, ""));
            ((number, code.to_owned()), word.to_owned())
        })
        .collect()
}

/// Writes a package with one library for each program; returns its folder.
fn package() -> PathBuf {
    let package = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_fail");
    fs::create_dir_all(package.join("src")).expect("a folder");
    let library = folder().join("../../../../untorn");
    let mut manifest = format!(
        "[package]\nname = \"compile-fail\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\nuntorn = {{ path = {library:?} }}\n",
    );
    for program in PROGRAMS {
        let path = folder().join(program).with_extension("rs");
        let example = format!(
            "\n[[example]]\nname = \"{program}\"\npath = {path:?}\ncrate-type = [\"lib\"]\n"
        );
        manifest.write_str(&example).expect("a string");
    }
    fs::write(package.join("Cargo.toml"), manifest).expect("written");
    fs::write(package.join("src/lib.rs"), "").expect("written");
    // The versions of the workspace: without a network no others are available.
    let lock = folder().join("../../../../../Cargo.lock");
    fs::copy(lock, package.join("Cargo.lock")).expect("written");
    package
}

/// Parses a line of cargo's output; returns the program, the error and its message if the line is
/// one.
fn error(line: &str) -> Option<(String, Expected, String)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let target = message["target"]["name"].as_str()?;
    let message = &message["message"];
    if message["level"] != "error" {
        return None;
    }
    // The last message of a compilation counts the errors and has no place.
    let spans = message["spans"].as_array()?;
    let place = spans.iter().find(|span| span["is_primary"] == true)?;
    let code = message["code"]["code"].as_str().unwrap_or("error");
    let expected = (place["line_start"].as_u64()?, code.to_owned());
    let text = message["rendered"].as_str()?;
    Some((target.to_owned(), expected, text.to_owned()))
}

#[test]
fn each_wrong_program_is_rejected() {
    let package = package();
    let cargo = env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .args(["check", "--offline", "--keep-going", "--examples"])
        .args(["--message-format=json", "--quiet"])
        .current_dir(&package)
        .env("CARGO_TARGET_DIR", package.join("target"))
        .env("RUSTFLAGS", "--cfg untorn_wrong")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .stdin(Stdio::null())
        .output()
        .expect("a toolchain");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "every program compiles");
    let printed = String::from_utf8(output.stdout).expect("JSON");
    let errors: Vec<_> = printed.lines().filter_map(error).collect();
    for program in PROGRAMS {
        let found: Vec<_> = errors.iter().filter(|(name, ..)| name == program).collect();
        let announced = announced(program);
        assert!(!announced.is_empty(), "{program} announces no error");
        let places: BTreeSet<_> = found.iter().map(|(_, error, _)| error).collect();
        assert_eq!(places, announced.keys().collect(), "{program}");
        for (_, error, message) in found {
            assert!(message.contains(&announced[error]), "{program}: {message}");
        }
    }
    // No other errors, for example in the library itself.
    let others = errors
        .iter()
        .filter(|(name, ..)| !PROGRAMS.contains(&name.as_str()));
    assert_eq!(others.count(), 0, "{stderr}");
}

#[test]
fn each_program_is_on_the_list() {
    let files = fs::read_dir(folder()).expect("a folder");
    let names = files.map(|file| file.expect("readable").path().with_extension(""));
    let names: BTreeSet<_> = names
        .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
        .filter(|name| name != "mod")
        .collect();
    let listed: BTreeSet<_> = PROGRAMS.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(names, listed);
}
