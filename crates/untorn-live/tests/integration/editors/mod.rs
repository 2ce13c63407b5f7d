//! A file that is saved in every way. No test waits for the poll beneath the events: each save is
//! served because of an event.

mod aliases;
mod moves;
mod programs;
mod writers;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use untorn_live::Store;
use untorn_live::layer::File;

use crate::support::readers::Readers;
use crate::support::{DEADLINE, HOUR, LONG, beside, folder, generation, wait_until};

/// Lets a link lead elsewhere, by a rename.
fn relink(target: impl AsRef<Path>, link: &Path) {
    symlink(target, beside(link)).expect("a link");
    fs::rename(beside(link), link).expect("renamed");
}

/// A store that follows `app.toml`, with readers.
struct Saved {
    path: PathBuf,
    store: Store,
    readers: Readers,
    generation: u64,
    _folder: TempDir,
}

impl Saved {
    fn start() -> Self {
        let folder = folder();
        let path = folder.path().join("app.toml");
        fs::write(&path, generation::toml(1)).expect("written");
        let store = followed(&path);
        Self {
            readers: Readers::start(&store),
            generation: 1,
            _folder: folder,
            store,
            path,
        }
    }

    /// Saves the next generation, and waits until it is served.
    #[track_caller]
    fn save(&mut self, save: impl FnOnce(&Path, &str)) {
        self.generation += 1;
        save(&self.path, &generation::toml(self.generation));
        self.wait();
    }

    /// Waits until the last generation is served.
    #[track_caller]
    fn wait(&self) {
        wait_for(&self.store, self.generation);
    }

    fn finish(self) {
        self.readers.finish();
    }
}

/// Starts a store for one file.
fn followed(path: &Path) -> Store {
    let file = File::at(path).period(HOUR);
    let store = Store::builder().layer(file).start().expect("threads");
    store.ready(LONG).expect("a file");
    store
}

#[track_caller]
fn wait_for(store: &Store, generation: u64) {
    let is_served = || generation::of(&store.pin()) == Ok(Some(generation));
    wait_until(DEADLINE, "the last save is served", is_served);
}
