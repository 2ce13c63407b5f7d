//! Events of the file system, which trigger polls. They only make a poll come sooner: each source
//! is also polled after its period, since events can be lost, and some file systems have none.
#![cfg_attr(
    not(all(feature = "file", feature = "mount")),
    allow(dead_code, reason = "each of them has a part of its own")
)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
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
    /// Directories that were deleted. Their watches have ended, also if there are new directories
    /// with the numbers of the old ones by now.
    deleted: Mutex<Vec<PathBuf>>,
}

#[derive(Default)]
struct Directories {
    watcher: Option<RecommendedWatcher>,
    directories: Vec<Watched>,
}

/// A directory that is watched. Another one of the same name is not.
struct Watched {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

/// The events of one source.
#[derive(Default)]
pub(crate) struct Route {
    pub(crate) trigger: Arc<Trigger>,
    places: Mutex<Vec<Watching>>,
    /// The last event of the file was a rename, so that it is complete.
    is_complete: AtomicBool,
}

/// The files that a source reads in a directory.
#[derive(Clone, PartialEq)]
struct Watching {
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
        if let EventKind::Remove(_) = event.kind
            && !mutant("live_deleted_directory_counts_as_watched")
        {
            let directories = event.paths.iter();
            let directories =
                directories.filter(|path| routes.iter().any(|route| route.is_below(path)));
            lock(&self.deleted).extend(directories.cloned());
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
            let directory = absolute(directory);
            let names = vec![name.to_os_string(), DATA.into()];
            places.push(Watching {
                directory,
                names: Some(names),
            });
        }
        self.set(route, &places)
    }

    /// Watches all of a directory for a source, and the links that lead to it. Returns whether it
    /// is watched.
    pub(super) fn follow_all(&self, route: &Route, directory: &Path) -> bool {
        let mut directories = vec![absolute(directory)];
        // The operating system has one watch for both, with the path that was added last.
        directories.extend(fs::canonicalize(directory).ok());
        directories.dedup();
        let watching = |directory| Watching {
            directory,
            names: None,
        };
        let mut places: Vec<_> = directories.into_iter().map(watching).collect();
        let links = links::resolve(directory).map_or_else(|_| Vec::new(), |path| path.links);
        for link in links.iter().filter(|link| !is_in_root(link)) {
            if let (Some(parent), Some(name)) = (link.parent(), link.file_name()) {
                places.push(Watching {
                    directory: parent.to_path_buf(),
                    names: Some(vec![name.to_os_string()]),
                });
            }
        }
        self.set(route, &places)
    }

    fn set(&self, route: &Route, places: &[Watching]) -> bool {
        {
            let mut current = lock(&route.places);
            if *current != places {
                *current = places.to_vec();
            }
        }
        // Without the lock, since a file system may delay it.
        let places = places.iter().map(|watching| {
            let directory = &watching.directory;
            (directory, identity(directory))
        });
        let places: Vec<_> = places.collect();
        let are_watched = !self.is_closed() && self.ensure(&places);
        if self.is_closed() {
            self.end_thread();
        }
        are_watched
    }

    fn ensure(&self, places: &[(&PathBuf, Option<(u64, u64)>)]) -> bool {
        let mut watcher = lock(&self.watcher);
        for directory in lock(&self.events.deleted).drain(..) {
            watcher
                .directories
                .retain(|watched| watched.path != directory);
        }
        let mut are_watched = true;
        for (directory, identity) in places {
            are_watched &= watcher.ensure(directory, *identity, &self.events);
        }
        watcher.forget_unused(&self.events);
        are_watched
    }
}

impl Directories {
    fn ensure(
        &mut self,
        directory: &Path,
        identity: Option<(u64, u64)>,
        events: &Arc<Events>,
    ) -> bool {
        let known = self
            .directories
            .iter()
            .position(|watched| watched.path == directory);
        if let Some(index) = known {
            if self.directories[index].identity == identity && identity.is_some() {
                return true;
            }
            self.directories.swap_remove(index);
            if let Some(watcher) = &mut self.watcher {
                // The directory was replaced: an error says that the watch has ended by itself.
                _ = watcher.unwatch(directory);
            }
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
                path: directory.to_path_buf(),
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
        // The operating system has one watch for all paths of a directory.
        let used: Vec<_> = {
            // Not held while a watch is ended, which waits for the thread: it locks the routes.
            let routes = lock(&events.routes);
            let used = self
                .directories
                .iter()
                .filter(|watched| routes.iter().any(|route| route.is_below(&watched.path)));
            used.map(|watched| watched.identity).collect()
        };
        self.directories.retain(|watched| {
            let is_needed = used.contains(&watched.identity);
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

/// Returns the path that events have, which are absolute.
fn absolute(directory: &Path) -> PathBuf {
    let directory = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_path_buf())
}

#[cfg(unix)]
fn identity(directory: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;

    let metadata = fs::metadata(directory).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(directory: &Path) -> Option<(u64, u64)> {
    fs::metadata(directory).ok().map(|_| (0, 0))
}
