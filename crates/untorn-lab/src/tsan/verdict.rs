//! Runs a scenario in a process of its own and compares the output of ThreadSanitizer with the
//! expectation.

use std::env;
use std::io::{self, Read, Write, pipe};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::report::Report;
use super::scenario::{CELL, Expected, MAP, Races, Scenario, StderrFault};

/// The exit status that ThreadSanitizer sets for a program with reports.
const REPORTED: i32 = 66;
/// The exit status of the overlap policy.
const OVERLAP_EXIT: i32 = 2;

/// The result of a scenario.
pub struct Verdict {
    /// The expectation, in words.
    pub expected: String,
    /// The result, in words.
    pub found: String,
    /// The difference between the two; `None` also if any result is accepted.
    pub problem: Option<String>,
    /// The stderr of the process.
    pub printed: String,
}

/// Runs the scenario: this program again, with the arguments `run NAME`.
///
/// # Errors
/// Returns an error if the process cannot be started.
pub fn play(scenario: &Scenario) -> io::Result<Verdict> {
    let mut options = format!(
        "exitcode={REPORTED} halt_on_error=0 suppress_equal_addresses=0 atexit_sleep_ms=0 \
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
    if let Expected::End(fault) = scenario.expected {
        let ended = run_with_stderr_fault(&mut command, fault)?;
        let problem = match (fault, ended) {
            (_, None) => Some("the process had to be killed".to_owned()),
            (StderrFault::Closed, Some(status)) if status.code() != Some(OVERLAP_EXIT) => {
                Some(format!("the process ended with {status}"))
            }
            _ => None,
        };
        return Ok(Verdict {
            expected: expected(&scenario.expected),
            found: ended.map_or("no exit".to_owned(), |status| status.to_string()),
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
                Expected::NoReports => {
                    (!reports.is_empty()).then(|| "there is a report".to_owned())
                }
                Expected::Anything | Expected::End(_) => None,
            };
            let fitting = match (reports.is_empty(), printed.contains(GATE)) {
                (_, true) => OVERLAP_EXIT,
                (true, false) => 0,
                (false, false) => REPORTED,
            };
            let odd = output.status.code() != Some(fitting);
            let odd = odd.then(|| format!("the process ended with {}", output.status));
            (found, problem.or(odd).or_else(|| tool_message(&printed)))
        }
    };
    Ok(Verdict {
        expected: expected(&scenario.expected),
        found,
        problem,
        printed,
    })
}

/// The time limit of a process with a faulty stderr.
const EXIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the process with a faulty stderr; returns `None` if it did not terminate.
fn run_with_stderr_fault(
    command: &mut Command,
    fault: StderrFault,
) -> io::Result<Option<ExitStatus>> {
    let (mut reader, stderr) = pipe()?;
    let mut filled = stderr.try_clone()?;
    let filler = thread::spawn(move || match fault {
        // Blocks when the pipe is full, and ends when the reader is dropped.
        StderrFault::Full => while filled.write_all(&[0; 4096]).is_ok() {},
        StderrFault::Closed => drop(filled),
    });
    let mut child = command.stderr(stderr).spawn()?;
    // Closes this process's copy of the child's stderr, which the command holds.
    command.stderr(Stdio::null());
    let reader = match fault {
        StderrFault::Full => Some(reader),
        StderrFault::Closed => {
            reader.read_exact(&mut [0; 100])?;
            None
        }
    };
    let start = Instant::now();
    let mut ended = None;
    while ended.is_none() && start.elapsed() < EXIT_TIMEOUT {
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
        Expected::End(_) => "an exit".to_owned(),
        Expected::NoReports => "no reports".to_owned(),
        Expected::Anything => "not checked".to_owned(),
    }
}

const GATE: &str = "fatal error: concurrent ";

fn found(reports: &[Report], printed: &str) -> String {
    if reports.is_empty() {
        return "no reports".to_owned();
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

/// Returns a message of ThreadSanitizer about itself, except for its count of reports.
fn tool_message(printed: &str) -> Option<String> {
    let mut message = printed
        .lines()
        .filter_map(|line| line.strip_prefix("ThreadSanitizer: "));
    message
        .find(|message| !message.starts_with("reported "))
        .map(str::to_owned)
}

/// Returns the first difference between the reports and the expected races.
fn races_problem(races: &Races, reports: &[Report], printed: &str) -> Option<String> {
    let (matching, others): (Vec<_>, Vec<_>) =
        reports.iter().partition(|report| report.is_of(races.of));
    match (races.others, others.first()) {
        (false, Some(other)) => return Some(format!("there is an additional {}", other.of)),
        (true, None) => return Some("there is no race on other memory".to_owned()),
        _ => {}
    }
    for pair in &races.pairs {
        if !matching
            .iter()
            .any(|report| report.is_between(races.file, pair))
        {
            let [one, other] = pair;
            return Some(format!("no report of lines {one:?} and {other:?}"));
        }
    }
    if !races.overlap && matching.len() != races.pairs.len() {
        return Some("there are more reports than pairs".to_owned());
    }
    let last_report = printed.rfind("SUMMARY: ThreadSanitizer: ");
    match (races.overlap, printed.find(GATE)) {
        (true, None) => Some("the gate has not reported the overlap".to_owned()),
        (true, gate) if gate < last_report => Some("the report of the gate came first".to_owned()),
        (false, Some(_)) => Some("the accesses overlapped".to_owned()),
        _ => None,
    }
}
