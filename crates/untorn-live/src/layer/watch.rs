//! Events of the file system, which trigger polls. They only make a poll come sooner: each source
//! is also polled after its period, since events can be lost, and some file systems have none.
#![cfg_attr(
    not(all(feature = "file", feature = "mount")),
    allow(dead_code, reason = "each of them has a part of its own")
)]

use std::ffi::OsString;
use std::mem;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use untorn::mutants::mutant;

use super::trigger::Trigger;
use crate::links;

/// The link that a Kubernetes mount replaces.
pub(super) const DATA: &str = "..data";

/// The directories that a store watches, by one thread for all of them.
pub(crate) struct Watch {
    /// Locked while a directory is added, which waits for the thread; so the thread must not lock
    /// it.
    watcher: Mutex<Directories>,
    events: Arc<Events>,
    is_closed: AtomicBool,
}

/// What the thread of the watcher uses.
#[derive(Default)]
struct Events {
    routes: Mutex<Vec<Arc<Route>>>,
    /// Directories that were deleted or renamed. Their watches have ended, also if there are new
    /// directories with the numbers of the old ones by now, or they are back.
    gone: Mutex<Vec<PathBuf>>,
}

#[derive(Default)]
struct Directories {
    watcher: Option<RecommendedWatcher>,
    directories: Vec<Watched>,
    /// The directories whose watches have ended, though sources may still read them.
    ended: Vec<PathBuf>,
}

/// A directory that is watched. Another one of the same name is not.
struct Watched {
    path: PathBuf,
    identity: Option<Identity>,
}

/// The device and the inode.
#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(not(unix))]
type Identity = PathBuf;

/// The events of one source.
#[derive(Default)]
pub(crate) struct Route {
    pub(crate) trigger: Arc<Trigger>,
    places: Mutex<Vec<Watching>>,
    /// The last event of the file was a rename, so that it is complete.
    is_complete: AtomicBool,
}

/// The files that a source reads in a directory.
#[derive(Clone)]
struct Watching {
    /// The path that events have: without links, and if the directory has several, the watched one.
    directory: PathBuf,
    /// The names of the files; `None` for all.
    names: Option<Vec<OsString>>,
}

impl Route {
    /// Returns whether the file was put in its place by a rename, and has not been written since.
    /// Resets the mark.
    pub(super) fn take_complete(&self) -> bool {
        self.is_complete.swap(false, Ordering::SeqCst)
    }

    /// Returns whether the source reads files of a directory.
    fn is_below(&self, directory: &Path) -> bool {
        let places = lock(&self.places);
        places
            .iter()
            .any(|watching| watching.directory == directory)
    }

    fn handle(&self, event: &Event) {
        let is_rescan = event.need_rescan();
        let is_relevant = is_rescan || {
            let places = lock(&self.places);
            places
                .iter()
                .any(|watching| event.paths.iter().any(|path| watching.has(path)))
        };
        if !is_relevant {
            return;
        }
        match event.kind {
            // Reading a file is an event too.
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
            EventKind::Access(_) if !is_rescan => return,
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
                self.is_complete.store(true, Ordering::SeqCst);
            }
            // The second event of a rename within the directory.
            EventKind::Modify(ModifyKind::Name(_) | ModifyKind::Metadata(_)) => {}
            _ => self.is_complete.store(false, Ordering::SeqCst),
        }
        self.trigger.fire();
    }
}

impl Events {
    fn handle(&self, event: &Event) {
        let routes = lock(&self.routes);
        let is_end = matches!(
            event.kind,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From))
        );
        if is_end && !mutant("live_deleted_directory_counts_as_watched") {
            let directories = event.paths.iter();
            let directories =
                directories.filter(|path| routes.iter().any(|route| route.is_below(path)));
            lock(&self.gone).extend(directories.cloned());
        }
        for route in &*routes {
            route.handle(event);
        }
    }
}

