//! The file of the cache: a header with a checksum, and the body.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{ConfigError, ErrorKind, Place};
use crate::links;
use crate::regular;

/// The first word of the header.
const MAGIC: &str = "untorn-live-cache";

/// The version of the format.
const VERSION: &str = "1";

/// More than a header has.
const HEADER_LENGTH: u64 = 100;

/// Why a cache is not read, but replaced.
const DAMAGED: &str = "the file is damaged; delete the file";

/// Why a file that is not a cache is neither read nor replaced.
const FOREIGN: &str = "the file is not a cache; give the cache another path, or delete the file";

/// Writes a file as a whole: a reader of the path finds the old file or the new one, also after a
/// loss of power, and while other processes write it. A process that is killed leaves a file beside
/// it, which [`remove_left_behind`] removes.
///
/// Returns the header, by which [`header`] tells this file from one that another store writes.
pub(super) fn write(path: &Path, body: &[u8]) -> Result<Header, ConfigError> {
    // The file that a link leads to is replaced, also if it is missing, and not the link.
    let path = &*target(path);
    check_replaceable(path)?;
    let header = Header::of(body);
    let written = (|| {
        let temporary = temporary(path)?;
        let mut file = create(&temporary)?;
        let written = file
            .write_all(&header.0)
            .and_then(|()| file.write_all(body))
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // It may have filled the disk.
            _ = fs::remove_file(&temporary);
        }
        written?;
        sync_directory(path)
    })();
    written.map_err(|error: io::Error| {
        ConfigError::new(ErrorKind::Cache, format!("cannot write the cache: {error}"))
            .at(place(path))
    })?;
    Ok(header)
}

/// Returns an error if a write would replace a file that is not a cache. An empty file is replaced:
/// `mktemp` makes such files.
fn check_replaceable(path: &Path) -> Result<(), ConfigError> {
    let error = |reason: &str| {
        let message = format!("cannot write the cache: {reason}");
        ConfigError::new(ErrorKind::Cache, message).at(place(path))
    };
    match first_line(path) {
        Ok(line) if line.is_empty() || is_of_cache(&line) => Ok(()),
        Ok(_) => Err(error(FOREIGN)),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(unreadable) => Err(error(&unreadable.to_string())),
    }
}

/// Returns whether the first line of a file is that of a cache, of any version.
fn is_of_cache(line: &[u8]) -> bool {
    line.strip_prefix(MAGIC.as_bytes())
        .is_some_and(|rest| rest.first().is_none_or(|&byte| byte == b' '))
}

/// Returns the file that a path leads to.
pub(super) fn target(path: &Path) -> PathBuf {
    links::resolve(path).map_or_else(|_| path.to_path_buf(), |path| path.target)
}

/// The first line of a cache, which has the checksum and the length of the rest.
#[derive(Debug, PartialEq)]
pub(super) struct Header(Vec<u8>);

impl Header {
    pub(super) fn of(body: &[u8]) -> Self {
        let (checksum, length) = (crc32fast::hash(body), body.len());
        Self(format!("{MAGIC} {VERSION} {checksum:08x} {length}\n").into_bytes())
    }

    #[cfg(any(test, untorn_fuzzing))]
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Returns the header of a cache, or the beginning of another file; `None` if there is none that
/// can be read.
pub(super) fn header(path: &Path) -> Option<Header> {
    first_line(path).ok().map(Header)
}

/// Returns the first line of a regular file, or its first bytes if they have no line break.
fn first_line(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    regular::open(path)?
        .take(HEADER_LENGTH)
        .read_to_end(&mut bytes)?;
    if let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
        bytes.truncate(end + 1);
    }
    Ok(bytes)
}

/// The end of the name of a file that is written before it is renamed.
const TEMPORARY: &str = ".tmp";

/// The length of the number in such a name.
const RANDOM_DIGITS: usize = 16;

/// The age beyond which such a file was left behind.
const LEFT_BEHIND: Duration = Duration::from_secs(60);

/// Returns a path beside `path` that no other process uses.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    let name = path
        .file_name()
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the path has no file name"))?;
    // Each state has keys of its own; process numbers are equal in containers.
    let random = RandomState::new().build_hasher().finish();
    let mut name = name.to_os_string();
    name.push(format!(".{random:0RANDOM_DIGITS$x}{TEMPORARY}"));
    Ok(path.with_file_name(name))
}

/// Removes the files that killed processes have left beside a cache.
pub(super) fn remove_left_behind(path: &Path) {
    let path = target(path);
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    let prefix = [name.as_encoded_bytes(), b"."].concat();
    for entry in entries.flatten() {
        let other = entry.file_name();
        let other = other.as_encoded_bytes().strip_prefix(&*prefix);
        let random = other.and_then(|other| other.strip_suffix(TEMPORARY.as_bytes()));
        let is_temporary = random.is_some_and(|random| {
            random.len() == RANDOM_DIGITS && random.iter().all(u8::is_ascii_hexdigit)
        });
        let age = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old =
            age.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > LEFT_BEHIND));
        if is_temporary && is_old {
            _ = fs::remove_file(entry.path());
        }
    }
}

