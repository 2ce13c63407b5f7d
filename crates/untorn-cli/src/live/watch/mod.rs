//! `watch`: prints the changes of a configuration as they come, with refusals and recoveries.
//!
//! | file | contents |
//! |---|---|
//! | `arguments.rs` | the optional key before the sources |
//! | `screen.rs` | revisions, refusals and the line of status, as text and as JSON |

mod arguments;
mod screen;

use std::io;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::Duration;

use untorn_live::{Recovery, Refusal, Revision};

use self::arguments::Argument;
use self::screen::Screen;
use super::load::{self, Reading};
use super::sources::{self, Source};
use super::{UNREADABLE, print_errors};
use crate::output::Output;
use crate::signals;

/// The longest time until a signal, a refusal, a recovery or a closed pipe is noticed; a revision
/// is at once.
const TICK: Duration = Duration::from_millis(100);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A key or section to watch, if it comes first, and the sources, later ones over earlier ones.
    #[arg(required = true, value_name = "KEY|SOURCE", value_parser = Argument::parser())]
    arguments: Vec<Argument>,
    /// Prints at most this many changes of a revision; 0 prints all, as --json does.
    #[arg(long, default_value_t = 100, value_name = "CHANGES")]
    limit: usize,
    #[command(flatten)]
    reading: Reading,
}

/// The usage, which clap cannot derive.
pub(crate) const USAGE: &str = "untorn watch [OPTIONS] [KEY] <SOURCES>...";

/// Returns the examples and the rest of the help.
pub(crate) fn help() -> String {
    format!(
        "\
Examples:
  untorn watch app.toml env:APP_
      revision 1, 10:01:19 UTC: 2 keys
      + http.port: 80
      + log.level: \"info\"
      revision 2, 10:03:44 UTC: 1 change
      ~ http.port: 80 → 81
      refused, 10:04:02 UTC: app.toml:2: string values must be quoted, expected literal string
      recovered, 10:04:31 UTC: app.toml
  untorn watch log app.toml                    the keys of one section
  untorn watch mount:/etc/config --json        one JSON object per line

The first argument is a key if it has no scheme, no slash, and no extension of a file: write config/ for the directory
config. On a terminal the last line shows the newest revision, its age, and what is refused.

A source that is missing or wrong is waited for, at the start too; the revision in force stays. Revisions that follow
each other faster than they can be printed are shown as one, with the number of those skipped.

{}

Exit status: 0 after an interrupt (Ctrl-C) or a termination signal, 2 wrong usage, or an output that
is closed or cannot be written.",
        sources::help()
    )
}

/// What a callback of the store reports.
enum Report {
    Refused(Refusal),
    Recovered(Recovery),
}

pub(crate) fn run(output: &Output, options: &Args) -> io::Result<ExitCode> {
    let stop = signals::stop_flag()?;
    let (key, sources) = arguments::split(&options.arguments);
    let (sender, incoming) = mpsc::channel();
    let recovered = sender.clone();
    let builder = options.reading.builder(&sources);
    // The receiver is gone only when the command ends.
    let builder = builder
        .on_refusal(move |refusal| _ = sender.send(Report::Refused(refusal.clone())))
        .on_recovery(move |recovery| _ = recovered.send(Report::Recovered(recovery.clone())));
    let store = match builder.start() {
        Ok(store) => store,
        Err(error) => {
            print_errors(&[error]);
            return Ok(UNREADABLE.into());
        }
    };
    let mut changes = store.subscribe_section(key.unwrap_or_default());
    let mut screen = Screen::new(output, key, &options.reading, options.limit);
    screen.begin(&sources);
    while !stop.load(Ordering::SeqCst) {
        output.exit_if_unread();
        let reports: Vec<_> = incoming.try_iter().collect();
        // After the reports: a recovery is reported when its revision has been published.
        let config = store.snapshot();
        let is_first = screen.is_empty() && config.revision() > Revision::default();
        if is_first {
            // Nothing may stand on the line of what follows.
            screen.end();
            if !options.reading.are_secrets_used(&[&config]) {
                for report in reports {
                    if let Report::Refused(refusal) = report {
                        screen.refused(&refusal, Revision::default())?;
                    }
                }
                load::abandon(store);
                return Ok(UNREADABLE.into());
            }
        }
        for report in reports {
            match report {
                Report::Refused(refusal) => {
                    screen.refused(&refusal, config.revision())?;
                }
                Report::Recovered(recovery) => {
                    screen.revision(&config)?;
                    screen.recovered(&recovery.layer)?;
                }
            }
        }
        // Last, so that a refusal is shown before the revision that followed it.
        screen.revision(&config)?;
        screen.draw_status(&store.status());
        // A timeout, or a step: either way the next round looks at everything.
        _ = changes.recv_timeout(TICK);
    }
    screen.end();
    load::abandon(store);
    Ok(ExitCode::SUCCESS)
}

/// Returns the names of sources, for people.
fn names(sources: &[Source]) -> String {
    let names: Vec<_> = sources.iter().map(|source| &*source.name).collect();
    names.join(", ")
}
