//! Runs a fixed number of gets in the prototype, for counting instructions beside those of
//! `instructions plain` and `view`; see `docs/table-prototype.md`.
//!
//! `prototype_instructions plain|view|prototype KEYS GETS`

use std::env;
use std::hint::black_box;
use std::process::ExitCode;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use untorn::Map;
use untorn_lab::prototype::PrototypeMap;

/// The seed of `instructions`, so that the counts can be compared.
const SEED: u64 = 265;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [mode, keys, gets] = arguments.as_slice() else {
        return misused();
    };
    let (Ok(keys), Ok(gets)) = (keys.parse(), gets.parse()) else {
        return misused();
    };
    let hasher = || FixedState::with_seed(SEED);
    let entries = || (0..keys).map(|key| (key, key));
    let plain: HashMap<u64, u64, FixedState> = {
        let mut plain = HashMap::with_hasher(hasher());
        plain.extend(entries());
        plain
    };
    let map = Map::with_hasher(hasher());
    map.extend(entries());
    let mut prototype = PrototypeMap::of_copies(hasher());
    prototype.batch(|batch| {
        for (key, value) in entries() {
            batch.insert(key, value);
        }
    });
    let (view, version) = (map.pin(), prototype.snapshot());
    match mode.as_str() {
        "nothing" => get_all(keys, gets, |key| Some(*key)),
        "plain" => get_all(keys, gets, |key| plain.get(key).copied()),
        "view" => get_all(keys, gets, |key| view.get(key).copied()),
        "prototype" => get_all(keys, gets, |key| version.get(key).copied()),
        _ => return misused(),
    }
    ExitCode::SUCCESS
}

/// Gets all keys in turn.
fn get_all(keys: u64, gets: u64, mut get: impl FnMut(&u64) -> Option<u64>) {
    let mut key = 0;
    for _ in 0..gets {
        black_box(get(black_box(&key)));
        key += 1;
        if key == keys {
            key = 0;
        }
    }
}

fn misused() -> ExitCode {
    eprintln!("usage: prototype_instructions nothing|plain|view|prototype KEYS GETS");
    ExitCode::from(2)
}
