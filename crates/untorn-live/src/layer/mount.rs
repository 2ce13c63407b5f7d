//! Directories with one file for each key, such as Kubernetes mounts.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use untorn::mutants::mutant;
use untorn::poller::{FetchedAfter, ResumeToken};

use super::bytes::{self, Digest};
use super::stable::{self, Stamp};
use super::walk::{Files, Part, Selection, Walk};
use super::watch::DATA;
use super::{Answer, Contents, Entry, Fetch, Layer, Opening, Polled, Route, Setup, Watch};
use crate::document::Format;
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::links;
use crate::value::Value;

/// The period of the poll beneath the events.
const PERIOD: Duration = Duration::from_secs(5);

/// The longest time for a directory to keep still while it is read.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The longest time for which a file may be missing while the link `..data` stays: a link to
/// nowhere is not about to change.
const MISSING: Duration = Duration::from_millis(500);

/// The pause before a directory is read again.
const RETRY: Duration = Duration::from_millis(2);

/// A layer of a directory with one file for each key: a mounted `ConfigMap` or `Secret` of
/// Kubernetes, or any directory.
///
/// All values are of one generation. Kubernetes replaces the link `..data` as a whole: the link is
/// resolved once, everything is read below its target, and the link is checked again; if it has
/// changed, everything is read again. In a directory without that link, everything is read until
/// no file has changed meanwhile, nor been created or removed.
///
/// The name of a file is the key, one segment; a directory is a table. Contents are
/// [texts](Value::Text) without one line break at the end, which are parsed by the type that reads
/// them.
/// Events of the system announce changes of the link and in the directory itself; what changes in
/// a subdirectory of a directory without the link is noticed by the next poll, within the
/// [period](Self::period).
///
/// Names that begin with two dots are left out, and in a directory without the link `..data` also
/// those of hidden files and of backups: `.name` and `name~`.
///
/// A file that is not UTF-8, such as a key store, is an error: a [`Value`](crate::Value) has no
/// bytes. Leave it out by [`ignoring`](Self::ignoring), and read it at its path.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use untorn_live::Store;
/// use untorn_live::layer::Mount;
///
/// # let folder = tempfile::tempdir().unwrap();
/// # std::fs::write(folder.path().join("port"), "80\n").unwrap();
/// # let path = folder.path();
/// let store = Store::builder().layer(Mount::at(path)).start().unwrap();
/// store.ready(Duration::from_secs(60)).unwrap();
/// assert_eq!(store.pin().get("port").unwrap().as_integer(), Some(80));
/// ```
#[derive(Clone, Debug)]
pub struct Mount {
    path: PathBuf,
    are_documents_parsed: bool,
    selection: Selection,
    period: Duration,
}

