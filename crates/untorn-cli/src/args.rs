//! The command line: joins the options of the subcommands.

use std::io;
use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};

use crate::demo::{self, competitors, go, lookup, map_acts};
use crate::{live, redacted, why};

/// Demo of untorn: concurrent maps for data that is refreshed while many threads read it.
///
/// Without a command, plays the demo. It runs the program of a note on Go's `fatal error:
/// concurrent map read and map write`: one thread refreshes two keys and another prints them, until
/// the program crashes.
#[derive(Parser)]
#[command(name = "untorn", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Args {
    /// Parses the command line. Exits with a usage error, and a tip if possible, on wrong usage.
    pub(crate) fn parse_or_exit() -> Self {
        let args = Self::try_parse().unwrap_or_else(|mut error| {
            if let Some(ContextValue::String(given)) = error.get(ContextKind::InvalidSubcommand)
                && let Some(tip) = tip(given, error.get(ContextKind::SuggestedSubcommand).is_some())
            {
                let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
                error.insert(ContextKind::Suggested, tips);
            }
            if error.kind() == ErrorKind::MissingRequiredArgument
                && let Some(tip) = live::tip_for_missing(std::env::args().skip(1))
            {
                let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
                error.insert(ContextKind::Suggested, tips);
            }
            redacted::redact(&mut error);
            error.exit()
        });
        if let Some(Command::Demo {
            which: Some(Demo::Go(options)),
        }) = &args.command
            && !options.can_overlap()
        {
            exit_too_few_threads();
        }
        args
    }
}

/// Suggests a command for an unknown one: a dump without `why`, a part of the demo without `demo`.
fn tip(given: &str, is_like_a_command: bool) -> Option<String> {
    if Path::new(given).is_file() {
        if untorn_live::Format::of(given).is_some() {
            return Some(format!("to show a configuration: untorn get \"\" {given}"));
        }
        return Some(format!("to explain a dump: untorn why {given}"));
    }
    let mut command = Args::command();
    let demo = command
        .find_subcommand_mut("demo")
        .expect("it is declared below");
    let (similarity, part) = demo
        .get_subcommands()
        .map(|part| {
            (
                strsim::jaro_winkler(given, part.get_name()),
                part.get_name(),
            )
        })
        .max_by(|one, other| one.0.total_cmp(&other.0))?;
    // 0.7 is clap's threshold for the names of commands.
    let threshold = if is_like_a_command { 1.0 } else { 0.7 };
    (similarity >= threshold).then(|| format!("it is a part of the demo: untorn demo {part}"))
}

/// Exits with a usage error: the dump cannot be read.
pub(crate) fn exit_unreadable(path: &Path, error: &io::Error) -> ! {
    let message = format!("cannot read {}: {error}", path.display());
    exit_misused(&["why"], ErrorKind::Io, &message)
}

/// Exits with a usage error: two accesses need two threads.
fn exit_too_few_threads() -> ! {
    let message = "one thread cannot overlap with itself: add a reader (--readers 1) or a second \
                   writer (--writers 2)";
    exit_misused(&["demo", "go"], ErrorKind::ValueValidation, message)
}

/// Exits with the usage of a subcommand, which is given by its path.
pub(crate) fn exit_misused(path: &[&str], kind: ErrorKind, message: &str) -> ! {
    let mut command = Args::command();
    command.build();
    let mut subcommand = &mut command;
    for name in path {
        subcommand = subcommand
            .find_subcommand_mut(name)
            .expect("it is declared below");
    }
    subcommand.error(kind, message).exit()
}

const EXAMPLES: &str = "\
Parts of the demo:
  untorn demo go         act 1: the crash, with a report that names both sides
  untorn demo map        act 2: one word changed, no crash
  untorn demo batch      act 3: two places changed, no mixed refreshes
  untorn demo rivals     the same traffic on other concurrent maps
  untorn demo lookup     every branch of Go's lookup
  untorn demo live       an etcd, or a file, that breaks and is emptied while 64 threads read it

Examples:
  untorn                         the demo
  untorn demo go --writers 2     two writers: concurrent map writes
  untorn demo go --quiet         without the printed values
  untorn demo map --readers 64   with 64 readers
  untorn demo lookup overflow    one branch of a lookup
  untorn demo lookup --json      the same for a script
  untorn why crash.txt           explain the crash dump of a Go program

Configurations, of files, mounted directories, HTTP servers, etcd and the environment:
  untorn get http.port app.toml env:APP_       the value of a key, for scripts
  untorn explain http.port app.toml env:APP_   where it comes from, and what it overrides
  untorn check app.toml config/                errors, with file, line and key
  untorn watch app.toml                        changes and refusals as they come
  untorn watch https://config.example/app.toml --bearer-file token
  untorn explain limit defaults.toml etcd://127.0.0.1:2379/app/
  untorn diff app.toml new.toml                the keys that differ

The fields of the --json documents are described in docs/json.md.

Exit status: 0 success, 1 failure, 2 wrong usage, or an output that cannot be written; the help of a command says what
it adds to that.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The demo, or one part of it.
    #[command(after_help = "Without a part, plays the three acts, as `untorn` alone does.")]
    Demo {
        #[command(subcommand)]
        which: Option<Demo>,
    },
    /// Explains the crash dump of a Go program: both sides, the likely cause, and how to fix it.
    #[command(after_help = "\
