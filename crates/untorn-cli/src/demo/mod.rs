//! The demo: the note's program, act by act.

use std::io;

use crate::args::Go;
use crate::output::Output;

pub(crate) mod child;
pub(crate) mod go;
pub(crate) mod golang;
pub(crate) mod lookup;
mod meeting;
pub(crate) mod scenes;

/// The acts in order.
pub(crate) fn acts(output: &Output) -> io::Result<()> {
    go::act(output, &Go::NOTE, go::Show::Ends)?;
    output.line("");
    output.heading("Acts 2 and 3: the cure");
    output.line(
        "The same program with one word changed, and then with two lines changed, needs the type Map.\n\
         It is not in this version; the README says what it will be.",
    );
    output.line("");
    output.aside("More: untorn demo go --writers 2, untorn demo lookup, untorn --help");
    Ok(())
}
