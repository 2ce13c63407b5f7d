//! A fixed number of gets, to be counted instruction by instruction: see `just instructions`.
//!
//! `instructions nothing|plain|view|reader|pin GETS`

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use untorn::Map;

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
    match mode.as_str() {
        "nothing" => ask(gets, |key| Some(*key)),
        "plain" => ask(gets, |key| plain.get(key).copied()),
        "view" => ask(gets, |key| view.get(key).copied()),
        "reader" => ask(gets, |key| reader.latest().get(key).copied()),
        "pin" => ask(gets, |key| map.pin().get(key).copied()),
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
    eprintln!("usage: instructions nothing|plain|view|reader|pin GETS");
    ExitCode::from(2)
}
