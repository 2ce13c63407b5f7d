//! How long until the note's race is found, with readers that read more and more rarely: `finds [RUNS]`.
//!
//! The traffic of `examples/note`: one thread sets two keys and sleeps for a millisecond, another prints both and pauses.
//! It runs on `GoMap` with stretching off and on, and on Go's own map (`finds-go`) with each toolchain of `UNTORN_GO`, or
//! the `go` on the `PATH`. Each run is a process of its own, in which the reader comes later than the writer, so that they do
//! not meet because they are started together. What is measured is the time from the reader's start to the end of the
//! process, which comes with the report. The candidates take turns in random order.
//!
//! `just finds` brings the classic map (Go 1.23) and the Swiss one (Go 1.27).

use std::env;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use untorn::{GoMap, spawn};
use untorn_lab::contest::spread;
use untorn_lab::sheet::{Sheet, time};
use untorn_lab::toolchain::Toolchain;

/// Pauses of the reader, and after what time a run counts as one that found nothing.
const ROWS: [(Duration, Duration); 4] = [
    (Duration::ZERO, Duration::from_secs(10)),
    (Duration::from_micros(100), Duration::from_secs(10)),
    (Duration::from_millis(1), Duration::from_secs(10)),
    (Duration::from_millis(10), Duration::from_secs(5)),
];

/// What the program says on stderr when the reader starts.
const START: &str = "start\n";

/// How the map keeps accesses open, and whether it has done so before, for others: the first turn comes at once, the next
/// ones only in the course of time.
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

/// The traffic on `GoMap`, until it ends the process.
fn play(used: bool, pause: Duration) -> ! {
    let config = Arc::new(GoMap::<&str, String>::named("config"));
    let random = || fastrand::u32(0..1000).to_string();
    if used {
        // One after the other, a thread for each: a thread too has turns.
        config.insert("1", random());
        let accesses: [fn(&GoMap<&str, String>); 2] = [
            |config| _ = config.insert("2", String::new()),
            |config| _ = config.get_or_zero("1"),
        ];
        for access in accesses {
            let config = Arc::clone(&config);
            let before = spawn("before", move || access(&config));
            before.join().expect("nobody else is there");
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

/// What plays the traffic.
struct Candidate {
    name: String,
    program: PathBuf,
    /// Before the pause.
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
                (share, "used") => format!("GoMap, {share}, after its first turns"),
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

/// The time from the reader's start to the report; `None` if that took longer than `at_most`.
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
        .expect("it starts");
    let mut stderr = child.stderr.take().expect("it is piped");
    let mut first = [0; START.len()];
    stderr.read_exact(&mut first).expect("the reader starts");
    assert_eq!(first, START.as_bytes(), "{}", candidate.name);
    let start = Instant::now();
    let (send, ended) = mpsc::channel();
    let reading = thread::spawn(move || {
        let mut report = String::new();
        let read = stderr.read_to_string(&mut report);
        // Nobody waits for it once the time is over.
        let _ = send.send(start.elapsed());
        read.map(|_| report)
    });
    let after = ended.recv_timeout(at_most).ok();
    // It may have ended just now.
    let _ = child.kill();
    child.wait().expect("it is our child");
    let report = reading.join().expect("no panic").expect("it can be read");
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
    let mut sheet = Sheet::new(format!("until the report, {runs} runs"));
    for (row, (pause, at_most)) in ROWS.iter().enumerate() {
        let cells = candidates.iter().zip(found);
        let cells =
            cells.map(|(candidate, found)| (candidate.name.clone(), cell(&found[row], *at_most)));
        let cells: Vec<_> = cells.collect();
        sheet.cells(
            match pause.as_nanos() {
                0 => "no pause".into(),
                _ => format!("{pause:?}"),
            },
            cells,
        );
    }
    sheet.print();
}

/// Median, tenth and ninetieth percentile; where some runs found nothing, how many.
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
