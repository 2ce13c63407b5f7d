//! The operator's side of `untorn-live`: commands that read, explain, check, compare and follow a
//! configuration.
//!
//! | file | contents |
//! |---|---|
//! | `get.rs`, `explain.rs`, `check.rs`, `diff.rs`, `watch/` | the commands of these names |
//! | `asked.rs` | the arguments of `get` and `explain` |
//! | `sources.rs`, `etcd.rs` | sources as arguments |
//! | `servers.rs` | options of sources with servers |
//! | `load.rs` | one reading of all sources |
//! | `keys.rs` | keys of a section, and suggestions |
//! | `changes.rs` | changes of keys |
//! | `shown.rs` | values as they are printed, and secrets |
//! | `problem.rs` | errors of sources, with advice |

mod asked;
mod changes;
#[cfg(feature = "servers")]
mod etcd;
mod keys;
mod load;
mod problem;
#[cfg(feature = "servers")]
mod servers;
mod shown;
mod sources;

pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod get;
pub(crate) mod watch;

use untorn_live::ConfigError;

pub(crate) use self::problem::Problem;
use crate::escaped::Escaped;
use crate::redacted::redacted;

/// Exit status: the sources cannot be read, so that the question has no answer.
const UNREADABLE: u8 = 2;

/// Returns the command that is meant by `get` or `explain` with a source and no key.
pub(crate) fn tip_for_missing(arguments: impl Iterator<Item = String>) -> Option<String> {
    let arguments: Vec<_> = arguments.take(2).collect();
    let [command, source] = &*arguments else {
        return None;
    };
    let is_meant = matches!(&**command, "get" | "explain") && asked::is_source(source);
    is_meant.then(|| {
        format!(
            "to show all keys: untorn {command} \"\" {}",
            redacted(source)
        )
    })
}

/// Prints errors of sources to stderr.
fn print_errors(errors: &[ConfigError]) {
    for error in errors {
        anstream::eprintln!("untorn: {}", Escaped(Problem::of(error)));
    }
}
