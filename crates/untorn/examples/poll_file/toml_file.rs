//! A TOML file as a source: dotted keys, and only whole files.

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

/// A file that was written to less than this ago may be half-written: it is looked at again.
const QUIET: Duration = Duration::from_millis(50);

/// How often it is looked at again within one fetch, which so takes half a second at most.
const LOOKS: usize = 10;

/// Two writes closer than this may have the same time of modification, on some file systems.
const COARSEST_CLOCK: Duration = Duration::from_secs(2);

/// The file at a path, whichever file that is at the moment: editors that save by rename, a file that is missing for a
/// while and one that is broken are fine, the last good contents stay.
///
/// A file that is written in place shows halves. Those without entries (the file is empty, or has comments and empty tables
/// only) and those that are not TOML are refused. A half with entries that is TOML and stays as it is for longer than
/// [`QUIET`] cannot be distinguished from the whole: save by rename.
pub(crate) struct TomlFile {
    path: PathBuf,
    seen: Option<Seen>,
}

/// What was brought last.
struct Seen {
    stamp: Stamp,
    /// Whether whatever is written after this has another stamp.
    settled: bool,
    text: String,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    length: u64,
    /// Another one after a rename.
    inode: u64,
}

type Entries = Vec<(Arc<str>, Value)>;
type Reason = Box<dyn Error + Send + Sync>;

impl TomlFile {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            seen: None,
        }
    }

    fn read(&mut self) -> Result<Fetched<Entries>, Reason> {
        let stamp = quiet_stamp(&self.path)?;
        if let Some(seen) = &self.seen
            && seen.settled
            && seen.stamp == stamp
        {
            return Ok(Fetched::Unchanged);
        }
        let settled = is_older(stamp, COARSEST_CLOCK);
        let text = fs::read_to_string(&self.path)?;
        if Stamp::of(&self.path)? != stamp {
            return Err("it changed while it was read".into());
        }
        let same = self.seen.as_ref().is_some_and(|seen| seen.text == text);
        let fetched = if same {
            Fetched::Unchanged
        } else {
            Fetched::Contents(entries(&text)?)
        };
        self.seen = Some(Seen {
            stamp,
            settled,
            text,
        });
        Ok(fetched)
    }
}

impl Source for TomlFile {
    type Entries = Entries;
    type Error = CannotRead;

    fn fetch(&mut self) -> Result<Fetched<Entries>, CannotRead> {
        self.read().map_err(|reason| CannotRead {
            path: self.path.clone(),
            reason,
        })
    }

    fn reset(&mut self) {
        self.seen = None;
    }
}

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        if !metadata.is_file() {
            // Opening a pipe would wait for whoever writes to it.
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

/// Whether the file was last written to longer ago than that; not known, so no, if it is from the future.
fn is_older(stamp: Stamp, age: Duration) -> bool {
    stamp.modified.elapsed().is_ok_and(|since| since > age)
}

/// The stamp of a file that nobody is writing to, as far as one can see.
fn quiet_stamp(path: &Path) -> Result<Stamp, Reason> {
    let mut before = Stamp::of(path)?;
    for _ in 0..LOOKS {
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

/// The leaves of the document, by dotted key; at least one. Empty tables have none.
fn entries(text: &str) -> Result<Entries, Reason> {
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().map_or("", |span| &text[..span.start]);
        let line = before.matches('\n').count() + 1;
        format!("line {line}: {}", error.message())
    })?;
    let mut entries = Entries::new();
    flatten("", table, &mut entries);
    if entries.is_empty() {
        // A program that writes in place empties the file first, and may take its time to fill it.
        return Err("it has no entries, which would empty the map".into());
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

/// As it stands in a TOML file, so that a dot in a key is not one between keys.
fn quoted(key: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(is_bare) {
        key.into()
    } else {
        Value::String(key.into()).to_string()
    }
}

/// Why the file was not taken over.
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
