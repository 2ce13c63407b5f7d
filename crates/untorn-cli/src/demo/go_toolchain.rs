//! The original program in Go, where a Go toolchain is installed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use super::child;
use crate::output::{Output, counted};

const BUILD_TIMEOUT: Duration = Duration::from_secs(120);
const RUN_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of running the Go program.
#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum GoRun {
    /// Go ended it with a crash dump.
    Crashed(Dump),
    /// Go detected no overlap within this time.
    NoOverlapDetected { version: String, seconds: u64 },
    /// The program could not be run.
    Skipped { reason: String },
}

/// The output of the Go program.
#[derive(Serialize)]
pub(crate) struct Dump {
    version: String,
    exit_status: Option<i32>,
    seconds: f64,
    printed_lines: u64,
    dump: String,
}

/// Runs `examples/note/main.go` if `go` is installed, and shows its dump with a remark.
pub(crate) fn run(output: &Output, readers: u16, writers: u16) -> io::Result<GoRun> {
    let Some(version) = version() else {
        output.aside("No `go` on the PATH: install Go to run the original program for comparison.");
        return Ok(GoRun::Skipped {
            reason: "no go on the PATH".into(),
        });
    };
    output.line("");
    output.heading(format_args!(
        "The original in Go: examples/note/main.go, {version}"
    ));
    output.aside(format_args!(
        "Building it and running it for up to {} s …",
        RUN_TIMEOUT.as_secs()
    ));
    let folder = tempfile::tempdir()?;
    let program = match build(folder.path())? {
        Ok(program) => program,
        Err(reason) => {
            output.aside(format_args!("Skipped: {reason}"));
            return Ok(GoRun::Skipped { reason });
        }
    };
    let mut run = Command::new(&program);
    run.args([readers, writers].map(|count| count.to_string()))
        .env_remove("GOTRACEBACK");
    let Some(finished) = child::run(&mut run, RUN_TIMEOUT, |_| {})? else {
        let seconds = RUN_TIMEOUT.as_secs();
        output.aside(format_args!(
            "Go detected nothing in {seconds} s: it detects an access that begins during a write, but not a read that began before it."
        ));
        return Ok(GoRun::NoOverlapDetected { version, seconds });
    };
    // The paths of the temporary folder would only distract.
    let dump = finished
        .stderr
        .replace(&format!("{}/", folder.path().display()), "");
    show(output, &dump);
    let status = finished.status.code();
    output.line(format_args!(
        "exit status {}",
        status.map_or("?".into(), |code| code.to_string())
    ));
    output.line("");
    output.aside(
        "The first goroutine is the one that detected the overlap. The dump does not identify the other side: by the time\n\
         a writer is stopped it has most often left the map, so its stack shows a sleep or a later line.",
    );
    Ok(GoRun::Crashed(Dump {
        version,
        exit_status: status,
        seconds: finished.elapsed.as_secs_f64(),
        printed_lines: finished.stdout.lines,
        dump,
    }))
}

/// Builds the program in `folder`. The inner error is the reason if the build fails.
fn build(folder: &Path) -> io::Result<Result<PathBuf, String>> {
    let (source, program) = (folder.join("main.go"), folder.join("note"));
    fs::write(&source, include_str!("../../../../examples/note/main.go"))?;
    let mut build = Command::new("go");
    build
        .args(["build", "-o"])
        .args([&program, &source])
        .env("GOTOOLCHAIN", "local")
        .env("GO111MODULE", "off")
        .current_dir(folder);
    Ok(match child::run(&mut build, BUILD_TIMEOUT, |_| {})? {
        Some(built) if built.status.success() => Ok(program),
        Some(built) => Err(format!("`go build` failed: {}", built.stderr.trim())),
        None => Err(format!(
            "`go build` did not finish within {} s",
            BUILD_TIMEOUT.as_secs()
        )),
    })
}

/// Shows the message, the goroutine that detected the overlap, and up to two writers.
fn show(output: &Output, dump: &str) {
    // The writer is the first function literal in main.go.
    let is_writer = |goroutine: &&str| goroutine.contains("main.main.func1(");
    let mut parts = dump.split("\n\n");
    let (message, noticed) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    output.report(&format!("{message}\n\n{noticed}\n"));
    let others: Vec<_> = parts.collect();
    let writers: Vec<_> = others.iter().copied().filter(is_writer).take(2).collect();
    for writer in &writers {
        output.line(format_args!("{}\n", writer.trim_end()));
    }
    if others.len() > writers.len() {
        output.aside(format_args!(
            "… {} …",
            counted((others.len() - writers.len()) as u64, "more goroutine")
        ));
    }
}

/// Returns the version of the installed Go, as `go1.23.9`.
fn version() -> Option<String> {
    let answer = Command::new("go")
        .args(["env", "GOVERSION"])
        .env("GOTOOLCHAIN", "local")
        .output()
        .ok()
        .filter(|answer| answer.status.success())?;
    let version = String::from_utf8(answer.stdout).ok()?.trim().to_string();
    (!version.is_empty()).then_some(version)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Dump, GoRun};

    #[test]
    fn json_fields_match_the_page() {
        let version = || "go1.23.9".to_owned();
        let all = [
            GoRun::Crashed(Dump {
                version: version(),
                exit_status: Some(2),
                seconds: 0.1,
                printed_lines: 7,
                dump: String::new(),
            }),
            GoRun::NoOverlapDetected {
                version: version(),
                seconds: 10,
            },
            GoRun::Skipped {
                reason: String::new(),
            },
        ];
        let mut fields = BTreeSet::new();
        let mut outcomes = vec![];
        for run in all {
            let value = serde_json::to_value(run).expect("serializable");
            let object = value.as_object().expect("an object");
            fields.extend(object.keys().map(|name| format!("go.{name}")));
            outcomes.push(format!(
                "`{}`",
                value["outcome"].as_str().expect("a string")
            ));
        }
        let page = include_str!("../../../../docs/json.md");
        let quotes = page.split('`').skip(1).step_by(2);
        let described: BTreeSet<_> = quotes
            .filter(|quote| quote.starts_with("go."))
            .map(str::to_owned)
            .collect();
        assert_eq!(fields, described);
        assert!(page.contains(&outcomes.join(", ")), "{outcomes:?}");
    }
}
