//! A fixed number of gets, to be counted instruction by instruction: see `just instructions`.
//!
//! `instructions nothing|plain|view|reader|pin|gomap|cell|write|fifth GETS`

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use untorn::{GoMap, Map, OverlapCell};

const KEYS: u64 = 1_000;

/// The same in every run, so that the same keys collide.
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
    let mut map = Map::with_hasher(FixedState::with_seed(SEED));
    map.extend(entries());
    let (view, mut reader) = (map.pin(), map.reader());
    let mut gomap = GoMap::new();
    // One bucket, which is searched without a hash: its seed is random.
    gomap.extend(entries().take(8));
    let (cell, others) = (OverlapCell::new(SEED), [(); 4].map(OverlapCell::new));
    match mode.as_str() {
        "nothing" => ask(gets, |key| Some(*key)),
        "plain" => ask(gets, |key| plain.get(key).copied()),
        "view" => ask(gets, |key| view.get(key).copied()),
        "reader" => ask(gets, |key| reader.latest().get(key).copied()),
        "pin" => ask(gets, |key| map.pin().get(key).copied()),
        "gomap" => ask(gets, |key| gomap.get(key)),
        "cell" => ask(gets, |_| Some(*cell.read())),
        "write" => ask(gets, |_| Some(*cell.write())),
        // Four guards fill the record of the thread; the next read takes a slot of a slot block.
        "fifth" => {
            let _held = others.each_ref().map(OverlapCell::read);
            ask(gets, |_| Some(*cell.read()));
        }
        _ => return misused(),
    }
    ExitCode::SUCCESS
}

/// Asks for all keys in turn.
fn ask(gets: u64, mut get: impl FnMut(&u64) -> Option<u64>) {
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
