//! What can be said on the command line.

use std::io;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser, StyledStr};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand, value_parser};

use crate::demo::{rivals, scenes};

/// Maps that many threads read while others change them: the demo of the crate untorn.
///
/// Without a command it plays the demo. Its program is that of a note on Go's `fatal error: concurrent map read and
/// map write`: one thread refreshes two keys, another prints them, until the program dies.
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
    /// Ends the command if it is misused, with a tip if it can be told what was meant.
    pub(crate) fn of_command_line() -> Self {
        Self::try_parse().unwrap_or_else(|mut error| {
            if let Some(ContextValue::String(asked)) = error.get(ContextKind::InvalidSubcommand)
                && let Some(tip) = tip(asked, error.get(ContextKind::SuggestedSubcommand).is_some())
            {
                let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
                error.insert(ContextKind::Suggested, tips);
            }
            error.exit()
        })
    }
}

/// What may have been meant by something that is no command: a dump without `why`, a part of the demo without `demo`.
fn tip(asked: &str, is_like_a_command: bool) -> Option<String> {
    if Path::new(asked).is_file() {
        return Some(format!("to read a dump: untorn why {asked}"));
    }
    let mut command = Args::command();
    let demo = command
        .find_subcommand_mut("demo")
        .expect("it is declared below");
    let (likeness, part) = demo
        .get_subcommands()
        .map(|part| {
            (
                strsim::jaro_winkler(asked, part.get_name()),
                part.get_name(),
            )
        })
        .max_by(|one, other| one.0.total_cmp(&other.0))?;
    // As alike as clap wants names of commands to be.
    let least = if is_like_a_command { 1.0 } else { 0.7 };
    (likeness >= least).then(|| format!("it is a part of the demo: untorn demo {part}"))
}

const EXAMPLES: &str = "\
Parts of the demo:
  untorn demo go         act 1: it dies, and both sides are named
  untorn demo map        act 2: one word changed, it cannot die
  untorn demo batch      act 3: two places changed, it mixes no refreshes
  untorn demo rivals     the same traffic over other people's maps
  untorn demo lookup     every branch of Go's look-up

Examples:
  untorn                         the demo
  untorn demo go --writers 2     two writers: concurrent map writes
  untorn demo go --quiet         without the printed values
  untorn demo map --readers 64   as many readers as you like
  untorn demo lookup overflow    one branch of a look-up
  untorn demo lookup --json      the same for a script
  untorn why crash.txt           what a crash dump of a Go program says

The fields of the --json documents are described in docs/json.md.

Exit status: 0 fine, 1 something failed, 2 the command was misused.";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The demo, or one part of it by itself.
    #[command(after_help = "Without a part it plays the three acts, as `untorn` alone does.")]
    Demo {
        #[command(subcommand)]
        which: Option<Demo>,
    },
    /// Reads the crash dump of a Go program that died over a map, and says who, where, and what to change.
    #[command(after_help = "\
Examples:
  untorn why crash.txt
  go run . 2>&1 | untorn why
  kubectl logs --previous pod/app | untorn why
  go test -race ./... 2>&1 | untorn why --json

It reads `fatal error: concurrent map …` of Go 1.9 and newer, and the reports of Go's race detector, also in the middle
of a log and with its prefixes. A crash dump names the side that noticed; the other side is concluded, and how sure that
is stands beside it. A race report names both. More: docs/why-a-dump.md; the fields of --json: docs/json.md.

Exit status: 0 a dump was read, 1 there is none in the input, 2 the command was misused.")]
    Why(Why),
    /// The program that act 1 runs in a child process.
    #[command(hide = true)]
    NoteProgram { readers: usize, writers: usize },
}

#[derive(Subcommand)]
pub(crate) enum Demo {
    /// Act 1: the note's program on `GoMap`, until it dies; beside it the real one, where there is a Go toolchain.
    #[command(after_help = "\
Examples:
  untorn demo go
  untorn demo go --readers 64 --quiet
  untorn demo go --writers 2          ends in: concurrent map writes")]
    Go(Go),
    /// Act 2: the same traffic with one word changed, `GoMap` to `Map`: it never dies, but mixes refreshes.
    #[command(after_help = "\
Examples:
  untorn demo map
  untorn demo map --readers 1000 --seconds 10")]
    Map(Cure),
    /// Act 3: with two places changed, one batch and one pin: it does not mix them either.
    #[command(after_help = "\
Examples:
  untorn demo batch
  untorn demo batch --readers 64 --writers 4 --json")]
    Batch(Cure),
    /// The same traffic over other people's maps, each in its best idiom, and over untorn's.
    #[command(after_help = "\
Examples:
  untorn demo rivals
  untorn demo rivals --readers 64 --seconds 3 --maps rwlock,papaya,untorn
  untorn demo rivals --json

Each map is played in five slices of its time, in random order among the slices of the other maps. Pairs a second: the
median of the slices, the least and the most. All else is of the five slices together.
The slowest read: each reader looks at the clock after every 64 pairs; what is shown is the longest of these
stretches, so no read took longer. With more threads than processors most of it is other threads' turns: compare it
with the first row, a map that nobody writes to.
Lateness: from when a refresh was due to when it was done. One is due each millisecond; those that became due while one
was made are made good by the next, and each counts with its own delay.
A slice is over for all threads at once, but lasts until the last read and the last refresh have ended. Other threads'
turns can add no more to either than it lasted: about its time, or where that was twice as much or more, what stands at
the end of the row.

It exits 1 if a map shows a pair from two refreshes that promises not to.")]
    Rivals(Rivals),
    /// Prepared tables, and every branch of Go's look-up, in the order of the note's source.
    ///
    /// It is that of `mapaccess1_faststr`, and of `mapaccess1_fast64` where the keys are numbers.
    Lookup {
        /// Only this scene; without it, all of them.
        #[arg(value_parser = PossibleValuesParser::new(scenes::names().into_iter().map(either_way)))]
        scene: Option<String>,
    },
}