/// Creates a file that only its owner can read.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Makes a rename last.
#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Reads a file that is whole; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, ConfigError> {
    let error = |reason: &str| {
        let message = format!("cannot use the cache: {reason}");
        ConfigError::new(ErrorKind::Cache, message).at(place(path))
    };
    let unreadable = |cause: io::Error| error(&format!("the file cannot be read: {cause}"));
    let file = match regular::open(path) {
        Ok(file) => file,
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(other) => return Err(unreadable(other)),
    };
    let mut bytes = Vec::new();
    (&file)
        .take(HEADER_LENGTH)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    let header = Parsed::from_start(&bytes).map_err(|reason| error(&reason))?;
    // No more than a cache with this header has, and one byte, by which a longer file is noticed.
    let end = header.header_length.saturating_add(header.length);
    let rest = end.saturating_add(1).saturating_sub(bytes.len());
    file.take(rest as u64)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    body(bytes).map(Some).map_err(|reason| error(&reason))
}

/// Checks the header and returns the body.
pub(super) fn body(mut bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let Parsed {
        header_length,
        checksum,
        length,
    } = Parsed::from_start(&bytes)?;
    bytes.drain(..header_length);
    if bytes.len() != length || crc32fast::hash(&bytes) != checksum {
        return Err(DAMAGED.into());
    }
    Ok(bytes)
}

/// What a header says, and its own length.
struct Parsed {
    header_length: usize,
    checksum: u32,
    /// The length of the rest.
    length: usize,
}

impl Parsed {
    /// Parses the header at the start of a file.
    fn from_start(bytes: &[u8]) -> Result<Self, String> {
        let damaged = || DAMAGED.to_string();
        if !bytes.is_empty() && !is_of_cache(bytes) {
            return Err(FOREIGN.into());
        }
        let end = bytes
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or_else(damaged)?;
        let header = std::str::from_utf8(&bytes[..end]).map_err(|_| damaged())?;
        let [_, version, checksum, length] = header.split(' ').collect::<Vec<_>>()[..] else {
            return Err(damaged());
        };
        if version != VERSION {
            return Err(format!(
                "the file has format version {version}, and this build reads {VERSION}; delete the \
                 file"
            ));
        }
        Ok(Self {
            header_length: end + 1,
            checksum: u32::from_str_radix(checksum, 16).map_err(|_| damaged())?,
            length: length.parse().map_err(|_| damaged())?,
        })
    }
}

pub(super) fn place(path: &Path) -> Place {
    Place::of_layer(&path.display().to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(bytes: &[u8]) -> String {
        body(bytes.to_vec()).unwrap_err()
    }

    #[test]
    fn every_flipped_bit_and_truncation_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        write(&path, b"{\"the\": \"body\"}").unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), b"{\"the\": \"body\"}");
        for length in 0..bytes.len() {
            assert!(body(bytes[..length].to_vec()).is_err());
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // A letter of the checksum may be written in two ways.
            let is_same = flipped.eq_ignore_ascii_case(&bytes);
            assert!(is_same || body(flipped).is_err(), "bit {bit}");
        }
        assert!(error(b"untorn-live-cache 9 00000000 0\n").contains("version 9"));
    }

    /// Only those that are old: another process may write a younger one.
    #[cfg(unix)]
    #[test]
    fn files_of_killed_processes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        let (old, young) = (temporary(&path).unwrap(), temporary(&path).unwrap());
        fs::write(&young, "").unwrap();
        // A name that only looks alike is of another program.
        let other = folder.path().join("cache.of-another-one.tmp");
        let time = std::time::SystemTime::now() - 2 * LEFT_BEHIND;
        for path in [&old, &other] {
            File::create(path).unwrap().set_modified(time).unwrap();
        }
        // A link leads to the cache.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        remove_left_behind(&link);
        assert!(!old.exists() && young.exists() && other.exists());
    }

    #[cfg(unix)]
    #[test]
    fn link_to_a_cache_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("cache"), folder.path().join("link"));
        write(&path, b"old").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        write(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(read(&path).unwrap().unwrap(), b"new");
        // Also one whose file is missing.
        fs::remove_file(&path).unwrap();
        write(&link, b"newer").unwrap();
        assert!(link.is_symlink());
        assert_eq!(read(&path).unwrap().unwrap(), b"newer");
    }

    #[test]
    fn header_tells_files_apart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        assert_eq!(header(&path), None);
        let one = write(&path, b"one").unwrap();
        assert_eq!(header(&path).as_ref(), Some(&one));
        let other = write(&path, b"other").unwrap();
        assert_eq!(header(&path), Some(other));
        assert_ne!(header(&path), Some(one));
        fs::write(&path, [b'x'; 1000]).unwrap();
        assert_eq!(header(&path), Some(Header(vec![b'x'; 100])));
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_cache() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cache");
        write(&path, b"").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
