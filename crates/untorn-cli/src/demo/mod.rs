//! The demo: the note's program, act by act.

use std::io;

use crate::output::Output;

pub(crate) mod child;
pub(crate) mod competitors;
mod concurrent_lookup;
pub(crate) mod go;
pub(crate) mod go_toolchain;
mod lateness;
pub(crate) mod live;
pub(crate) mod lookup;
mod lookup_cases;
pub(crate) mod map_acts;
mod snippets;

/// Plays the acts in order.
pub(crate) fn acts(output: &Output) -> io::Result<()> {
    let first = go::act(output, &go::Args::NOTE, go::Show::Ends)?;
    output.line("");
    let second = map_acts::map(output, &map_acts::Args::NOTE)?;
    output.line("");
    let third = map_acts::batch(output, &map_acts::Args::NOTE)?;
    output.line("");
    output.aside("More: untorn demo go --writers 2, untorn demo lookup, untorn demo rivals, untorn demo map --readers 64, untorn --help");
    output.document(&(first, second, third))
}
