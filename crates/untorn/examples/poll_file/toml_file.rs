//! A TOML file as a source: dotted keys, and only complete files.

use std::error::Error;
use std::fmt;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use toml::{Table, Value};
use untorn::{Fetched, Source};

/// A file that was modified less than this ago may be half-written, so it is checked again.
const QUIET: Duration = Duration::from_millis(50);

/// The most checks within one fetch, which bounds it to half a second.
const CHECKS: usize = 10;

/// Two writes closer than this may have the same modification time on some file systems.
const COARSEST_CLOCK: Duration = Duration::from_secs(2);

/// The file at a path, which editors may replace by rename. If it is missing or invalid, the map
/// retains the last good contents.
///
/// A file that is written in place may be read half-written. A half without entries (empty, or only
/// comments and empty tables) and a half that is not valid TOML are rejected. A half that is valid
/// TOML with entries, and unchanged for longer than [`QUIET`], cannot be distinguished from a
/// complete file: limit what a poll may remove
/// ([`max_removed`](untorn::poller::PollerBuilder::max_removed)), and save by rename.
pub(crate) struct TomlFile {
    path: PathBuf,
    last: Option<Contents>,
}

/// The contents of the last fetch.
struct Contents {
    stamp: Stamp,
    /// `true` if every later write changes the stamp.
    settled: bool,
    text: String,
}

/// Metadata that identifies a state of the file without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
    /// Changes with a rename.
    inode: u64,
}

type Entries = Vec<(Arc<str>, Value)>;
type Reason = Box<dyn Error + Send + Sync>;

impl TomlFile {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            last: None,
        }
    }

    fn read(&mut self) -> Result<Fetched<Entries>, Reason> {
        let stamp = quiet_stamp(&self.path)?;
        if let Some(last) = &self.last
            && last.settled
            && last.stamp == stamp
        {
            return Ok(Fetched::Unchanged);
        }
        let settled = is_older(stamp, COARSEST_CLOCK);
        let text = fs::read_to_string(&self.path)?;
        if Stamp::of(&self.path)? != stamp {
            return Err("it changed while it was read".into());
        }
        let same = self.last.as_ref().is_some_and(|last| last.text == text);
        let fetched = if same {
            Fetched::Unchanged
        } else {
            Fetched::Contents(entries(&text)?)
        };
        self.last = Some(Contents {
            stamp,
            settled,
            text,
        });
        Ok(fetched)
    }
}

impl Source for TomlFile {
    type Contents = Entries;
    type Error = CannotRead;

    fn fetch(&mut self) -> Result<Fetched<Entries>, CannotRead> {
        self.read().map_err(|reason| CannotRead {
            path: self.path.clone(),
            reason,
        })
    }

    fn reset(&mut self) {
        self.last = None;
    }
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            // Opening a pipe would block until another process writes to it.
            return Err(io::Error::other("it is not a file"));
        }
        Ok(Self {
            modified: metadata.modified()?,
            length: metadata.len(),
            inode: inode(&metadata),
        })
    }
}

#[cfg(unix)]
fn inode(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &Metadata) -> u64 {
    0
}

/// Returns `true` if the file was modified longer ago than `age`, and `false` if its modification
/// time is in the future.
fn is_older(stamp: Stamp, age: Duration) -> bool {
    stamp.modified.elapsed().is_ok_and(|since| since > age)
}

/// Returns the stamp of the file once it has been unchanged for [`QUIET`].
fn quiet_stamp(path: &Path) -> Result<Stamp, Reason> {
    let mut before = Stamp::of(path)?;
    for _ in 0..CHECKS {
        if is_older(before, QUIET) {
            return Ok(before);
        }
        thread::sleep(QUIET);
        let now = Stamp::of(path)?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
    Err("it is being written".into())
}

/// Returns the leaves of the document by dotted key, at least one. Empty tables have none.
fn entries(text: &str) -> Result<Entries, Reason> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().map_or("", |span| &text[..span.start]);
        let line = before.matches('\n').count() + 1;
        format!("line {line}: {}", error.message())
    })?;
    let mut entries = Entries::new();
    flatten("", table, &mut entries);
    if entries.is_empty() {
        // A program that writes in place truncates the file first, and may fill it much later. The
        // poller refuses this too, but not at its start, when the map is empty.
        return Err("it has no entries".into());
    }
    Ok(entries)
}

fn flatten(prefix: &str, table: Table, entries: &mut Entries) {
    for (key, value) in table {
        let key = format!("{prefix}{}", quoted(&key));
        match value {
            Value::Table(inner) => flatten(&format!("{key}."), inner, entries),
            leaf => entries.push((key.into(), leaf)),
        }
    }
}

/// Quotes a key as in TOML, so that a dot inside it is not taken for a separator.
fn quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        key.into()
    } else {
        Value::String(key.into()).to_string()
    }
}

/// The error of a rejected or unreadable file.
#[derive(Debug)]
pub(crate) struct CannotRead {
    path: PathBuf,
    reason: Reason,
}

impl fmt::Display for CannotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read {}", self.path.display())
    }
}

impl Error for CannotRead {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.reason)
    }
}
