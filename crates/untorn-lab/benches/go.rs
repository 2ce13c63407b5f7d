//! Compares Go's own maps with the table: equal keys in equal order, each map in its own program,
//! which times itself.
//!
//! `just bench-go` fetches the classic map (Go 1.23) and the Swiss one (Go 1.27). By hand:
//! `UNTORN_GO=/path/to/go:/path/to/another/go cargo bench -p untorn-lab --bench go`; without
//! `UNTORN_GO` the `go` on the `PATH` is used. Words after `--` select a kind of key, an operation,
//! or a size.

use std::cell::RefCell;
use std::hash::Hash;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use tempfile::TempDir;
use untorn::gomap::{Key, Table};
use untorn_lab::compare::Comparison;
use untorn_lab::filter::Filter;
use untorn_lab::toolchain::Toolchain;

/// Equal to the constants in `bench-go/main.go`.
const LOOKUPS: usize = 1 << 19;
const INSERTS: usize = 1 << 18;

fn main() {
    let filter = Filter::from_args(&[
        &["u64", "string"],
        &["hit", "miss", "insert", "delete", "walk"],
        &["16", "1000", "100000", "1000000"],
    ]);
    let rivals: Vec<_> = Toolchain::all().iter().map(Rival::start).collect();
    if rivals.is_empty() {
        return;
    }
    for n in [16, 1_000, 100_000, 1_000_000] {
        let keys = Keys::new(n);
        if filter.selects(&["u64", &n.to_string()]) {
            comparisons("u64", &rivals, &filter, &keys);
        }
        if filter.selects(&["string", &n.to_string()]) {
            // A Go string does not own its bytes, and neither does a `&str`.
            let names = keys.map(|number| Name::new(*number));
            comparisons("string", &rivals, &filter, &names.map(Name::text));
        }
    }
}

/// `SplitMix64`, as in `bench-go/main.go`.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
}

/// The text of a string, placed as Go's allocator places this length: in 32 bytes that do not cross
/// a cache line.
#[repr(align(32))]
struct Name([u8; 32]);

impl Name {
    fn new(number: u64) -> Self {
        let mut text = [0; 32];
        write!(&mut text[..], "service/region/{number:016x}").expect("it is shorter");
        Self(text)
    }

    fn text(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(32);
        std::str::from_utf8(&self.0[..end]).expect("it was written as text")
    }
}

/// The contents of the map, and the lookups: indices into `present`, and absent keys.
struct Keys<K> {
    present: Vec<K>,
    hits: Vec<usize>,
    misses: Vec<K>,
}

impl Keys<u64> {
    fn new(n: usize) -> Self {
        let mut random = Numbers(7);
        Self {
            present: (0..n).map(|_| random.next()).collect(),
            hits: (0..LOOKUPS)
                .map(|_| (random.next() % n as u64) as usize)
                .collect(),
            misses: (0..LOOKUPS).map(|_| random.next()).collect(),
        }
    }
}

impl<K> Keys<K> {
    fn map<'k, T>(&'k self, f: impl Fn(&'k K) -> T) -> Keys<T> {
        Keys {
            present: self.present.iter().map(&f).collect(),
            hits: self.hits.clone(),
            misses: self.misses.iter().map(&f).collect(),
        }
    }
}

/// The Go program, built by one toolchain.
struct Rival {
    version: String,
    child: Child,
    pipes: RefCell<(ChildStdin, BufReader<ChildStdout>)>,
    _folder: TempDir,
}

