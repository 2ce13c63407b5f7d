//! Go's own maps beside the table: the same keys in the same order, each in its own program, which times itself.
//!
//! `just bench-go` brings the classic map (Go 1.23) and the Swiss one (Go 1.27). By hand:
//! `UNTORN_GO=/path/to/go:/path/to/another/go cargo bench -p untorn-lab --bench go`; without it, the `go` on the `PATH`.

use std::cell::RefCell;
use std::hash::Hash;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use untorn::gomap::{Key, Table};
use untorn_lab::contest::Contest;

/// As in `bench-go/main.go`.
const LOOKUPS: usize = 1 << 19;
const INSERTS: usize = 1 << 18;

fn main() {
    let paths = std::env::var_os("UNTORN_GO").unwrap_or_else(|| "go".into());
    let rivals: Vec<_> = std::env::split_paths(&paths)
        .filter_map(|go| Rival::start(&go))
        .collect();
    if rivals.is_empty() {
        println!("skipped: there is no Go toolchain on the PATH, and none in UNTORN_GO");
        return;
    }
    for n in [16, 1_000, 100_000, 1_000_000] {
        let keys = Keys::new(n);
        contests("u64", &rivals, &keys);
        // A Go string owns nothing, and neither does a `&str`.
        let names = keys.map(|number| format!("service/region/{number:016x}"));
        contests("string", &rivals, &names.map(|name| name.as_str()));
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

/// What the map holds, and what is asked for: places in `present`, and keys that are not there.
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
    /// `None` if there is no such toolchain.
    fn start(go: &Path) -> Option<Self> {
        let command = || {
            let mut command = Command::new(go);
            command.env("GOTOOLCHAIN", "local").env("GOFLAGS", "");
            command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/bench-go"));
            command
        };
        let version = command().args(["env", "GOVERSION"]).output().ok()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("bench-go");
        let mut build = command();
        build
            .args(["build", "-o"])
            .args([&*program, Path::new(".")]);
        assert!(build.status().expect("it runs").success(), "`go build`");
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let requests = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Some(Self {
            version: String::from_utf8_lossy(&version.stdout).trim().into(),
            child,
            pipes: RefCell::new((requests, answers)),
            _folder: folder,
        })
    }

    /// Has one body of work done; returns how many operations it was, and the time by Go's clock.
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
        // It may still be at work for a panicking contest.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn fill<K: Key + Hash + Copy>(keys: &Keys<K>, table: &mut Table<K, u64>) {
    for (key, elem) in keys.present.iter().zip(0..) {
        table.insert(*key, elem);
    }
}

fn contests<K: Key + Hash + Copy>(kind: &str, rivals: &[Rival], keys: &Keys<K>) {
    let n = keys.present.len();
    let mut table = Table::new();
    fill(keys, &mut table);
    let hits: Vec<K> = keys.hits.iter().map(|i| keys.present[*i]).collect();
    let look = |table: &Table<K, u64>, asked: &[K]| {
        for key in asked {
            black_box(table.get(key));
        }
        asked.len() as u64
    };
    contest("hit", "get, hit", kind, n, rivals, || look(&table, &hits));
    contest("miss", "get, miss", kind, n, rivals, || {
        look(&table, &keys.misses)
    });
    contest("insert", "insert from empty", kind, n, rivals, || {
        let tables = (INSERTS / n).max(1);
        for _ in 0..tables {
            let mut table = Table::new();
            fill(keys, &mut table);
            black_box(table);
        }
        (tables * n) as u64
    });
    contest("delete", "delete and insert again", kind, n, rivals, || {
        for key in &hits {
            table.remove(key);
            table.insert(*key, 1);
        }
        hits.len() as u64
    });
}

fn contest(
    operation: &str,
    title: &str,
    kind: &str,
    n: usize,
    rivals: &[Rival],
    ours: impl FnMut() -> u64,
) {
    let mut contest = Contest::new(format!("{title}, {kind}, {n} keys"));
    for rival in rivals {
        contest = contest.timed_candidate(&rival.version, || rival.run(operation, kind, n));
    }
    contest.candidate("gomap::Table", ours).print();
}