impl Mount {
    /// Creates a layer of a directory.
    ///
    /// # Examples
    /// See [`Mount`].
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            are_documents_parsed: false,
            selection: Selection::default(),
            period: PERIOD,
        }
    }

    /// Parses files whose name ends in `.toml`, `.json`, `.yaml` or `.yml`: their keys take the
    /// place of the file, and other files stay values. A key that two files have is an error.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::Store;
    /// use untorn_live::layer::Mount;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # std::fs::write(folder.path().join("app.json"), r#"{"http": {"port": 80}}"#).unwrap();
    /// # std::fs::write(folder.path().join("password"), "secret").unwrap();
    /// # let path = folder.path();
    /// let store = Store::builder().layer(Mount::at(path).documents()).start().unwrap();
    /// store.ready(Duration::from_secs(60)).unwrap();
    /// let config = store.pin();
    /// assert_eq!(config.get("http.port").unwrap().as_integer(), Some(80));
    /// assert_eq!(config.get("password").unwrap().as_str(), Some("secret"));
    /// ```
    #[must_use]
    pub fn documents(mut self) -> Self {
        self.are_documents_parsed = true;
        self
    }

    /// Reads only these files and directories, by their paths below the mount. One that is missing
    /// is no error; [require](crate::StoreBuilder::require) its section. An absolute path, and one
    /// with `..`, is an error. A later call adds to an earlier one.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::Store;
    /// use untorn_live::layer::Mount;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # std::fs::write(folder.path().join("tls.crt"), "certificate").unwrap();
    /// # std::fs::write(folder.path().join("tls.key"), "key").unwrap();
    /// # std::fs::write(folder.path().join("keystore.jks"), [0xfe, 0xed]).unwrap();
    /// # let path = folder.path();
    /// let mount = Mount::at(path).only(["tls.crt", "tls.key"]);
    /// let store = Store::builder().layer(mount).start().unwrap();
    /// let config = store.ready(Duration::from_secs(60)).unwrap();
    /// assert_eq!(config.len(), 2);
    /// ```
    #[must_use]
    pub fn only<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        let only = self.selection.only.get_or_insert_default();
        only.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Leaves out these files and directories, by their paths below the mount. A later call adds to
    /// an earlier one.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::Store;
    /// use untorn_live::layer::Mount;
    ///
    /// # let folder = tempfile::tempdir().unwrap();
    /// # std::fs::write(folder.path().join("password"), "secret").unwrap();
    /// # std::fs::write(folder.path().join("keystore.jks"), [0xfe, 0xed]).unwrap();
    /// # let path = folder.path();
    /// let mount = Mount::at(path).ignoring(["keystore.jks"]);
    /// let store = Store::builder().layer(mount).start().unwrap();
    /// let config = store.ready(Duration::from_secs(60)).unwrap();
    /// assert_eq!(config.keys().collect::<Vec<_>>(), ["password"]);
    /// ```
    #[must_use]
    pub fn ignoring<P: Into<PathBuf>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        let ignored = &mut self.selection.ignored;
        ignored.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Sets the time between two comparisons of the contents without an event. The default is five
    /// seconds.
    ///
    /// # Panics
    /// If it is zero, when the store is started.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::layer::Mount;
    ///
    /// let mount = Mount::at("/etc/config").period(Duration::from_secs(1));
    /// ```
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }
}

