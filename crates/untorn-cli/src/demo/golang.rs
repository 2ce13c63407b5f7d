//! The real program beside ours, where there is a Go toolchain.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

use super::child;
use crate::args::Go;
use crate::output::Output;

const BUILD_AT_MOST: Duration = Duration::from_secs(120);
const RUN_AT_MOST: Duration = Duration::from_secs(10);

/// What came of running the real program.
#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Beside {
    /// It died.
    Died(Dump),
    /// It ran on, for all that Go noticed in this time.
    NothingNoticed { version: String, seconds: u64 },
    /// It could not be run.
    LeftOut { reason: String },
}

/// What the real program left behind.
#[derive(Serialize)]
pub(crate) struct Dump {
    version: String,
    exit_status: Option<i32>,
    seconds: f64,
    printed_lines: u64,
    dump: String,
}

/// Runs `examples/note/main.go` where that is possible, and says what its dump does not.
pub(crate) fn beside(output: &Output, options: &Go) -> io::Result<Beside> {
    let Some(version) = version() else {
        output.aside(
            "There is no `go` on the PATH; with one, the real program would run beside this.",
        );
        return Ok(Beside::LeftOut {
            reason: "there is no go on the PATH".into(),
        });
    };
    output.line("");
    output.heading(format_args!(
        "The real one: examples/note/main.go, {version}"
    ));
    output.aside(format_args!(
        "Building it, and running it for {} s at most …",
        RUN_AT_MOST.as_secs()
    ));
    let folder = tempfile::tempdir()?;
    let program = match build(folder.path())? {
        Ok(program) => program,
        Err(reason) => {
            output.aside(format_args!("{reason}; so it is left out."));
            return Ok(Beside::LeftOut { reason });
        }
    };
    let mut run = Command::new(&program);
    run.args([options.readers(), options.writers].map(|count| count.to_string()))
        .env_remove("GOTRACEBACK");
    let Some(finished) = child::run(&mut run, RUN_AT_MOST, |_| {})? else {
        let seconds = RUN_AT_MOST.as_secs();
        output.aside(format_args!(
            "Go noticed nothing in {seconds} s: it sees whoever comes while a write is on, but nobody who was there before the write."
        ));
        return Ok(Beside::NothingNoticed { version, seconds });
    };
    // Paths of the temporary folder would only distract.
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
        "The first goroutine is the one that noticed. Whom it met the dump does not say: when a writer is stopped it\n\
         has left the map, and is seen asleep, or in the next line of its work; never on the line that wrote.",
    );
    Ok(Beside::Died(Dump {
        version,
        exit_status: status,
        seconds: finished.after.as_secs_f64(),
        printed_lines: finished.stdout.lines,
        dump,
    }))
}

/// Builds the program in `folder`; what stood in the way if it did not work.
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
    Ok(match child::run(&mut build, BUILD_AT_MOST, |_| {})? {
        Some(built) if built.status.success() => Ok(program),
        Some(built) => Err(format!("`go build` failed: {}", built.stderr.trim())),
        None => Err("`go build` took too long".into()),
    })
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
            "… goroutines besides: {} …",
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Beside, Dump};

    #[test]
    fn the_fields_of_its_document_are_those_of_the_page() {
        let version = || "go1.23.9".to_owned();
        let all = [
            Beside::Died(Dump {
                version: version(),
                exit_status: Some(2),
                seconds: 0.1,
                printed_lines: 7,
                dump: String::new(),
            }),
            Beside::NothingNoticed {
                version: version(),
                seconds: 10,
            },
            Beside::LeftOut {
                reason: String::new(),
            },
        ];
        let mut fields = BTreeSet::new();
        let mut outcomes = vec![];
        for beside in all {
            let value = serde_json::to_value(beside).expect("it can be written");
            let object = value.as_object().expect("an object");
            fields.extend(object.keys().map(|name| format!("go.{name}")));
            outcomes.push(format!("`{}`", value["outcome"].as_str().expect("a text")));
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
