//! Reads the files below a directory.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use untorn::mutants::mutant;

use super::stable::Stamp;
use crate::regular;

/// The largest size of all files together.
const MAX_SIZE: u64 = 64 << 20;

/// The deepest nesting of directories.
const MAX_DEPTH: usize = 16;

/// The time for which the files of a plain directory must stay while others are created and removed
/// beside them, perhaps those that are left out: these must not block the layer.
const OTHERS: Duration = Duration::from_millis(300);

/// A file of a generation.
pub(super) struct Part {
    /// Below the directory.
    pub(super) path: PathBuf,
    pub(super) bytes: Vec<u8>,
    pub(super) stamp: Stamp,
}

/// The files and directories that are read, by their paths below the root.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// `None` for all.
    pub(super) only: Option<Vec<PathBuf>>,
    pub(super) ignored: Vec<PathBuf>,
}

impl Selection {
    /// Removes what is no part of a path below the root, such as `./`. Returns a path that cannot
    /// select a file, if there is one.
    pub(super) fn normalize(&mut self) -> Result<(), PathBuf> {
        for path in self.only.iter_mut().flatten().chain(&mut self.ignored) {
            let parts = path.components().filter(|part| *part != Component::CurDir);
            let normal: PathBuf = parts.clone().collect();
            let mut parts = parts.peekable();
            let is_below =
                parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)));
            if !is_below {
                return Err(path.clone());
            }
            *path = normal;
        }
        Ok(())
    }

    fn has(&self, path: &Path) -> bool {
        let mut ignored = self.ignored.iter();
        let mut only = self.only.iter().flatten();
        (self.only.is_none() || only.any(|one| path.starts_with(one)))
            && !ignored.any(|one| path.starts_with(one))
    }

    /// Returns whether a file of a plain directory is read, by its path below the root.
    pub(super) fn reads(&self, path: &Path) -> bool {
        self.has(path) && !path.iter().any(|name| is_left_out(name, false))
    }

    /// Returns whether a path is selected, or is a directory above one that is.
    fn may_have(&self, path: &Path) -> bool {
        let mut only = self.only.iter().flatten();
        self.has(path) || only.any(|one| one.starts_with(path))
    }
}

/// All files below a directory.
#[derive(Default)]
pub(super) struct Files {
    /// In the order of their paths.
    pub(super) parts: Vec<Part>,
    /// The directories, with their stamps: a file that is removed changes no other.
    pub(super) directories: Vec<(PathBuf, Stamp)>,
}

impl Files {
    /// Returns whether a file, or a directory where one may be missing, had changed so recently
    /// before `now` that its writer may not have finished.
    pub(super) fn have_changed_within(&self, time: Duration, now: SystemTime) -> bool {
        let parts = self.parts.iter().map(|part| &part.stamp);
        let directories = self.directories.iter().map(|(_, stamp)| stamp);
        let mut stamps = parts.chain(directories);
        stamps.any(|stamp| stamp.has_changed_within(time, now))
    }

    /// Forgets the directories if all of these files are there: what changes in a directory then is
    /// a file beside them.
    pub(super) fn forget_directories_of(&mut self, files: &[PathBuf]) {
        let is_there = |file: &PathBuf| {
            let found = self.parts.binary_search_by(|part| part.path.cmp(file));
            found.is_ok()
        };
        if files.iter().all(is_there) || mutant("live_removed_file_is_missed") {
            self.directories.clear();
        }
    }

    /// Returns since when the files have been as they are, by the last reading, and whether that is
    /// for long enough.
    pub(super) fn settled(&self, last: Option<(Self, Instant)>) -> (Instant, bool) {
        let Some((last, since)) = last.filter(|(last, _)| self.are_those_of(last)) else {
            return (Instant::now(), false);
        };
        let is_quiet = last.directories == self.directories;
        (since, is_quiet || since.elapsed() > OTHERS)
    }

    /// Returns whether the files are those of another reading, with the same stamps.
    pub(super) fn are_those_of(&self, other: &Self) -> bool {
        let is_same = |one: &Part, other: &Part| one.path == other.path && one.stamp == other.stamp;
        let mut pairs = self.parts.iter().zip(&other.parts);
        self.parts.len() == other.parts.len() && pairs.all(|(one, other)| is_same(one, other))
    }
}

/// Reads the files below a directory.
pub(super) struct Walk<'s> {
    selection: &'s Selection,
    files: Files,
    size: u64,
    pub(super) are_only_stamps_read: bool,
    is_generation: bool,
}

impl<'s> Walk<'s> {
    pub(super) fn new(selection: &'s Selection, is_generation: bool) -> Self {
        Self {
            selection,
            files: Files::default(),
            size: 0,
            are_only_stamps_read: false,
            is_generation,
        }
    }

    /// Reads all files.
    pub(super) fn files(mut self, root: &Path) -> io::Result<Files> {
        self.directory(root, Path::new(""), 0)?;
        let mut files = self.files;
        files.parts.sort_by(|one, other| one.path.cmp(&other.path));
        files.directories.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(files)
    }

    fn directory(&mut self, directory: &Path, below: &Path, depth: usize) -> io::Result<()> {
        let named = |error: io::Error| described(directory, &error);
        if depth > MAX_DEPTH {
            let message = format!(
                "directories are nested more than {MAX_DEPTH} levels deep: does a link lead to a \
                 directory above it?"
            );
            return Err(named(io::Error::other(message)));
        }
        let metadata = fs::metadata(directory).map_err(named)?;
        self.files
            .directories
            .push((below.to_path_buf(), Stamp::of(&metadata)));
        for entry in fs::read_dir(directory).map_err(named)? {
            let name = entry.map_err(named)?.file_name();
            if is_left_out(&name, self.is_generation) {
                continue;
            }
            let (path, below) = (directory.join(&name), below.join(&name));
            if !self.selection.may_have(&below) {
                continue;
            }
            let named = |error: io::Error| described(&path, &error);
            let metadata = fs::metadata(&path).map_err(named)?;
            if metadata.is_dir() {
                self.directory(&path, &below, depth + 1)?;
                continue;
            }
            if !self.selection.has(&below) {
                continue;
            }
            regular::check(&metadata).map_err(named)?;
            let bytes = match self.are_only_stamps_read {
                true => Vec::new(),
                false => self.read(&path).map_err(named)?,
            };
            self.files.parts.push(Part {
                path: below,
                bytes,
                stamp: Stamp::of(&metadata),
            });
        }
        Ok(())
    }

    /// Reads a file, whatever its length is said to be.
    fn read(&mut self, path: &Path) -> io::Result<Vec<u8>> {
        let left = MAX_SIZE - self.size;
        let mut bytes = Vec::new();
        regular::open(path)?
            .take(left + 1)
            .read_to_end(&mut bytes)?;
        let length = bytes.len() as u64;
        if length > left {
            let message = format!("the files up to this one have more than {MAX_SIZE} bytes");
            return Err(io::Error::other(message));
        }
        self.size += length;
        Ok(bytes)
    }
}

/// Returns an error with the path that it is about.
fn described(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Returns whether a name is no key: it belongs to the mount, or to an editor. A generation has no
/// files of editors, but keys such as `.dockerconfigjson`.
fn is_left_out(name: &OsStr, is_generation: bool) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b"..") || !is_generation && (name.starts_with(b".") || name.ends_with(b"~"))
}
