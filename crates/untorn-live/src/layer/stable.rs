//! Reads files that others may be writing.
#![cfg_attr(
    not(feature = "file"),
    allow(dead_code, reason = "a mount reads its files itself")
)]

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::mem;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use untorn::mutants::mutant;

use super::Watch;
use crate::error::{ConfigError, ErrorKind, Place};
use crate::regular;

/// A file that was written within this time is read when it has not changed for as long, so that a
/// writer in place has finished. It costs a save in place this much latency, and a rename nothing.
pub(super) const SETTLE: Duration = Duration::from_millis(100);

/// The pause between two attempts to read a file that changes while it is read.
const RETRY: Duration = Duration::from_millis(5);

/// The longest time for a writer to finish.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The properties of a file that change with its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// The device, the inode and the time of the last change of either, where there are such.
    identity: [i64; 4],
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            identity: identity(metadata),
        }
    }

    /// Returns whether the file was written so recently that its writer may not have finished. A
    /// time in the future says nothing, so it counts as recent.
    pub(super) fn is_within(&self, time: Duration) -> bool {
        let now = SystemTime::now();
        self.modified
            .is_some_and(|modified| is_recent(modified, time, now))
    }

    /// Returns whether the file was written, renamed or given another time so recently before
    /// `now`. Programs that copy a directory set the old time of each file.
    #[cfg(feature = "mount")]
    pub(super) fn has_changed_within(&self, time: Duration, now: SystemTime) -> bool {
        let [_, _, seconds, nanoseconds] = self.identity;
        let since = Duration::new(
            u64::try_from(seconds).unwrap_or_default(),
            u32::try_from(nanoseconds).unwrap_or_default(),
        );
        let changed = SystemTime::UNIX_EPOCH.checked_add(since);
        let mut times = self.modified.into_iter().chain(changed);
        times.any(|changed| is_recent(changed, time, now))
    }
}

fn is_recent(time: SystemTime, within: Duration, now: SystemTime) -> bool {
    now.duration_since(time).map_or(true, |age| age < within)
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> [i64; 4] {
    use std::os::unix::fs::MetadataExt;

    [
        metadata.dev() as i64,
        metadata.ino() as i64,
        metadata.ctime(),
        metadata.ctime_nsec(),
    ]
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> [i64; 4] {
    [0; 4]
}

/// The bytes of a file, and its stamp while they were read.
pub(super) struct Bytes {
    pub(super) bytes: Vec<u8>,
    pub(super) stamp: Stamp,
    /// The file was put in its place as a whole, and has not been seen to change since.
    pub(super) is_complete: bool,
}

/// Reads a file that has not changed meanwhile, and for [`SETTLE`] before unless `take_complete`
/// says that it has been put in its place as a whole. `Ok(None)` if there is none.
pub(super) fn read(
    path: &Path,
    max_size: u64,
    take_complete: impl FnMut() -> bool,
    watch: &Watch,
    place: &Place,
) -> Result<Option<Bytes>, ConfigError> {
    let attempt = |is_complete, settled| attempt(path, max_size, is_complete, settled);
    read_by(attempt, max_size, take_complete, watch, place)
}

/// Tries to read a file until it has not changed.
fn read_by(
    mut attempt: impl FnMut(bool, Option<Stamp>) -> io::Result<Attempt>,
    max_size: u64,
    mut take_complete: impl FnMut() -> bool,
    watch: &Watch,
    place: &Place,
) -> Result<Option<Bytes>, ConfigError> {
    let began = Instant::now();
    let mut is_complete = take_complete();
    let mut settled = None;
    let mut is_missing = false;
    loop {
        let was_missing = mem::take(&mut is_missing);
        match attempt(is_complete, settled) {
            Ok(Attempt::Read(bytes)) => return Ok(Some(bytes)),
            Ok(Attempt::Recent(stamp)) => {
                settled = Some(stamp);
                thread::sleep(SETTLE);
            }
            Ok(Attempt::Changed) => {
                settled = None;
                thread::sleep(RETRY);
            }
            Ok(Attempt::TooLarge(length)) => {
                let message = format!("the file has {length} bytes; the limit is {max_size}");
                return Err(ConfigError::new(ErrorKind::Unreadable, message).at(place.clone()));
            }
            // An editor renames the old file before it writes the new one.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if was_missing {
                    return Ok(None);
                }
                is_missing = true;
                thread::sleep(SETTLE);
            }
            Err(error) => {
                let message = format!("cannot read the file: {error}");
                return Err(ConfigError::new(ErrorKind::Unreadable, message).at(place.clone()));
            }
        }
        // Files may replace each other without a pause; each of them is complete.
        is_complete = take_complete() || mutant("live_changed_file_is_complete");
        if watch.is_closed() {
            return Err(closed(place));
        }
        if began.elapsed() > MAX_WAIT {
            let message =
                format!("the file has been changing for {MAX_WAIT:?}; is it still being written?");
            return Err(ConfigError::new(ErrorKind::Unstable, message).at(place.clone()));
        }
    }
}

/// Returns the error for a read that the end of the store cuts short.
pub(super) fn closed(place: &Place) -> ConfigError {
    ConfigError::new(ErrorKind::Ended, "the store has ended").at(place.clone())
}

