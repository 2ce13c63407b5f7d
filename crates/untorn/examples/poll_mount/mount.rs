//! A Kubernetes mount as a source: all files of one generation, or none.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use untorn::{Fetched, Source};

/// The link that a swap replaces.
const DATA: &str = "..data";

/// The most reads within one fetch: each one but the first follows a swap.
const ATTEMPTS: usize = 10;

/// The files of a mounted `ConfigMap` or `Secret`, by their path below the mount.
///
/// A fetch resolves `..data` once, reads every file below the folder that it leads to, and resolves
/// it again. If it leads elsewhere by then, the folder may have been deleted while it was read, and
/// the fetch starts over. A generation is never changed, only replaced, so one that has been read
/// before need not be read again.
pub(crate) struct Mount {
    path: PathBuf,
    /// The target of the link at the last fetch.
    last: Option<PathBuf>,
}

type Files = Vec<(Arc<str>, Arc<[u8]>)>;

impl Mount {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            last: None,
        }
    }

    fn generation(&self) -> io::Result<PathBuf> {
        fs::read_link(self.path.join(DATA))
    }

    fn read(&mut self) -> io::Result<Fetched<Files>> {
        let mut generation = self.generation()?;
        if self.last.as_ref() == Some(&generation) {
            return Ok(Fetched::Unchanged);
        }
        for _ in 0..ATTEMPTS {
            let mut files = Files::new();
            let read = read_below(&self.path.join(&generation), "", &mut files);
            let now = self.generation()?;
            if now == generation {
                read?;
                self.last = Some(generation);
                return Ok(Fetched::Contents(files));
            }
            generation = now;
        }
        let swapped = format!("swapped {ATTEMPTS} times while it was read");
        Err(io::Error::other(swapped))
    }
}

impl Source for Mount {
    type Contents = Files;
    type Error = CannotRead;

    fn fetch(&mut self) -> Result<Fetched<Files>, CannotRead> {
        self.read().map_err(|reason| CannotRead {
            path: self.path.clone(),
            reason,
        })
    }

    fn reset(&mut self) {
        self.last = None;
    }
}

fn read_below(folder: &Path, prefix: &str, files: &mut Files) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let key = format!("{prefix}{}", utf8(&name)?);
        if entry.file_type()?.is_dir() {
            read_below(&entry.path(), &format!("{key}/"), files)?;
        } else {
            files.push((key.into(), fs::read(entry.path())?.into()));
        }
    }
    Ok(())
}

fn utf8(name: &OsStr) -> io::Result<&str> {
    name.to_str()
        .ok_or_else(|| io::Error::other(format!("the name {name:?} is not UTF-8")))
}

/// The error of a mount that cannot be read.
#[derive(Debug)]
pub(crate) struct CannotRead {
    path: PathBuf,
    reason: io::Error,
}

impl fmt::Display for CannotRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the mount {}", self.path.display())
    }
}

impl std::error::Error for CannotRead {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.reason)
    }
}
