//! Runs a fixed number of gets, for counting instructions; see `just instructions`.
//!
//! `instructions nothing|plain|view|reader|pin|gomap|cell|write|fifth GETS`

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use untorn::{GoMap, Map, OverlapCell};

const KEYS: u64 = 1_000;

/// A fixed seed, so that the same keys collide in every run.
const SEED: u64 = 265;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [mode, gets] = arguments.as_slice() else {
        return misused();
    };
    let Ok(gets) = gets.parse() else {
        return misused();
    };
    let entries = || (0..KEYS).map(|key| (key, key));
    let mut plain = HashMap::with_hasher(FixedState::with_seed(SEED));
    plain.extend(entries());
    let map = Map::with_hasher(FixedState::with_seed(SEED));
    map.extend(entries());
    let (view, mut reader) = (map.pin(), map.reader());
    let mut gomap = GoMap::new();
    // One bucket, which is searched without hashing: the hash seed is random.
    gomap.extend(entries().take(8));
    let (cell, others) = (OverlapCell::new(SEED), [(); 4].map(OverlapCell::new));
    match mode.as_str() {
        "nothing" => get_all(gets, |key| Some(*key)),
        "plain" => get_all(gets, |key| plain.get(key).copied()),
        "view" => get_all(gets, |key| view.get(key).copied()),
        "reader" => get_all(gets, |key| reader.latest().get(key).copied()),
        "pin" => get_all(gets, |key| map.pin().get(key).copied()),
        "gomap" => get_all(gets, |key| gomap.get(key)),
        "cell" => get_all(gets, |_| Some(*cell.read())),
        "write" => get_all(gets, |_| Some(*cell.write())),
        // Four guards fill the thread's own record; the next read takes a slot in a slot block.
        "fifth" => {
            let _held = others.each_ref().map(OverlapCell::read);
            get_all(gets, |_| Some(*cell.read()));
        }
        _ => return misused(),
    }
    ExitCode::SUCCESS
}

/// Gets all keys in turn.
fn get_all(gets: u64, mut get: impl FnMut(&u64) -> Option<u64>) {
    let mut key = 0;
    for _ in 0..gets {
        black_box(get(black_box(&key)));
        key += 1;
        if key == KEYS {
            key = 0;
        }
    }
}

fn misused() -> ExitCode {
    eprintln!("usage: instructions MODE GETS");
    eprintln!("MODE: nothing|plain|view|reader|pin|gomap|cell|write|fifth");
    ExitCode::from(2)
}