#[derive(clap::Args)]
pub(crate) struct Why {
    /// The file with the dump, or with a log that has it; `-`, or none, is stdin.
    pub(crate) dump: Option<PathBuf>,
}

impl Why {
    /// Ends the command with a word on its use if its file cannot be read.
    pub(crate) fn refuse_unreadable(&self, error: &io::Error) -> ! {
        let path = self
            .dump
            .as_deref()
            .map_or_else(String::new, |path| path.display().to_string());
        let mut command = Args::command();
        command.build();
        let why = command
            .find_subcommand_mut("why")
            .expect("it is declared above");
        why.error(ErrorKind::Io, format!("cannot read {path}: {error}"))
            .exit()
    }
}

#[derive(clap::Args)]
pub(crate) struct Go {
    /// Threads that print both values without pause [default: 1; 0 with two or more writers, so that it is
    /// writes that meet].
    #[arg(long, value_parser = value_parser!(u16).range(0..=4096))]
    readers: Option<u16>,
    /// Threads that set both values again and again, and sleep a millisecond each time.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=4096))]
    pub(crate) writers: u16,
    /// Seconds to wait for an overlap by luck; after that, accesses are delayed longer until there is one.
    #[arg(long, default_value_t = 5, value_name = "SECONDS", value_parser = value_parser!(u64).range(0..=3600))]
    pub(crate) patience: u64,
    /// Do not show the printed values.
    #[arg(long)]
    pub(crate) quiet: bool,
}

impl Go {
    /// The note's own numbers.
    pub(crate) const NOTE: Self = Self {
        readers: Some(1),
        writers: 1,
        patience: 5,
        quiet: false,
    };

    pub(crate) fn readers(&self) -> u16 {
        self.readers.unwrap_or(u16::from(self.writers == 1))
    }

    /// Ends the command with a word on its use if these threads can never overlap.
    pub(crate) fn refuse_one_thread(&self) {
        if self.readers() + self.writers < 2 {
            let mut command = Args::command();
            command.build();
            let mut go = &mut command;
            for name in ["demo", "go"] {
                go = go.find_subcommand_mut(name).expect("it is declared above");
            }
            let told = "one thread alone cannot overlap: ask for a reader or for a second writer";
            go.error(ErrorKind::ValueValidation, told).exit();
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct Cure {
    /// Threads that read both values without pause.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=4096))]
    pub(crate) readers: u16,
    /// Threads that set both values; for each of them that is due every millisecond.
    #[arg(long, default_value_t = 1, value_parser = value_parser!(u16).range(1..=4096))]
    pub(crate) writers: u16,
    /// How long.
    #[arg(long, default_value_t = 3.0, value_name = "SECONDS", value_parser = seconds)]
    pub(crate) seconds: f64,
}

impl Cure {
    /// The note's own numbers.
    pub(crate) const NOTE: Self = Self {
        readers: 1,
        writers: 1,
        seconds: 3.0,
    };
}

#[derive(clap::Args)]
pub(crate) struct Rivals {
    /// Threads that read both values without pause; each number is played by itself.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,64,1000",
        value_parser = value_parser!(u16).range(1..=4096))]
    pub(crate) readers: Vec<u16>,
    /// How long each map is played with each number of readers, all slices together [default: 0.4; 1.5 with more
    /// than 100 readers].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<f64>,
    /// Only these maps [default: all].
    #[arg(long, value_name = "MAP,...", value_delimiter = ',',
        value_parser = PossibleValuesParser::new(rivals::names()))]
    pub(crate) maps: Vec<String>,
}

impl Rivals {
    /// How long a map is played with so many readers.
    pub(crate) fn seconds(&self, readers: u16) -> f64 {
        let usual = if readers > 100 { 1.5 } else { 0.4 };
        self.seconds.unwrap_or(usual)
    }
}

/// A name that may be written with hyphens or with underscores.
fn either_way(name: &'static str) -> PossibleValue {
    let spellings = [name.replace('_', "-"), name.replace('-', "_")];
    PossibleValue::new(name).aliases(spellings.into_iter().filter(|spelling| spelling != name))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_string())?;
    if (0.1..=3600.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("not between 0.1 and 3600".into())
    }
}
