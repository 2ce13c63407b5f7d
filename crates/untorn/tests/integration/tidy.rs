//! Source rules that no lint checks: the files with `unsafe`, and the single import of atomics.

use std::fs;
use std::path::{Path, PathBuf};

/// The only files with `unsafe`, as listed in `DESIGN.md`.
const UNSAFE: [&str; 25] = [
    "gomap/raw/array.rs",
    "gomap/raw/bucket.rs",
    "gomap/raw/chain.rs",
    "overlap/blocks.rs",
    "overlap/cell.rs",
    "overlap/checked_cell.rs",
    "overlap/clock.rs",
    "overlap/fatal.rs",
    "overlap/gate.rs",
    "overlap/guards.rs",
    "overlap/identity.rs",
    "overlap/model/mod.rs",
    "overlap/record.rs",
    "overlap/tsan.rs",
    "poller/clock.rs",
    "sync/counted.rs",
    "versions/cell.rs",
    "versions/fence.rs",
    "versions/local.rs",
    "versions/model/mod.rs",
    "versions/newest.rs",
    "versions/part.rs",
    "versions/protected.rs",
    "versions/slots.rs",
    "versions/writer_lock.rs",
];

/// The files of the two protocols, whose orderings have names.
const ORDERINGS: [&str; 8] = [
    "overlap/blocks.rs",
    "overlap/gate.rs",
    "overlap/identity.rs",
    "overlap/record.rs",
    "versions/fence.rs",
    "versions/newest.rs",
    "versions/slots.rs",
    "versions/writer_lock.rs",
];

/// The one file that names std's atomics.
const ATOMICS: &str = "sync.rs";

/// The files that may call `Instant::now`, which panics on a target without a clock. The first
/// checks for a clock; the others call it only where there is one.
const CLOCKS: [&str; 8] = [
    "clock.rs",
    "overlap/fatal.rs",
    "overlap/tsan.rs",
    "poller/clock.rs",
    "poller/error.rs",
    "poller/foreign.rs",
    "poller/thread.rs",
    "poller/wait.rs",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the crate");
    entries
        .map(|entry| entry.expect("readable").path())
        .flat_map(|path| {
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Returns each source file of the library except its tests: the path below `src`, and the code
/// without comments.
fn files() -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let name = |path: &Path| {
        path.strip_prefix(&src)
            .expect("below src")
            .display()
            .to_string()
    };
    sources(&src)
        .iter()
        .map(|path| {
            (
                name(path),
                fs::read_to_string(path).expect("the message is text"),
            )
        })
        .filter(|(name, _)| !name.contains("/tests/") && !name.ends_with("/tests.rs"))
        .map(|(name, text)| {
            let code = text
                .lines()
                .map(|line| line.split("//").next().unwrap_or(""));
            (name, code.collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
}

#[test]
fn unsafe_is_confined_to_the_listed_files() {
    let mut with: Vec<_> = files()
        .into_iter()
        .filter(|(_, code)| words(code).any(|word| word == "unsafe"))
        .map(|(name, _)| name)
        .collect();
    with.sort_unstable();
    assert_eq!(with, UNSAFE);
}

#[test]
fn atomics_are_imported_in_one_file() {
    for (name, code) in files() {
        let named = code.contains("std::sync::atomic") || code.contains("std::cell::UnsafeCell");
        assert!(!named || name == ATOMICS, "{name} does not use sync.rs");
    }
}

#[test]
fn clock_is_read_only_in_the_listed_files() {
    let mut with: Vec<_> = files()
        .into_iter()
        .filter(|(_, code)| code.contains("Instant::now"))
        .map(|(name, _)| name)
        .collect();
    with.sort_unstable();
    assert_eq!(with, CLOCKS);
}

#[test]
fn public_types_use_no_strong_orderings() {
    for (name, code) in files() {
        let orderings = code.matches("Ordering::").count();
        let allowed = ["overlap/", "versions/", "sync", "ordering_mutants"].iter();
        let allowed = allowed.copied().any(|start| name.starts_with(start));
        let allowed = allowed || name == "gomap/table/flags.rs";
        // GoMap mirrors the table's header in relaxed atomics; no other data is published through
        // them.
        let relaxed = code.matches("Ordering::Relaxed").count();
        assert!(
            allowed || orderings == relaxed,
            "{name} has strong orderings"
        );
    }
}

/// An ordering without a name in `ordering_mutants.rs` cannot be weakened by a mutant, so no test
/// shows that it is needed.
#[test]
fn orderings_of_the_protocols_are_named() {
    for (name, code) in files() {
        if ORDERINGS.contains(&&*name) {
            let strong = ["Acquire", "Release", "AcqRel", "SeqCst"];
            let unnamed =
                strong.map(|ordering| code.matches(&format!("Ordering::{ordering}")).count());
            assert_eq!(unnamed, [0; 4], "{name}");
        }
    }
}

#[test]
fn files_stay_short() {
    for (name, code) in files() {
        let lines = code.lines().count();
        assert!(lines <= 600, "{name} has {lines} lines");
    }
}

/// With `autotests = false`, cargo neither runs nor mentions a file that no module declares.
#[test]
fn each_test_file_is_compiled() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut modules = 0;
    for path in sources(&tests) {
        let name = path.file_stem().and_then(|name| name.to_str());
        let folder = path.parent().expect("below the folder of tests");
        let declares = |file: &Path| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let is_declared = |module: &str| text.contains(&format!("mod {module};"));
            match name {
                // A folder is a module of its parent.
                Some("mod") => folder.file_name().and_then(|name| name.to_str()),
                name => name,
            }
            .is_some_and(is_declared)
        };
        if path.extension().is_none_or(|extension| extension != "rs") || name == Some("main") {
            continue;
        }
        let above = folder.parent().expect("a folder");
        let candidates = match name {
            Some("mod") => [above.join("mod.rs"), above.join("main.rs")],
            _ => [folder.join("mod.rs"), folder.join("main.rs")],
        };
        // Shared by several binaries, which name it by path.
        let shared = folder.ends_with("support");
        let declared = candidates.iter().any(|file| declares(file));
        assert!(declared || shared, "no module declares {}", path.display());
        modules += 1;
    }
    assert!(modules > 40, "only {modules} files");
}

/// cargo-fuzz sets `fuzzing` for every crate of a build, also for users of this one, so it must
/// have no effect here.
#[test]
fn no_source_depends_on_cfg_fuzzing() {
    for (name, code) in files() {
        let named = words(&code).any(|word| word == "fuzzing");
        assert!(!named, "{name} names cfg(fuzzing): take untorn_fuzzing");
    }
}
