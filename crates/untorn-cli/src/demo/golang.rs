//! The real program beside ours, where there is a Go toolchain.

use std::fs;
use std::io;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use super::child;
use crate::args::Go;
use crate::output::Output;

const BUILD_AT_MOST: Duration = Duration::from_secs(120);
const RUN_AT_MOST: Duration = Duration::from_secs(10);

/// What the real program left behind.
#[derive(Serialize)]
pub(crate) struct Dump {
    version: String,
    exit_status: Option<i32>,
    seconds: f64,
    printed_lines: u64,
    dump: String,
}

/// Builds and runs `examples/note/main.go`, and says what its dump does not. `None` without a working toolchain.
pub(crate) fn beside(output: &Output, options: &Go) -> io::Result<Option<Dump>> {
    let Some(version) = version() else {
        output.aside(
            "There is no `go` on the PATH; with one, the real program would run beside this.",
        );
        return Ok(None);
    };
    output.line("");
    output.heading(format_args!(
        "The real one: examples/note/main.go, {version}"
    ));
    let folder = tempfile::tempdir()?;
    let (source, program) = (folder.path().join("main.go"), folder.path().join("note"));
    fs::write(&source, include_str!("../../../../examples/note/main.go"))?;
    let mut build = Command::new("go");
    build
        .args(["build", "-o"])
        .args([&program, &source])
        .env("GOTOOLCHAIN", "local")
        .env("GO111MODULE", "off")
        .current_dir(folder.path());
    match child::run(&mut build, BUILD_AT_MOST, |_| {})? {
        Some(built) if built.status.success() => {}
        Some(built) => {
            output.aside(format_args!(
                "`go build` failed, so it is left out: {}",
                built.stderr.trim()
            ));
            return Ok(None);
        }
        None => {
            output.aside("`go build` took too long, so it is left out.");
            return Ok(None);
        }
    }
    let mut run = Command::new(&program);
    run.args([options.readers(), options.writers].map(|count| count.to_string()))
        .env_remove("GOTRACEBACK");
    let Some(finished) = child::run(&mut run, RUN_AT_MOST, |_| {})? else {
        output.aside(format_args!(
            "Go noticed nothing in {} s: it sees a reader that comes while a write is on, never a write that comes while a read is.",
            RUN_AT_MOST.as_secs(),
        ));
        return Ok(None);
    };
    // Paths of the temporary folder would only distract.
    let dump = finished
        .stderr
        .replace(&format!("{}/", folder.path().display()), "");
    show(output, &dump);
    output.line(format_args!(
        "exit status {}",
        finished
            .status
            .code()
            .map_or("?".into(), |code| code.to_string())
    ));
    output.line("");
    output.aside(
        "The first goroutine is the one that noticed. Whom it met the dump does not say: when a writer is stopped it\n\
         has left the map, and is seen asleep, or in the next line of its work; never on the line that wrote.",
    );
    Ok(Some(Dump {
        version,
        exit_status: finished.status.code(),
        seconds: finished.after.as_secs_f64(),
        printed_lines: finished.stdout.lines,
        dump,
    }))
}

/// The message, the goroutine that noticed, and the writers as the dump shows them.
fn show(output: &Output, dump: &str) {
    // In main.go the writer is the first function literal.
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
            "… {} more goroutines …",
            others.len() - writers.len()
        ));
    }
}

/// `go1.23.9`, if there is a `go` that runs.
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