Examples:
  untorn why crash.txt                             the answer, in some ten lines
  untorn why --long crash.txt                      each line of the dump, and all evidence
  go run . 2>&1 | untorn why
  kubectl logs --previous pod/app | untorn why
  go test -race ./... 2>&1 | untorn why --json

Reads `fatal error: concurrent map …` of Go 1.9 and newer, and the reports of Go's race detector, also in the middle
of a log and with its prefixes. A crash dump names only the goroutine that detected the overlap; the other
side is inferred, and each guess is marked with its certainty. A race report names both sides.
More: docs/why-a-dump.md; the fields of --json: docs/json.md.

Exit status: 0 a dump was read, 1 the input has no dump, 2 wrong usage, or an output that cannot be written.")]
    Why(why::Args),
    /// Prints the value of a configuration's key, or the keys of a section.
    #[command(after_help = live::get::help())]
    Get(live::get::Args),
    /// Prints where a value comes from, and which values it overrides.
    #[command(after_help = live::explain::help())]
    Explain(live::explain::Args),
    /// Checks that all sources can be read, and that no key has a value in one and keys below it in
    /// another. It does not know the types that a program reads.
    #[command(after_help = live::check::help())]
    Check(live::check::Args),
    /// Prints the changes of a configuration as they come, with refusals and recoveries.
    #[command(override_usage = live::watch::USAGE, after_help = live::watch::help())]
    Watch(live::watch::Args),
    /// Prints in which keys two configurations differ.
    #[command(after_help = live::diff::help())]
    Diff(live::diff::Args),
    /// The program that act 1 runs in a child process.
    #[command(hide = true)]
    NoteProgram { readers: usize, writers: usize },
}

#[derive(Subcommand)]
pub(crate) enum Demo {
    /// Act 1: the note's program on `GoMap`, until it crashes; then the original in Go.
    #[command(after_help = "\
Examples:
  untorn demo go
  untorn demo go --readers 64 --quiet
  untorn demo go --writers 2          ends with: concurrent map writes")]
    Go(go::Args),
    /// Act 2: `Map` in place of `GoMap`: no crash, but pairs mix two refreshes.
    #[command(after_help = "\
Examples:
  untorn demo map
  untorn demo map --readers 1000 --seconds 10")]
    Map(map_acts::Args),
    /// Act 3: one batch for the writes, one pin for the reads: no pair mixes two refreshes.
    #[command(after_help = "\
Examples:
  untorn demo batch
  untorn demo batch --readers 64 --writers 4 --json")]
    Batch(map_acts::Args),
    /// The demo's traffic on other concurrent maps, each in its best idiom, and on untorn's.
    #[command(after_help = "\
Examples:
  untorn demo rivals
  untorn demo rivals --readers 64 --seconds 3 --maps rwlock,papaya,untorn
  untorn demo rivals --json

The time of each map is split into five slices, run in random order among the slices of the other maps. Pairs per
second: the median, the lowest and the highest of the slices. All other figures cover the five slices together.
Slowest read: each reader checks the clock after every 64 pairs; the longest such interval is shown, so no read took
longer. With more threads than processors, most of it is time spent waiting for a processor: compare it with the
first row, a map without writers.
Lateness: from when a refresh was due until it was done. One is due each millisecond; those that became due during a
refresh are covered by the next one, and each counts with its own delay.
A slice stops for all threads at once, but lasts until the last read and the last refresh have returned. Waiting for
a processor adds at most the duration of the slice to either figure: about its planned time or, if it took twice as
long or more, the duration at the end of the row.

Exits with 1 if a map that guarantees consistent pairs shows a pair from two refreshes.")]
    Rivals(competitors::Args),
    /// A configuration that many threads read while its source changes, breaks and is repaired: an
    /// etcd if there is one on the PATH, otherwise a file.
    #[command(after_help = "\
Examples:
  untorn demo live
  untorn demo live --source file
  untorn demo live --readers 1000 --seconds 20 --json

The etcd is started on a free port of 127.0.0.1, with its data in a temporary folder, and stopped at the end. It is
written, killed, started again, compacted while the store is cut off from it, and replaced by an empty one. Each read
compares two keys and two fields of a typed value of one pin, and counts as torn unless all are of one transaction.

The file is in a temporary folder. It is saved by a rename, as by most editors, and in place, in two writes; then half
of it, an empty file and a wrong type must be refused while the last good revision stays in force. Each read compares
four values of one pin, and counts as torn unless all are of one save.

Exits with 1 if a read was torn.")]
    Live(demo::live::Args),
    /// Prepared tables and every branch of Go's lookup, in the order of Go's source.
    ///
    /// The lookup is `mapaccess1_faststr`, or `mapaccess1_fast64` where the keys are numbers.
    Lookup(lookup::Args),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demo_as_a_document_needs_no_name() {
        let args = Args::try_parse_from(["untorn", "--json"]).expect("valid");
        assert!(args.json && args.command.is_none());
    }
}