impl From<Mount> for Layer {
    fn from(mut mount: Mount) -> Self {
        let name: Arc<str> = mount.path.display().to_string().into();
        if let Err(path) = mount.selection.normalize() {
            let message = format!(
                "cannot select `{}`, which is no path below the directory; write db/user, for \
                 example",
                path.display()
            );
            let error = ConfigError::new(ErrorKind::Syntax, message);
            let error = error.at(Place::of_layer(&name));
            return Self {
                name,
                setup: Setup::Fixed(Err(error)),
            };
        }
        mount.path = links::absolute(mount.path);
        let route = Arc::new(Route::default());
        let (period, source_route) = (mount.period, Arc::clone(&route));
        let (root, selection) = (mount.path.clone(), mount.selection.clone());
        let reads = move |file: &Path| {
            let root = links::resolve(&root).map_or_else(|_| root.clone(), |root| root.target);
            let below = file.strip_prefix(root);
            below.is_ok_and(|below| selection.reads(below))
        };
        let open = move |opening: &Opening| -> Box<dyn Fetch> {
            Box::new(Source {
                mount,
                place: opening.place.clone(),
                watch: Arc::clone(&opening.watch),
                route: source_route,
                last: None,
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
    mount: Mount,
    place: Place,
    watch: Arc<Watch>,
    route: Arc<Route>,
    /// The files that were read last; `None` if none were.
    last: Option<Vec<PathBuf>>,
}

impl Fetch for Source {
    fn fetch(&mut self, token: Option<&ResumeToken>) -> Result<Answer, ConfigError> {
        let is_watched = self.watch.follow_all(&self.route, &self.mount.path);
        let mut generation = self.read()?;
        // The directory may have been missing.
        if !is_watched && self.watch.follow_all(&self.route, &self.mount.path) {
            generation = self.read()?;
        }
        let mut digest = Digest::new();
        for file in &generation {
            digest.add(file.path.as_os_str().as_encoded_bytes());
            digest.add(&file.bytes);
        }
        let digest = digest.token();
        self.last = Some(generation.iter().map(|part| part.path.clone()).collect());
        if token == Some(&digest) {
            return Ok(FetchedAfter::Unchanged);
        }
        Ok(FetchedAfter::Contents {
            contents: self.contents(generation)?,
            token: Some(digest),
        })
    }
}

/// Returns the text without one line break at its end, which editors and `kubectl` add.
fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

impl Source {
    /// Reads all files of one generation.
    fn read(&self) -> Result<Vec<Part>, ConfigError> {
        let began = Instant::now();
        let mut settling = None;
        let mut missing = None;
        loop {
            let attempt = self.attempt(|| {});
            if !matches!(attempt, Ok(Attempt::Files(..))) {
                settling = None;
            }
            if attempt.is_ok() {
                missing = None;
            }
            let error = match attempt {
                Ok(Attempt::Generation(parts)) => return Ok(parts),
                Ok(Attempt::Files(mut files, now)) => {
                    // Without a link nothing says that a generation is complete, but that it stays.
                    if let Some(last) = &self.last {
                        files.forget_directories_of(last);
                    }
                    let is_recent = files.have_changed_within(stable::SETTLE, now);
                    let (since, is_stable) = files.settled(settling);
                    if !is_recent || is_stable {
                        return Ok(files.parts);
                    }
                    settling = Some((files, since));
                    thread::sleep(stable::SETTLE);
                    None
                }
                Ok(Attempt::Changed) => {
                    thread::sleep(RETRY);
                    None
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    thread::sleep(RETRY);
                    self.refusal(error, &mut missing)
                }
                Err(error) => Some(error),
            };
            if let Some(error) = error {
                let message = format!("cannot read the directory: {error}");
                return Err(ConfigError::new(ErrorKind::Unreadable, message).at(self.place.clone()));
            }
            if self.watch.is_closed() {
                return Err(stable::closed(&self.place));
            }
            if began.elapsed() > MAX_WAIT {
                let message = format!("the files have been changing for {MAX_WAIT:?}");
                return Err(ConfigError::new(ErrorKind::Unstable, message).at(self.place.clone()));
            }
        }
    }

    /// Returns the error for a file that is missing, if that has lasted: the old generation may be
    /// deleted while it is read.
    fn refusal(&self, error: io::Error, missing: &mut Option<Missing>) -> Option<io::Error> {
        if self.mount.path.symlink_metadata().is_err() {
            return Some(error);
        }
        let data = self.mount.path.join(DATA);
        let link = fs::read_link(&data).ok();
        let since = match missing.take() {
            Some(missing) if missing.link == link => missing.since,
            _ => Instant::now(),
        };
        let is_left = link.is_some() && !data.exists();
        *missing = Some(Missing { link, since });
        if since.elapsed() <= MISSING {
            return None;
        }
        Some(match is_left {
            true => io::Error::other(format!("the target of the link {DATA} is missing")),
            false => error,
        })
    }

    /// Reads all files once. Tests change the directory when the link has been `resolved`.
    fn attempt(&self, resolved: impl FnOnce()) -> io::Result<Attempt> {
        let link = self.mount.path.join(DATA);
        // A link that is replaced and put back has the same target and another stamp.
        let stamp = || fs::symlink_metadata(&link).map(|metadata| Stamp::of(&metadata));
        let before = stamp();
        let target = match fs::read_link(&link) {
            Ok(target) => Some(target),
            // Not a link, or none: a plain directory.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::InvalidInput
                ) =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        let root = match &target {
            Some(target) => self.mount.path.join(target),
            None => self.mount.path.clone(),
        };
        resolved();
        let walk = Walk::new(&self.mount.selection, target.is_some());
        let mut files = walk.files(&root)?;
        Ok(match target {
            Some(target)
                if fs::read_link(&link)? == target && stamp()? == before?
                    || mutant("live_generation_is_not_checked") =>
            {
                Attempt::Generation(files.parts)
            }
            Some(_) => Attempt::Changed,
            None => {
                // Before the last listing: a file may be removed and created after it.
                let now = SystemTime::now();
                let mut again = Walk::new(&self.mount.selection, false);
                again.are_only_stamps_read = true;
                let again = again.files(&root)?;
                match files.are_those_of(&again) {
                    true => {
                        files.directories = again.directories;
                        Attempt::Files(files, now)
                    }
                    false => Attempt::Changed,
                }
            }
        })
    }

    /// Returns the keys of a generation.
    fn contents(&self, parts: Vec<Part>) -> Result<Contents, ConfigError> {
        let mut contents = Contents::default();
        for part in parts {
            let name: Arc<str> = self
                .mount
                .path
                .join(&part.path)
                .display()
                .to_string()
                .into();
            let place = self.place.clone().with_item(Some(Arc::clone(&name)));
            let text = bytes::text(&part.bytes, "file", &place)
                .map_err(|error| error.with_help("leave it out with `Mount::ignoring`"))?;
            if self.mount.are_documents_parsed
                && let Some(format) = Format::of(&part.path)
            {
                let entries = format.parse(&text, &place)?.entries.into_iter();
                contents
                    .entries
                    .extend(entries.map(|entry| entry.with_item(&name)));
                continue;
            }
            let mut path = String::new();
            for segment in &part.path {
                let segment = segment.to_str().ok_or_else(|| {
                    let message = "the name of the file is not UTF-8";
                    ConfigError::new(ErrorKind::Syntax, message)
                        .at(place.clone())
                        .with_help("leave it out with `Mount::ignoring`")
                })?;
                key::push_segment(&mut path, segment);
            }
            contents.entries.push(
                Entry::new(path, Value::Text(without_line_break(&text).into()), 0).with_item(&name),
            );
        }
        Ok(contents)
    }
}

enum Attempt {
    /// All files below one target of the link.
    Generation(Vec<Part>),
    /// All files of a directory without the link, none of which has changed meanwhile, and the time
    /// of the last listing.
    Files(Files, SystemTime),
    Changed,
}

/// A file that was not found.
struct Missing {
    /// The target of the link `..data` since then.
    link: Option<PathBuf>,
    since: Instant,
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A mount whose `..data` leads to `..1`, with two files.
    fn mounted() -> (tempfile::TempDir, Source) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        generation(folder.path(), "..1");
        link(folder.path(), "..1");
        let path = folder.path().to_path_buf();
        let source = Source {
            place: Place::of_layer(&"mount".into()),
            mount: Mount::at(path),
            watch: Arc::new(Watch::new()),
            route: Arc::default(),
            last: None,
        };
        (folder, source)
    }

    fn generation(mount: &Path, name: &str) {
        let folder = mount.join(name);
        fs::create_dir(&folder).expect("created");
        for file in ["tls.crt", "tls.key"] {
            fs::write(folder.join(file), name).expect("written");
        }
    }

    fn link(mount: &Path, target: &str) {
        let new = mount.join("..data_tmp");
        symlink(target, &new).expect("a link");
        fs::rename(new, mount.join(DATA)).expect("renamed");
    }

    /// The old generation is being removed when its files are listed.
    #[test]
    fn swap_while_read_is_noticed() {
        let (folder, source) = mounted();
        let read = source.attempt(|| {}).expect("readable");
        assert!(matches!(read, Attempt::Generation(parts) if parts.len() == 2));
        let swapped = source.attempt(|| {
            generation(folder.path(), "..2");
            link(folder.path(), "..2");
            fs::remove_file(folder.path().join("..1/tls.key")).expect("removed");
        });
        assert!(matches!(swapped.expect("readable"), Attempt::Changed));
        // Back to the same name, whose files are others.
        let there_and_back = source.attempt(|| {
            link(folder.path(), "..3");
            // More than a step of the file system's clock: the inode may be the same.
            thread::sleep(Duration::from_millis(30));
            link(folder.path(), "..2");
        });
        assert!(matches!(
            there_and_back.expect("readable"),
            Attempt::Changed
        ));
        let read = source.attempt(|| {}).expect("readable");
        assert!(matches!(read, Attempt::Generation(parts) if parts.len() == 2));
    }
}
