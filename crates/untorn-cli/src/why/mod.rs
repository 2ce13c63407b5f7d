//! `why`: reads a crash dump of a Go program that died over a map, or a race report, and says what it means.

mod candidates;
mod causes;
mod dump;
mod explain;
mod frame;
mod line;
mod other;
mod parse;
mod parts;
mod place;
mod reasons;
#[cfg(test)]
mod tests;
mod text;
mod verdict;

use std::fs::File;
use std::io::{self, BufReader, IsTerminal};
use std::path::Path;

use serde::Serialize;

use dump::Found;
use explain::Explained;

use crate::args::Why;
use crate::output::{Output, counted};

/// The document.
#[derive(Serialize)]
struct Document {
    lines: u64,
    dumps: Vec<Explained>,
    /// Dumps beyond these, which are not explained.
    more: u64,
    /// Other ends of programs.
    others: Vec<OtherEnd>,
}

#[derive(Serialize)]
struct OtherEnd {
    line: u64,
    text: String,
    means: &'static str,
}

pub(crate) fn show(output: &Output, options: &Why) -> io::Result<()> {
    let input = match options
        .dump
        .as_deref()
        .filter(|path| *path != Path::new("-"))
    {
        Some(path) => {
            let file = File::open(path).unwrap_or_else(|error| options.refuse_unreadable(&error));
            parse::read(BufReader::new(file))
        }
        None => {
            let stdin = io::stdin();
            if stdin.is_terminal() {
                anstream::eprintln!("untorn: paste the dump, and end it with Ctrl-D");
            }
            parse::read(stdin.lock())
        }
    };
    let input = match (input, options.dump.as_deref()) {
        (Ok(input), _) => input,
        (Err(error), Some(_)) => options.refuse_unreadable(&error),
        (Err(error), None) => return Err(error),
    };
    let dumps: Vec<_> = input
        .found
        .iter()
        .map(|found| match found {
            Found::Crash(crash) => explain::crash(crash),
            Found::Race(race) => explain::race(race),
        })
        .collect();
    for (index, (found, told)) in input.found.iter().zip(&dumps).enumerate() {
        if index > 0 {
            output.line("");
        }
        text::show(output, found, told);
    }
    if input.more > 0 {
        output.aside(format_args!(
            "{} besides, not explained.",
            counted(input.more, "dump")
        ));
    }
    if !dumps.is_empty() {
        text::always(output);
    }
    let refusal = dumps.is_empty().then(|| other::refusal(&input));
    let others = input.others.iter().map(|found| OtherEnd {
        line: found.line,
        text: found.text.clone(),
        means: other::meaning(found),
    });
    output.document(&Document {
        lines: input.lines,
        dumps,
        more: input.more,
        others: others.collect(),
    })?;
    match refusal {
        Some(refusal) => Err(io::Error::other(refusal)),
        None => Ok(()),
    }
}
