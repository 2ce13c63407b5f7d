//! `demo live`: a configuration that many threads read while its source changes, breaks and mends.
//!
//! | file | contents |
//! |---|---|
//! | `etcd.rs` | transactions of etcd, which is killed, compacted and emptied |
//! | `file.rs` | a file, which is saved, broken and emptied |
//! | `readers.rs` | the threads that read |
//! | `server.rs` | an etcd of this machine |

#[cfg(feature = "servers")]
mod etcd;
mod file;
mod readers;
#[cfg(feature = "servers")]
mod server;

use std::io;
use std::time::Duration;

use clap::{ValueEnum, value_parser};

use crate::options::seconds;
use crate::output::Output;

/// The longest time for the store to notice a change, far above the usual one.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Threads that read without pause.
    #[arg(long, default_value_t = 64, value_parser = value_parser!(u16).range(1..=4096))]
    readers: u16,
    /// The duration of the run, at least: every kind of change is shown.
    #[arg(long, default_value_t = 7.0, value_name = "SECONDS", value_parser = seconds)]
    seconds: f64,
    /// What the configuration comes from; without this option etcd if this machine has one, and a
    /// file if not.
    #[arg(long, value_enum)]
    source: Option<SourceKind>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SourceKind {
    #[cfg(feature = "servers")]
    /// Keys of an etcd that the demo starts, in a temporary directory.
    Etcd,
    /// A file in a temporary directory.
    File,
}

pub(crate) fn show(output: &Output, options: &Args) -> io::Result<()> {
    #[cfg(feature = "servers")]
    match options.source {
        Some(SourceKind::File) => {}
        Some(SourceKind::Etcd) => return etcd::show(output, options, server::Server::start()?),
        None => match server::Server::start() {
            Ok(server) => return etcd::show(output, options, server),
            Err(error) => output.aside(format_args!("Using a file instead: {error}.")),
        },
    }
    file::show(output, options)
}