impl Watching {
    fn has(&self, path: &Path) -> bool {
        if path == self.directory {
            return true;
        }
        path.parent() == Some(&self.directory)
            && self.names.as_ref().is_none_or(|names| {
                path.file_name()
                    .is_some_and(|name| names.iter().any(|one| one == name))
            })
    }
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            watcher: Mutex::default(),
            events: Arc::default(),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Makes the sources return soon, and ends the thread.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        self.end_thread();
    }

    /// Ends the thread, unless a directory is being added, which a file system may delay: then the
    /// source that adds it ends the thread afterward.
    fn end_thread(&self) {
        match self.watcher.try_lock() {
            Ok(mut directories) => directories.watcher = None,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().watcher = None,
            Err(TryLockError::WouldBlock) => {}
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::SeqCst) && !mutant("live_end_waits_for_writers")
    }

    /// Adds the events of a source.
    pub(crate) fn add(&self, route: &Arc<Route>) {
        lock(&self.events.routes).push(Arc::clone(route));
    }

    /// Watches the directories of files for a source. Does nothing for those that are watched
    /// already. Returns whether all are watched: where one cannot be, the periodic polls remain.
    pub(super) fn follow(&self, route: &Route, files: &[PathBuf]) -> bool {
        let mut places: Vec<Watching> = Vec::new();
        for file in files {
            let (Some(directory), Some(name)) = (file.parent(), file.file_name()) else {
                continue;
            };
            places.push(Watching {
                directory: canonical(directory),
                names: Some(vec![name.to_os_string(), DATA.into()]),
            });
        }
        self.set(route, places)
    }

    /// Watches all of a directory for a source, and the links that lead to it. Returns whether it
    /// is watched.
    pub(super) fn follow_all(&self, route: &Route, directory: &Path) -> bool {
        let mut places = vec![Watching {
            directory: canonical(directory),
            names: None,
        }];
        let links = links::resolve(directory).map_or_else(|_| Vec::new(), |path| path.links);
        for link in links.iter().filter(|link| !is_in_root(link)) {
            if let (Some(parent), Some(name)) = (link.parent(), link.file_name()) {
                places.push(Watching {
                    directory: parent.to_path_buf(),
                    names: Some(vec![name.to_os_string()]),
                });
            }
        }
        self.set(route, places)
    }

    fn set(&self, route: &Route, places: Vec<Watching>) -> bool {
        // Without the lock, since a file system may delay it.
        let places = places.into_iter().map(|watching| {
            let identity = identity(&watching.directory);
            (watching, identity)
        });
        let places = places.collect();
        let are_watched = !self.is_closed() && self.ensure(route, places);
        if self.is_closed() {
            self.end_thread();
        }
        are_watched
    }

    fn ensure(&self, route: &Route, places: Vec<(Watching, Option<Identity>)>) -> bool {
        let mut watcher = lock(&self.watcher);
        let gone = mem::take(&mut *lock(&self.events.gone));
        // The watches of the directories below have ended too.
        watcher.end(|watched| gone.iter().any(|gone| watched.path.starts_with(gone)));
        for (watching, identity) in &places {
            // The directory was replaced.
            watcher.end(|watched| {
                watched.path == watching.directory
                    && (watched.identity != *identity || identity.is_none())
            });
        }
        // From the first watch on, an event may say that its directory is gone.
        *lock(&route.places) = places.iter().map(|(wanted, _)| wanted.clone()).collect();
        let mut are_watched = true;
        let mut current = Vec::with_capacity(places.len());
        for (mut watching, identity) in places {
            are_watched &= watcher.ensure(&mut watching.directory, identity, &self.events);
            current.push(watching);
        }
        *lock(&route.places) = current;
        let ended = mem::take(&mut watcher.ended);
        for other in lock(&self.events.routes).iter() {
            let is_affected = ended.iter().any(|directory| other.is_below(directory));
            if is_affected && !ptr::eq(Arc::as_ptr(other), route) {
                other.trigger.fire();
            }
        }
        watcher.forget_unused(&self.events);
        are_watched
    }
}

impl Directories {
    /// Ends watches. Their sources must ask for them again.
    fn end(&mut self, is_over: impl Fn(&Watched) -> bool) {
        for watched in self.directories.extract_if(.., |watched| is_over(watched)) {
            if let Some(watcher) = &mut self.watcher {
                // An error says that the watch has ended by itself.
                _ = watcher.unwatch(&watched.path);
            }
            self.ended.push(watched.path);
        }
    }

