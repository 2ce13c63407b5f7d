//! The corpus of the fuzz target `live`, for the tests of what has no public interface.

use std::fs;
use std::path::Path;

/// Returns the inputs of a kind, which is the first byte of their files; none in a package, which
/// has no corpus.
pub(crate) fn inputs(kind: u8) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/live");
    let Ok(files) = fs::read_dir(&folder) else {
        println!("skipped: there is no {}", folder.display());
        return Vec::new();
    };
    let read = |file: std::io::Result<fs::DirEntry>| fs::read(file.unwrap().path()).unwrap();
    let inputs: Vec<_> = files
        .map(read)
        .filter_map(|bytes| bytes.strip_prefix(&[kind]).map(<[u8]>::to_vec))
        .collect();
    assert!(inputs.len() >= 8, "only {} files", inputs.len());
    inputs
}

/// Calls `run` with each input of a kind changed at each of its places: one of `bytes` instead of
/// its own or before it, without it, and without all from there on.
pub(crate) fn run_changed(kind: u8, bytes: &[u8], run: impl Fn(&[u8])) {
    for input in inputs(kind) {
        for at in 0..input.len() {
            let byte = bytes[at % bytes.len()];
            let (mut replaced, mut inserted) = (input.clone(), input.clone());
            replaced[at] = byte;
            inserted.insert(at, byte);
            let mut removed = input.clone();
            removed.remove(at);
            for changed in [&*replaced, &*inserted, &*removed, &input[..at]] {
                run(changed);
            }
        }
    }
}
