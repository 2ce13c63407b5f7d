//! The fuzz targets without a fuzzer: every file of the corpus, and random sequences. A longer run
//! is `just fuzz`.
//!
//! `UNTORN_FUZZ` multiplies the number of random sequences, `UNTORN_SEED` selects them.

use std::fs;
use std::path::Path;

use untorn_lab::fuzz::{Case, map, read, search, table};

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(number) => number.parse().expect("a number"),
        Err(_) => default,
    }
}

/// Runs each file of a corpus; prints each path first, so that the failing file is visible.
fn replay<C: Case>(target: &str) {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let mut run = 0;
    for folder in ["corpus", "artifacts"] {
        // Artifacts exist only if a fuzzer has found a bug.
        let Ok(files) = fs::read_dir(fuzz.join(folder).join(target)) else {
            continue;
        };
        for file in files {
            let path = file.expect("readable").path();
            let Some(case) = read::<C>(&fs::read(&path).expect("readable")) else {
                continue;
            };
            println!("{}", path.display());
            case.run();
            run += 1;
        }
    }
    assert!(run >= 20, "only {run} files in the corpus of {target}");
}

fn random<C: Case>(runs: u64) {
    let runs = runs * number("UNTORN_FUZZ", 1);
    search::<C>(number("UNTORN_SEED", 1), runs as usize);
}

#[test]
fn the_corpus_of_table_passes() {
    replay::<table::Case>("table");
}

#[test]
fn the_corpus_of_map_passes() {
    replay::<map::Case>("map");
}

#[test]
fn random_sequences_on_a_table_agree_with_the_model() {
    random::<table::Case>(200);
}

#[test]
fn random_sequences_on_a_map_agree_with_the_model() {
    random::<map::Case>(100);
}
