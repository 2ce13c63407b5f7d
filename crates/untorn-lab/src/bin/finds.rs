//! Measures how long the note's race stays undetected, with readers that read ever more rarely:
//! `finds [RUNS]`.
//!
//! The traffic of `examples/note`: one thread sets two keys and sleeps for a millisecond, another
//! prints both and pauses. It runs on `GoMap` with stretching off and on, and on Go's own map
//! (`finds-go`) with each toolchain of `UNTORN_GO`, or the `go` on the `PATH`. Each run is a
//! separate process in which the reader starts later than the writer, so that they do not overlap
//! merely because they start together. The measured time is from the reader's start to the end of
//! the process, which comes with the report. The candidates run in random order.
//!
//! `just finds` fetches the classic map (Go 1.23) and the Swiss one (Go 1.27).

use std::env;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use untorn::{GoMap, spawn};
use untorn_lab::compare::spread;
use untorn_lab::markdown::{MarkdownTable, time};
use untorn_lab::toolchain::Toolchain;

/// Pauses of the reader, and the time after which a run counts as one without a report.
const ROWS: [(Duration, Duration); 4] = [
    (Duration::ZERO, Duration::from_secs(10)),
    (Duration::from_micros(100), Duration::from_secs(10)),
    (Duration::from_millis(1), Duration::from_secs(10)),
    (Duration::from_millis(10), Duration::from_secs(5)),
];

/// The line that the program writes to stderr when the reader starts.
const START: &str = "start\n";

