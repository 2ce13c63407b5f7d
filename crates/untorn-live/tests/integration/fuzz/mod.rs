//! The fuzz target `live` without a fuzzer: every file of the corpus, and what one changed byte
//! makes of each. A longer run is `just fuzz live`.

mod case;

use std::fs;
use std::path::Path;

/// Returns the files of the corpus; none in a package, which has no corpus.
fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/live");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("skipped: there is no {}", folder.display());
        return Vec::new();
    };
    let mut files: Vec<_> = files.map(|file| file.expect("readable").path()).collect();
    files.sort_unstable();
    assert!(files.len() >= 20, "only {} files", files.len());
    let read = |path| fs::read(path).expect("readable");
    files.iter().map(read).collect()
}

fn run(bytes: &[u8]) {
    let result = std::panic::catch_unwind(|| case::run(bytes));
    assert!(result.is_ok(), "{:?}", String::from_utf8_lossy(bytes));
}

#[test]
fn corpus_passes() {
    corpus().iter().for_each(|bytes| run(bytes));
}

#[test]
fn corpus_with_changes_passes() {
    /// Bytes that mean something in one of the formats.
    const BYTES: &[u8] = b"\"\\{}[]:,.=#'*&!|>-_0e\n\t \xff";

    for (number, bytes) in corpus().iter().enumerate() {
        for step in 0..60 {
            let at = 1 + (step * 7 + number) % bytes.len().max(2).saturating_sub(1);
            let mut changed = bytes.clone();
            let byte = BYTES[(step + number) % BYTES.len()];
            match step % 3 {
                0 => changed[at] = byte,
                1 => changed.insert(at, byte),
                _ => changed.truncate(at),
            }
            run(&changed);
        }
    }
}