impl Rival {
    fn start(go: &Toolchain) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("bench-go");
        go.build("bench-go", &program);
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let requests = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self {
            version: go.version().into(),
            child,
            pipes: RefCell::new((requests, answers)),
            _folder: folder,
        }
    }

    /// Runs one body of work; returns the number of operations, and the time by Go's clock.
    fn run(&self, operation: &str, kind: &str, n: usize) -> (u64, Duration) {
        let (requests, answers) = &mut *self.pipes.borrow_mut();
        writeln!(requests, "{operation} {kind} {n}").expect("it reads");
        let mut line = String::new();
        answers.read_line(&mut line).expect("it answers");
        let mut numbers = line.split_whitespace().map(str::parse);
        let mut number = || numbers.next().expect("two numbers").expect("a number");
        (number(), Duration::from_nanos(number()))
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // The child may still be running if a comparison panicked.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The operations that both `RustMap` maps are compared in.
trait RustMap<K> {
    const NAME: &str;
    fn new() -> Self;
    fn insert(&mut self, key: K, elem: u64);
    fn remove(&mut self, key: &K);
    fn get(&self, key: &K) -> Option<&u64>;
    /// Returns the sum of all elems.
    fn walk(&self) -> u64;
}

macro_rules! rust_map {
    ($name:literal, $ty:ty where $bound:path, $map:ident => $elems:expr) => {
        impl<K: $bound + Hash + Copy> RustMap<K> for $ty {
            const NAME: &str = $name;

            fn new() -> Self {
                Self::default()
            }

            fn insert(&mut self, key: K, elem: u64) {
                self.insert(key, elem);
            }

            fn remove(&mut self, key: &K) {
                self.remove(key);
            }

            #[inline(always)]
            fn get(&self, key: &K) -> Option<&u64> {
                self.get(key)
            }

            fn walk(&self) -> u64 {
                let $map = self;
                $elems.fold(0, |sum, elem| sum.wrapping_add(*elem))
            }
        }
    };
}

rust_map!("gomap::Table", Table<K, u64> where Key, table => table.iter().map(|(_, elem)| elem));
rust_map!("hashbrown::HashMap", HashMap<K, u64, RandomState> where Eq, map => map.values());

/// A filled map of one of the two `RustMap` types, and the keys to look up.
struct RustBench<'k, K, M> {
    keys: &'k Keys<K>,
    hits: Vec<K>,
    map: M,
}

impl<'k, K: Copy, M: RustMap<K>> RustBench<'k, K, M> {
    fn new(keys: &'k Keys<K>) -> Self {
        Self {
            keys,
            hits: keys.hits.iter().map(|i| keys.present[*i]).collect(),
            map: filled(keys),
        }
    }

    fn run(&mut self, operation: &str) -> u64 {
        let n = self.keys.present.len();
        match operation {
            "hit" => look_up(&self.map, &self.hits),
            "miss" => look_up(&self.map, &self.keys.misses),
            "insert" => {
                let maps = (INSERTS / n).max(1);
                for _ in 0..maps {
                    black_box(filled::<K, M>(self.keys));
                }
                (maps * n) as u64
            }
            "delete" => {
                for key in &self.hits {
                    self.map.remove(key);
                    self.map.insert(*key, 1);
                }
                self.hits.len() as u64
            }
            "walk" => {
                let walks = (LOOKUPS / n).max(1);
                for _ in 0..walks {
                    black_box(self.map.walk());
                }
                (walks * n) as u64
            }
            _ => unreachable!("an operation of the list"),
        }
    }
}

fn filled<K: Copy, M: RustMap<K>>(keys: &Keys<K>) -> M {
    let mut map = M::new();
    for (key, elem) in keys.present.iter().zip(0..) {
        map.insert(*key, elem);
    }
    map
}

fn look_up<K, M: RustMap<K>>(map: &M, lookups: &[K]) -> u64 {
    // Reads the value, as in bench-go/main.go: it may be on another cache line than its key.
    let mut sum = 0_u64;
    for key in lookups {
        if let Some(elem) = map.get(key) {
            sum = sum.wrapping_add(elem + 1);
        }
    }
    black_box(sum);
    lookups.len() as u64
}

fn comparisons<K: Key + Hash + Copy>(
    kind: &str,
    rivals: &[Rival],
    filter: &Filter,
    keys: &Keys<K>,
) {
    let n = keys.present.len();
    let mut table = RustBench::<K, Table<K, u64>>::new(keys);
    let mut plain = RustBench::<K, HashMap<K, u64, RandomState>>::new(keys);
    for (operation, title) in [
        ("hit", "get, hit"),
        ("miss", "get, miss"),
        ("insert", "insert from empty"),
        ("delete", "delete and insert again"),
        ("walk", "go over all entries"),
    ] {
        if !filter.selects(&[operation]) {
            continue;
        }
        let mut comparison = Comparison::new(format!("{title}, {kind}, {n} keys"));
        for rival in rivals {
            comparison =
                comparison.timed_candidate(&rival.version, || rival.run(operation, kind, n));
        }
        comparison
            .candidate(<Table<K, u64> as RustMap<K>>::NAME, || table.run(operation))
            .candidate(<HashMap<K, u64, RandomState> as RustMap<K>>::NAME, || {
                plain.run(operation)
            })
            .print();
    }
}
