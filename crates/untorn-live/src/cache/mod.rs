//! The last good configuration on disk, for a start while sources are silent.
//!
//! | file | contents |
//! |---|---|
//! | `file.rs` | the file: written as a whole, with a checksum |
//! | `format.rs` | its contents |
//! | `keeper.rs` | the thread that writes it, and takes it when a start finds no source |
//! | `fuzz.rs` | files from any bytes, for the fuzzer |

mod file;
mod format;
#[cfg(any(test, untorn_fuzzing))]
pub(crate) mod fuzz;
mod keeper;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

pub(crate) use self::keeper::{Keeper, KeeperState, count};
use crate::error::{ConfigError, ErrorKind};
use crate::layer::{Layer, Setup};
use crate::links;

/// How long a start waits for the sources before it takes the cache.
const AFTER: Duration = Duration::from_secs(5);

/// The largest step of a clock that is set right.
const CLOCK_STEP: Duration = Duration::from_secs(60);

/// Returns the age of a cache; `None` if it was written in the future, by a clock that was wrong
/// then or is wrong now.
pub(crate) fn age_of(written: SystemTime) -> Option<Duration> {
    match written.elapsed() {
        Ok(age) => Some(age),
        Err(future) => (future.duration() <= CLOCK_STEP).then_some(Duration::ZERO),
    }
}

/// A file with the last good configuration, for [`StoreBuilder::cache`](crate::StoreBuilder::cache).
///
/// Each revision is written to it, at most some per second, as a temporary file that is synced and
/// renamed: never half. If not all sources have answered five seconds after the start, those that
/// are missing are taken from it; the [status](crate::Status::cache) has its age, and the sources
/// take over as soon as they answer. A change of the others is written meanwhile; the contents of
/// the missing ones, and their age, stay. A file that is damaged, or of another version, is
/// reported and ignored, and replaced by the next write.
///
/// A file with other contents, a device, a pipe and a directory are neither read nor replaced: that
/// is an error of the [status](crate::CacheStatus::error). A file that a layer reads is an error of
/// [`StoreBuilder::start`](crate::StoreBuilder::start).
///
/// A file belongs to one store. Two stores that have the same one, in one process or in several,
/// replace each other's contents; one that notices this at a write reports it, as an error of the
/// [status](crate::CacheStatus::error) and to [`on_refusal`](crate::StoreBuilder::on_refusal).
///
/// On Unix only its owner can read it (mode 0600). It holds values in plain text, secrets too
/// unless [`without_secrets`](Self::without_secrets) is set.
///
/// # Examples
/// ```
/// # #[cfg(feature = "file")] {
/// use std::time::Duration;
/// use untorn_live::{Cache, Store};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let (path, cache) = (folder.path().join("app.toml"), folder.path().join("app.cache"));
/// # std::fs::write(&path, "port = 80").unwrap();
/// let store = || {
///     let cache = Cache::at(&cache).after(Duration::from_millis(50));
///     Store::builder().file(&path).cache(cache).start().unwrap()
/// };
/// let first = store();
/// first.ready(Duration::from_secs(60)).unwrap();
/// drop(first); // writes the cache
///
/// std::fs::remove_file(&path).unwrap();
/// let second = store();
/// let config = second.ready(Duration::from_secs(60)).unwrap();
/// assert_eq!(config.get("port").unwrap().as_integer(), Some(80));
/// assert!(second.status().cache.unwrap().in_use_since.is_some());
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Cache {
    path: PathBuf,
    are_secrets_stored: bool,
    after: Duration,
}

impl Cache {
    /// Creates a cache in a file, whose directory must exist. A relative path is resolved now, in
    /// the working directory of this moment.
    ///
    /// # Examples
    /// See [`Cache`].
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: links::absolute(path),
            are_secrets_stored: true,
            after: AFTER,
        }
    }

    /// Returns an error if the file of the cache is also read by a layer: its writes would replace
    /// a file of the user, or be updates of the layer.
    pub(crate) fn check_path(&self, layers: &[Layer]) -> Result<(), ConfigError> {
        let path = file::target(&self.path);
        let is_read = |layer: &&Layer| match &layer.setup {
            Setup::Polled(polled) => polled.reads.as_ref().is_some_and(|reads| reads(&path)),
            _ => false,
        };
        let Some(layer) = layers.iter().find(is_read) else {
            return Ok(());
        };
        let message = format!(
            "cannot keep the cache in a file that the layer {} reads; give the cache another path",
            layer.name
        );
        Err(ConfigError::new(ErrorKind::Cache, message).at(file::place(&self.path)))
    }

    /// Leaves out the values of [secrets](crate::StoreBuilder::secret), and those that have one
    /// inside. A start that would need one of them from the cache does not take it.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Cache;
    ///
    /// let cache = Cache::at("/var/lib/app/config.cache").without_secrets();
    /// ```
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        self.are_secrets_stored = false;
        self
    }

    /// Sets how long a start waits for the sources before it takes the cache. The default is five
    /// seconds.
    ///
    /// # Examples
    /// See [`Cache`].
    #[must_use]
    pub fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }
}