/// The share of time spent in delays, and whether earlier accesses have used up the first delays:
/// the first one comes at once, the next ones are spread over time.
const STRETCHES: [(&str, &str); 5] = [
    ("0%", "fresh"),
    ("1%", "fresh"),
    ("10%", "fresh"),
    ("1%", "used"),
    ("10%", "used"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match &*arguments.iter().map(String::as_str).collect::<Vec<_>>() {
        ["play", before, micros] => {
            let pause = Duration::from_micros(micros.parse().expect("a number"));
            play(*before == "used", pause)
        }
        [] => compare(30),
        [runs] if runs.parse().is_ok_and(|runs: usize| runs > 0) => {
            compare(runs.parse().expect("parsed"));
        }
        _ => {
            eprintln!("finds [RUNS]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Runs the traffic on `GoMap` until a report ends the process.
fn play(used: bool, pause: Duration) -> ! {
    let config = Arc::new(GoMap::<&str, String>::named("config"));
    let random = || fastrand::u32(0..1000).to_string();
    if used {
        // Sequentially, with a thread for each access: threads have a delay budget too.
        config.insert("1", random());
        let accesses: [fn(&GoMap<&str, String>); 2] = [
            |config| _ = config.insert("2", String::new()),
            |config| _ = config.get_or_zero("1"),
        ];
        for access in accesses {
            let config = Arc::clone(&config);
            let before = spawn("before", move || access(&config));
            before.join().expect("no other thread runs");
        }
    }
    {
        let config = Arc::clone(&config);
        spawn("poller", move || {
            loop {
                config.insert("1", random());
                config.insert("2", random());
                thread::sleep(Duration::from_millis(1));
            }
        });
    }
    spawn("reader", move || {
        thread::sleep(Duration::from_micros(fastrand::u64(20_000..30_000)));
        eprint!("{START}");
        loop {
            println!("{}", config.get_or_zero("1"));
            println!("{}", config.get_or_zero("2"));
            if !pause.is_zero() {
                thread::sleep(pause);
            }
        }
    });
    loop {
        thread::park();
    }
}

/// A program that runs the traffic.
struct Candidate {
    name: String,
    program: PathBuf,
    /// The arguments before the pause.
    arguments: Vec<&'static str>,
    stretch: &'static str,
}

fn candidates(folder: &TempDir) -> Vec<Candidate> {
    let program = env::current_exe().expect("this program has a path");
    let mut candidates: Vec<_> = STRETCHES
        .iter()
        .map(|&(stretch, before)| Candidate {
            name: match (stretch, before) {
                ("0%", _) => "GoMap".into(),
                (share, "used") => format!("GoMap, {share}, after its first delays"),
                (share, _) => format!("GoMap, {share}"),
            },
            program: program.clone(),
            arguments: vec!["play", before],
            stretch,
        })
        .collect();
    for (number, go) in Toolchain::all().iter().enumerate() {
        let program = folder.path().join(format!("finds-go-{number}"));
        go.build("finds-go", &program);
        candidates.push(Candidate {
            name: go.version().into(),
            program,
            arguments: Vec::new(),
            stretch: "0%",
        });
    }
    candidates
}

/// Returns the time from the reader's start to the report; `None` if it exceeds `at_most`.
fn run(candidate: &Candidate, pause: Duration, at_most: Duration) -> Option<Duration> {
    let mut child = Command::new(&candidate.program)
        .args(&candidate.arguments)
        .arg(pause.as_micros().to_string())
        .env("UNTORN_STRETCH", candidate.stretch)
        .env_remove("UNTORN_ON_OVERLAP")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stderr = child.stderr.take().expect("stderr is piped");
    let mut first = [0; START.len()];
    stderr.read_exact(&mut first).expect("the reader starts");
    assert_eq!(first, START.as_bytes(), "{}", candidate.name);
    let start = Instant::now();
    let (send, ended) = mpsc::channel();
    let reading = thread::spawn(move || {
        let mut report = String::new();
        let read = stderr.read_to_string(&mut report);
        // The receiver is gone after a timeout.
        let _ = send.send(start.elapsed());
        read.map(|_| report)
    });
    let after = ended.recv_timeout(at_most).ok();
    // The process may have ended just now.
    let _ = child.kill();
    child.wait().expect("the child can be waited for");
    let report = reading
        .join()
        .expect("the thread does not panic")
        .expect("stderr is readable");
    if after.is_some() {
        let whole = report.starts_with("fatal error: concurrent map ");
        assert!(whole, "{}: {report}", candidate.name);
    }
    after
}

/// All runs of one candidate with one pause.
type Found = Vec<Option<Duration>>;

fn compare(runs: usize) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let candidates = candidates(&folder);
    let mut found = vec![[const { Found::new() }; ROWS.len()]; candidates.len()];
    let start = Instant::now();
    for round in 1..=runs {
        let rows = (0..ROWS.len()).flat_map(|row| (0..candidates.len()).map(move |i| (i, row)));
        let mut order: Vec<_> = rows.collect();
        fastrand::shuffle(&mut order);
        for (i, row) in order {
            let (pause, at_most) = ROWS[row];
            found[i][row].push(run(&candidates[i], pause, at_most));
        }
        eprintln!("round {round} of {runs}, {} s", start.elapsed().as_secs());
        if round == runs || round.is_multiple_of(5) {
            print(round, &candidates, &found);
        }
    }
}

fn print(runs: usize, candidates: &[Candidate], found: &[[Found; ROWS.len()]]) {
    let mut table = MarkdownTable::new(format!("until the report, {runs} runs"));
    for (row, (pause, at_most)) in ROWS.iter().enumerate() {
        let cells = candidates.iter().zip(found);
        let cells =
            cells.map(|(candidate, found)| (candidate.name.clone(), cell(&found[row], *at_most)));
        let cells: Vec<_> = cells.collect();
        table.cells(
            match pause.as_nanos() {
                0 => "no pause".into(),
                _ => format!("{pause:?}"),
            },
            cells,
        );
    }
    table.print();
}

/// Formats the median, the tenth and the ninetieth percentile; and the number of runs without a
/// report, if any.
fn cell(found: &Found, at_most: Duration) -> String {
    let nanoseconds =
        |run: &Option<Duration>| run.map_or(f64::INFINITY, |time| time.as_secs_f64() * 1e9);
    let shown = |nanoseconds: f64| match nanoseconds {
        never if never.is_infinite() => "–".into(),
        long if long >= 1e9 => format!("{:.1} s", long / 1e9),
        short => time(short),
    };
    let [median, low, high] = spread(found.iter().map(nanoseconds)).map(shown);
    let mut cell = format!("{median} ({low} to {high})");
    let without = found.iter().filter(|run| run.is_none()).count();
    if without > 0 {
        cell += &format!("; {without} not in {} s", at_most.as_secs());
    }
    cell
}
