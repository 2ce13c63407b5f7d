//! `runtime/map_test.go`: the seed of the hash function.

use untorn::gomap::{FoldHash, SeededBuildHasher};

/// Prints one hash under a fixed seed of a table.
pub(crate) fn print_a_hash() {
    println!("hash {:016x}", FoldHash::default().hash_one("key", 1));
}

#[test]
fn two_processes_hash_differently() {
    let hash = || {
        let stdout = String::from_utf8(super::run("hash").stdout).expect("text");
        let (_, rest) = stdout.split_once("hash ").expect("it printed one");
        rest.get(..16).expect("sixteen digits").to_owned()
    };
    assert_ne!(hash(), hash());
}
