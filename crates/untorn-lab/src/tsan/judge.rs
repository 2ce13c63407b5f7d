//! Plays a scenario in a process of its own and judges what ThreadSanitizer has said.

use std::env;
use std::io::{self, Read, Write, pipe};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::report::Report;
use super::scenario::{CELL, Expected, MAP, Races, Scenario, Unheard};

/// ThreadSanitizer's exit status for a program about which it has said something.
const SPOKE: i32 = 66;
/// The gate's.
const GATE_ENDS: i32 = 2;

/// How a scenario went.
pub struct Verdict {
    /// What was expected, in words.
    pub expected: String,
    /// What was found, in words.
    pub found: String,
    /// What is wrong with it; none also if it is not judged.
    pub problem: Option<String>,
    /// Everything that the process printed to stderr.
    pub printed: String,
}

/// Plays it: this program once more, with the arguments `run NAME`.
///
/// # Errors
/// If the process cannot be started.
pub fn play(scenario: &Scenario) -> io::Result<Verdict> {
    let mut options = format!(
        "exitcode={SPOKE} halt_on_error=0 suppress_equal_addresses=0 atexit_sleep_ms=0 \
         allow_addr2line=1 {}",
        env::var("TSAN_OPTIONS").unwrap_or_default()
    );
    if scenario.suppressions {
        options += concat!(
            " suppressions=",
            env!("CARGO_MANIFEST_DIR"),
            "/../../.ci/tsan-suppressions"
        );
    }
    let mut command = Command::new(env::current_exe()?);
    command
        .args(["run", scenario.name])
        .env("TSAN_OPTIONS", options)
        .env_remove("UNTORN_ON_OVERLAP")
        .env_remove("UNTORN_STRETCH")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if let Expected::End(unheard) = scenario.expected {
        let ended = run_unheard(&mut command, unheard)?;
        let problem = match (unheard, ended) {
            (_, None) => Some("it had to be killed".to_owned()),
            (Unheard::Closed, Some(status)) if status.code() != Some(GATE_ENDS) => {
                Some(format!("it ended with {status}"))
            }
            _ => None,
        };
        return Ok(Verdict {
            expected: expected(&scenario.expected),
            found: ended.map_or("no end".to_owned(), |status| status.to_string()),
            problem,
            printed: String::new(),
        });
    }
    let output = command.stderr(Stdio::piped()).output()?;
    let printed = String::from_utf8_lossy(&output.stderr).into_owned();
    let (found, problem) = match Report::all(&printed) {
        Err(problem) => (problem.clone(), Some(problem)),
        Ok(reports) => {
            let found = found(&reports, &printed);
            let problem = match &scenario.expected {
                Expected::Races(races) => races_problem(races, &reports, &printed),
                Expected::Silence => (!reports.is_empty()).then(|| "it is not silent".to_owned()),
                Expected::Anything | Expected::End(_) => None,
            };
            let fitting = match (reports.is_empty(), printed.contains(GATE)) {
                (_, true) => GATE_ENDS,
                (true, false) => 0,
                (false, false) => SPOKE,
            };
            let odd = output.status.code() != Some(fitting);
            let odd = odd.then(|| format!("it ended with {}", output.status));
            (found, problem.or(odd).or_else(|| complaint(&printed)))
        }
    };
    Ok(Verdict {
        expected: expected(&scenario.expected),
        found,
        problem,
        printed,
    })
}

/// How long a process may go on that nobody hears.
const END_AT_MOST: Duration = Duration::from_secs(60);

/// Runs it with such a stderr. None if it has not ended by itself.
fn run_unheard(command: &mut Command, unheard: Unheard) -> io::Result<Option<ExitStatus>> {
    let (mut reader, stderr) = pipe()?;
    let mut filled = stderr.try_clone()?;
    let filler = thread::spawn(move || match unheard {
        // It is stopped when the pipe is full, and ended when the reader goes.
        Unheard::Full => while filled.write_all(&[0; 4096]).is_ok() {},
        Unheard::Closed => drop(filled),
    });
    let mut child = command.stderr(stderr).spawn()?;
    // What the child was given is open here for as long as there is a command that holds it.
    command.stderr(Stdio::null());
    let reader = match unheard {
        Unheard::Full => Some(reader),
        Unheard::Closed => {
            reader.read_exact(&mut [0; 100])?;
            None
        }
    };
    let start = Instant::now();
    let mut ended = None;
    while ended.is_none() && start.elapsed() < END_AT_MOST {
        thread::sleep(Duration::from_millis(50));
        ended = child.try_wait()?;
    }
    if ended.is_none() {
        child.kill()?;
        child.wait()?;
    }
    drop(reader);
    filler.join().expect("it ends");
    Ok(ended)
}

fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Races(races) => {
            let others = if races.others { ", and others" } else { "" };
            let overlap = if races.overlap { ", then the gate" } else { "" };
            let thing = if races.of == MAP { "map" } else { "cell" };
            format!("{} on the {thing}{others}{overlap}", races.pairs.len())
        }
        Expected::End(_) => "an end".to_owned(),
        Expected::Silence => "silence".to_owned(),
        Expected::Anything => "not judged".to_owned(),
    }
}

const GATE: &str = "fatal error: concurrent ";

fn found(reports: &[Report], printed: &str) -> String {
    if reports.is_empty() {
        return "silence".to_owned();
    }
    let of = |thing| reports.iter().filter(|report| report.is_of(thing)).count();
    let (on_map, on_cell) = (of(MAP), of(CELL));
    let counts = [
        (on_map, "on the map"),
        (on_cell, "on the cell"),
        (reports.len() - on_map - on_cell, "others"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let found: Vec<_> = counts
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    let overlap = if printed.contains(GATE) {
        ", then the gate"
    } else {
        ""
    };
    found.join(", ") + overlap
}

/// What ThreadSanitizer says of itself, but for how much it has said.
fn complaint(printed: &str) -> Option<String> {
    let mut said = printed
        .lines()
        .filter_map(|line| line.strip_prefix("ThreadSanitizer: "));
    said.find(|said| !said.starts_with("reported "))
        .map(str::to_owned)
}

/// What is wrong with the reports of a program that has these races.
fn races_problem(races: &Races, reports: &[Report], printed: &str) -> Option<String> {
    let (told, others): (Vec<_>, Vec<_>) =
        reports.iter().partition(|report| report.is_of(races.of));
    match (races.others, others.first()) {
        (false, Some(other)) => return Some(format!("there is a {} as well", other.of)),
        (true, None) => return Some("there is no race on other memory".to_owned()),
        _ => {}
    }
    for pair in &races.pairs {
        if !told
            .iter()
            .any(|report| report.is_between(races.file, pair))
        {
            let [one, other] = pair;
            return Some(format!("no report of lines {one:?} and {other:?}"));
        }
    }
    if !races.overlap && told.len() != races.pairs.len() {
        return Some("there are more reports than pairs".to_owned());
    }
    let last_report = printed.rfind("SUMMARY: ThreadSanitizer: ");
    match (races.overlap, printed.find(GATE)) {
        (true, None) => Some("the gate has not noticed the overlap".to_owned()),
        (true, gate) if gate < last_report => Some("the gate came first".to_owned()),
        (false, Some(_)) => Some("the two overlapped".to_owned()),
        _ => None,
    }
}