enum Attempt {
    Read(Bytes),
    /// The file was written recently.
    Recent(Stamp),
    /// The file has changed while it was read.
    Changed,
    TooLarge(u64),
}

fn attempt(
    path: &Path,
    max_size: u64,
    is_complete: bool,
    settled: Option<Stamp>,
) -> io::Result<Attempt> {
    let file = regular::open(path)?;
    let stamp = Stamp::of(&file.metadata()?);
    let is_recent = stamp.is_within(SETTLE) && !mutant("live_half_save_is_read");
    if !is_complete && is_recent && settled != Some(stamp) {
        return Ok(Attempt::Recent(stamp));
    }
    read_open(path, file, stamp, max_size, is_complete)
}

/// Reads a file that had this stamp when it was opened.
fn read_open(
    path: &Path,
    mut file: File,
    stamp: Stamp,
    max_size: u64,
    is_complete: bool,
) -> io::Result<Attempt> {
    if stamp.length > max_size {
        return Ok(Attempt::TooLarge(stamp.length));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(stamp.length).unwrap_or_default());
    file.by_ref()
        .take(max_size.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_size {
        return Ok(Attempt::TooLarge(bytes.len() as u64));
    }
    // Also the path: it may lead to another file by now.
    let is_unchanged = Stamp::of(&file.metadata()?) == stamp
        && Stamp::of(&fs::metadata(path)?) == stamp
        // A file of `/proc` has no length. A writer that has begun since has changed the stamp.
        && (bytes.len() as u64 == stamp.length || stamp.length == 0);
    Ok(
        if is_unchanged || mutant("live_change_while_read_is_missed") {
            Attempt::Read(Bytes {
                bytes,
                stamp,
                is_complete,
            })
        } else {
            Attempt::Changed
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens a file, changes it, and reads what was opened.
    fn is_read(change: impl FnOnce(&Path)) -> bool {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("app.toml");
        fs::write(&path, "port = 80").expect("written");
        let file = File::open(&path).expect("there");
        let stamp = Stamp::of(&file.metadata().expect("there"));
        // More than the steps of the file system's clock.
        thread::sleep(Duration::from_millis(30));
        change(&path);
        match read_open(&path, file, stamp, 1 << 20, false) {
            Ok(Attempt::Read(_)) => true,
            Ok(Attempt::Changed) => false,
            _ => panic!("neither read nor changed"),
        }
    }

    #[test]
    fn change_while_read_is_noticed() {
        assert!(is_read(|_| {}));
        assert!(!is_read(
            |path| fs::write(path, "port = 81").expect("written")
        ));
        assert!(!is_read(|path| fs::write(path, "").expect("written")));
        assert!(!is_read(|path| {
            let new = path.with_extension("new");
            fs::write(&new, "port = 80").expect("written");
            fs::rename(new, path).expect("renamed");
        }));
    }

    /// A file is no longer complete if it is written in place, or removed, while it is read.
    /// Another one that takes its place is complete.
    #[test]
    fn file_that_changes_while_read_is_not_complete() {
        let (watch, place) = (Watch::new(), Place::of_layer(&"app.toml".into()));
        let removed = || io::Error::from(io::ErrorKind::NotFound);
        let stamp = Stamp::of(&fs::metadata("/").expect("a root"));
        for (first, is_moved) in [
            (Ok(Attempt::Changed), false),
            (Ok(Attempt::Changed), true),
            (Ok(Attempt::Recent(stamp)), true),
            (Err(removed()), false),
            (Err(removed()), true),
        ] {
            let mut first = Some(first);
            let mut marks = [true, is_moved].into_iter();
            let attempt = |is_complete, _| {
                first.take().unwrap_or_else(|| {
                    Ok(Attempt::Read(Bytes {
                        bytes: Vec::new(),
                        stamp: Stamp::of(&fs::metadata("/")?),
                        is_complete,
                    }))
                })
            };
            let take_complete = || marks.next().unwrap_or_default();
            let read = read_by(attempt, 1, take_complete, &watch, &place);
            let read = read.expect("it is there").expect("a file");
            assert_eq!(read.is_complete, is_moved);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn file_without_a_length_is_read() {
        let attempt = attempt(Path::new("/proc/self/status"), 1 << 20, true, None);
        let Ok(Attempt::Read(read)) = attempt else {
            panic!("it is not read");
        };
        assert!(read.bytes.starts_with(b"Name:"));
    }

    #[test]
    fn recent_file_is_read_once_it_has_settled() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("app.toml");
        fs::write(&path, "port = 8").expect("written");
        // Recent for as long as the test takes.
        let future = SystemTime::now() + MAX_WAIT;
        let file = File::options().write(true).open(&path).expect("there");
        file.set_modified(future).expect("set");
        let Ok(Attempt::Recent(stamp)) = attempt(&path, 1 << 20, false, None) else {
            panic!("it was read while its writer may be at work");
        };
        let settled = attempt(&path, 1 << 20, false, Some(stamp));
        assert!(matches!(settled, Ok(Attempt::Read(_))));
        let complete = attempt(&path, 1 << 20, true, None);
        assert!(matches!(complete, Ok(Attempt::Read(_))));
    }
}