    /// Watches a directory, and sets its path to the one that events have. Returns whether it is
    /// watched.
    fn ensure(
        &mut self,
        directory: &mut PathBuf,
        identity: Option<Identity>,
        events: &Arc<Events>,
    ) -> bool {
        let mut directories = self.directories.iter();
        // A second watch, by another path, would take the events of the first. (A file system that
        // gives one inode to several directories leaves all but one to the poll.)
        let is_known = |watched: &&Watched| {
            watched.identity == identity && !mutant("live_each_path_has_a_watch")
                || watched.path == *directory
        };
        let known = directories.find(|watched| identity.is_some() && is_known(watched));
        if let Some(known) = known {
            directory.clone_from(&known.path);
            return true;
        }
        if self.watcher.is_none() {
            let events = Arc::clone(events);
            self.watcher =
                notify::recommended_watcher(move |event: notify::Result<Event>| match event {
                    Ok(event) => events.handle(&event),
                    // Events may have been lost.
                    Err(_) => lock(&events.routes)
                        .iter()
                        .for_each(|route| route.trigger.fire()),
                })
                .ok();
        }
        let Some(watcher) = &mut self.watcher else {
            return false;
        };
        let watched = watcher.watch(directory, RecursiveMode::NonRecursive);
        if watched.is_ok() {
            self.directories.push(Watched {
                path: directory.clone(),
                identity,
            });
        }
        watched.is_ok()
    }

    /// Ends the watches of directories that no source reads any more: links lead elsewhere now.
    fn forget_unused(&mut self, events: &Events) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        let used: Vec<_> = {
            // Not held while a watch is ended, which waits for the thread: it locks the routes.
            let routes = lock(&events.routes);
            let directories = self.directories.iter();
            let used = directories.map(|one| routes.iter().any(|route| route.is_below(&one.path)));
            used.collect()
        };
        let mut used = used.into_iter();
        self.directories.retain(|watched| {
            let is_needed = used.next() == Some(true);
            if !is_needed && !mutant("live_old_directories_stay_watched") {
                // An error says that the watch has ended by itself.
                _ = watcher.unwatch(&watched.path);
                return false;
            }
            true
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns whether a link is in the root directory, as `/bin` is: it belongs to the system, and a
/// watch of the root directory has all events of some platforms.
pub(super) fn is_in_root(link: &Path) -> bool {
    link.parent().is_none_or(|parent| parent.parent().is_none())
}

/// Returns the path that events have, which is absolute and has no links: the operating system has
/// one watch for all paths of a directory.
fn canonical(directory: &Path) -> PathBuf {
    let directory = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    let resolved = links::resolve(directory).map(|resolved| resolved.target);
    resolved.unwrap_or_else(|_| directory.to_path_buf())
}

#[cfg(unix)]
fn identity(directory: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;

    let metadata = std::fs::metadata(directory).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(directory: &Path) -> Option<Identity> {
    directory.is_dir().then(|| directory.to_path_buf())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A directory of a bind mount has two paths without links. Only its identity says so.
    #[test]
    fn paths_of_one_directory_share_a_watch() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [one, other] = ["one", "other"].map(|name| canonical(folder.path()).join(name));
        for path in [&one, &other] {
            std::fs::create_dir(path).expect("created");
        }
        let watch = Watch::new();
        let routes = [(); 2].map(|()| Arc::new(Route::default()));
        let ensure = |route: &Arc<Route>, path: &Path, number: u64| {
            let watching = Watching {
                directory: path.to_path_buf(),
                names: None,
            };
            assert!(watch.ensure(route, vec![(watching, Some((0, number)))]));
            lock(&route.places)[0].directory.clone()
        };
        for route in &routes {
            watch.add(route);
        }
        assert_eq!(ensure(&routes[0], &one, 1), one);
        assert_eq!(ensure(&routes[1], &other, 1), one, "it has a watch");
        // Another directory has the first path now.
        assert_eq!(ensure(&routes[0], &one, 2), one);
        assert_eq!(ensure(&routes[1], &other, 1), other, "it has a watch again");
        let watcher = lock(&watch.watcher);
        let watched = watcher.directories.iter();
        let mut watched: Vec<_> = watched.map(|watched| watched.path.clone()).collect();
        watched.sort();
        assert_eq!(watched, [one, other]);
    }
}
