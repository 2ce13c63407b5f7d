//! The demo: the note's program, act by act.

use std::io;

use crate::args::{Cure, Go};
use crate::output::Output;

pub(crate) mod child;
pub(crate) mod cure;
pub(crate) mod go;
pub(crate) mod golang;
mod late;
pub(crate) mod lookup;
mod meeting;
pub(crate) mod rivals;
pub(crate) mod scenes;
mod ways;

/// The acts in order.
pub(crate) fn acts(output: &Output) -> io::Result<()> {
    let first = go::act(output, &Go::NOTE, go::Show::Ends)?;
    output.line("");
    let second = cure::map(output, &Cure::NOTE)?;
    output.line("");
    let third = cure::batch(output, &Cure::NOTE)?;
    output.line("");
    output.aside("More: untorn demo go --writers 2, untorn demo lookup, untorn demo rivals, untorn demo map --readers 64, untorn --help");
    output.document(&(first, second, third))
}
