//! Files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use untorn::poller::{FetchedAfter, ResumeToken};

use super::bytes::{self, Digest};
use super::stable::{self, SETTLE};
use super::watch::is_in_root;
use super::{Answer, Contents, Fetch, Layer, Opening, Polled, Route, Setup, Watch};
use crate::document::Format;
use crate::error::{ConfigError, ErrorKind, Place};
use crate::links::{self, Resolved};

/// The period of the poll beneath the events.
const PERIOD: Duration = Duration::from_secs(5);

/// The default for the largest file.
const MAX_SIZE: u64 = 64 << 20;

/// An error of a file that was written within this time may be that of a half-written file.
const YOUNG: Duration = Duration::from_secs(1);

/// A layer of a file in TOML, JSON or YAML. The directory of the file is watched, and the contents
/// are also compared every five seconds, since events can be lost.
///
/// A file that is being written is read when it has been left alone for a tenth of a second; one
/// that was put in its place by a rename is read at once. A writer in place that pauses for longer
/// in the middle of a file may be caught with half of it, if that half is valid: write a new file
/// and rename it, as most editors do. A file that cannot be parsed, that is empty although it had
/// keys, or that is missing leaves the last good contents; so the file of a running service may be
/// deleted and created again.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use untorn_live::Store;
/// use untorn_live::layer::File;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("app.toml");
/// # std::fs::write(&path, "port = 80").unwrap();
/// let file = File::at(&path).period(Duration::from_secs(1));
/// let store = Store::builder().layer(file).start().unwrap();
/// store.ready(Duration::from_secs(60)).unwrap();
/// assert_eq!(store.pin().get("port").unwrap().as_integer(), Some(80));
/// ```
#[derive(Clone, Debug)]
pub struct File {
    path: PathBuf,
    format: Option<Format>,
    is_optional: bool,
    period: Duration,
    max_size: u64,
}

impl File {
    /// Creates a layer of a file, whose format is that of its extension.
    ///
    /// # Examples
    /// See [`File`].
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            format: None,
            is_optional: false,
            period: PERIOD,
            max_size: MAX_SIZE,
        }
    }

    /// Sets the format, for a file with another extension.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Format;
    /// use untorn_live::layer::File;
    ///
    /// let file = File::at("/etc/app.conf").format(Format::Toml);
    /// ```
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Lets the store start without the file, as if it had no keys. By default a missing file is an
    /// error, and [`Store::ready`](crate::Store::ready) waits for it.
    ///
    /// If the file goes away later, its keys stay: the guard refuses to remove them.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::Store;
    /// use untorn_live::layer::File;
    ///
    /// let file = File::at("no such file.toml").optional();
    /// let store = Store::builder().layer(file).start().unwrap();
    /// store.ready(Duration::from_secs(60)).unwrap();
    /// assert!(store.pin().is_empty());
    /// ```
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.is_optional = true;
        self
    }

    /// Sets the time between two comparisons of the contents without an event. The default is five
    /// seconds: the longest delay on file systems that have no events, such as NFS.
    ///
    /// # Panics
    /// If it is zero, when the store is started.
    ///
    /// # Examples
    /// See [`File`].
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// Sets the size in bytes beyond which a file is refused. The default is 64 MiB.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::File;
    ///
    /// let file = File::at("app.toml").max_size(1 << 20);
    /// ```
    #[must_use]
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = bytes;
        self
    }
}

impl From<File> for Layer {
    fn from(mut file: File) -> Self {
        let name: Arc<str> = file.path.display().to_string().into();
        if file.format.or_else(|| Format::of(&file.path)).is_none() {
            let error = Format::unknown().at(Place::of_layer(&name));
            return Self {
                name,
                setup: Setup::Fixed(Err(error)),
            };
        }
        file.path = links::absolute(file.path);
        let route = Arc::new(Route::default());
        let (period, source_route) = (file.period, Arc::clone(&route));
        let path = file.path.clone();
        let reads = move |file: &Path| links::resolve(&path).is_ok_and(|path| path.target == file);
        let open = move |opening: &Opening| -> Box<dyn Fetch> {
            Box::new(Source {
                file,
                place: opening.place.clone(),
                watch: Arc::clone(&opening.watch),
                route: source_route,
            })
        };
        Self {
            name,
            setup: Setup::Polled(Polled::of_files(
                period,
                route,
                Box::new(reads),
                Box::new(open),
            )),
        }
    }
}

struct Source {
    file: File,
    place: Place,
    watch: Arc<Watch>,
    route: Arc<Route>,
}

impl Fetch for Source {
    fn fetch(&mut self, token: Option<&ResumeToken>) -> Result<Answer, ConfigError> {
        // Before the file is read, so that no save after it is missed.
        let mut followed = self.follow();
        let mut is_followed_again = false;
        let began = Instant::now();
        loop {
            let read = stable::read(
                &self.file.path,
                self.file.max_size,
                || self.route.take_complete(),
                &self.watch,
                &self.place,
            )?;
            let Some(read) = read else {
                return self.missing();
            };
            // Its directory, or that of the target of a link, may have been missing.
            if !is_followed_again && followed.as_ref() != Some(&places(&self.file.path)) {
                followed = self.follow();
                is_followed_again = true;
                continue;
            }
            let mut digest = Digest::new();
            digest.add(&read.bytes);
            let digest = digest.token();
            if token == Some(&digest) {
                return Ok(FetchedAfter::Unchanged);
            }
            match self.parse(&read.bytes) {
                Ok(contents) => {
                    return Ok(FetchedAfter::Contents {
                        contents,
                        token: Some(digest),
                    });
                }
                // Perhaps half of a file. The time of the file is not enough: it may be in the
                // future.
                Err(_)
                    if !read.is_complete
                        && read.stamp.is_within(YOUNG)
                        && began.elapsed() < YOUNG =>
                {
                    thread::sleep(SETTLE);
                }
                Err(error) => return Err(error),
            }
            if self.watch.is_closed() {
                return Err(stable::closed(&self.place));
            }
        }
    }
}

impl Source {
    /// Watches the directories of the file. Returns the paths that are watched if all are.
    fn follow(&self) -> Option<Vec<PathBuf>> {
        let places = places(&self.file.path);
        let are_watched = self.watch.follow(&self.route, &places);
        are_watched.then_some(places)
    }

    fn missing(&self) -> Result<Answer, ConfigError> {
        if self.file.is_optional {
            return Ok(FetchedAfter::Contents {
                contents: Contents::default(),
                token: None,
            });
        }
        let error = ConfigError::new(ErrorKind::Unreadable, "there is no such file");
        let help = "create it, or make the layer optional with `File::optional`";
        Err(error.with_help(help).at(self.place.clone()))
    }

    fn parse(&self, bytes: &[u8]) -> Result<Contents, ConfigError> {
        let format = self.file.format.or_else(|| Format::of(&self.file.path));
        let format = format.ok_or_else(|| Format::unknown().at(self.place.clone()))?;
        format.parse(&bytes::text(bytes, "file", &self.place)?, &self.place)
    }
}

/// Returns the path, the links that it leads through, and the file at their end: each of them may
/// be replaced.
fn places(path: &Path) -> Vec<PathBuf> {
    let mut places = vec![path.to_path_buf()];
    if let Ok(Resolved { links, target }) = links::resolve(path) {
        places.extend(links.into_iter().filter(|link| !is_in_root(link)));
        places.push(target);
    }
    places.dedup();
    places
}
