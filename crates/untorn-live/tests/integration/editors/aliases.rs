//! Directories that several layers read by different paths, and directories that are replaced.
//! The operating system has one watch for all paths of a directory.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use untorn_live::layer::{File, Layer, Mount};
use untorn_live::{Config, Store};

use super::relink;
use crate::support::{DEADLINE, HOUR, LONG, folder, wait_until};

/// A folder without links above it, so that a test makes all of them.
struct Tree {
    root: PathBuf,
    _folder: TempDir,
}

impl Tree {
    fn new(directories: &[&str]) -> Self {
        let folder = folder();
        let root = fs::canonicalize(folder.path()).expect("it is there");
        for directory in directories {
            fs::create_dir_all(root.join(directory)).expect("created");
        }
        Self {
            root,
            _folder: folder,
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Saves a file with one key.
    fn save(&self, path: &str, key: &str, value: u32) {
        fs::write(self.at(path), format!("{key} = {value}")).expect("written");
    }

    /// Lets a link lead elsewhere, by a rename.
    fn link(&self, target: &str, link: &str) {
        relink(target, &self.at(link));
    }

    /// Returns a layer that is read because of events only.
    fn file(&self, path: &str) -> Layer {
        File::at(self.at(path)).period(HOUR).into()
    }
}

fn started(layers: impl IntoIterator<Item = Layer>) -> Store {
    let builder = layers
        .into_iter()
        .fold(Store::builder(), |builder, layer| builder.layer(layer));
    let store = builder.start().expect("threads");
    store.ready(LONG).expect("all are there");
    store
}

#[track_caller]
fn wait_for(store: &Store, key: &str, value: u32) {
    let has = |config: &Config| config.get_as(key) == Ok(value);
    wait_until(DEADLINE, key, || has(&store.pin()));
}

/// As `/run` and `/var/run`.
#[test]
fn two_paths_of_a_directory_are_followed() {
    let tree = Tree::new(&["run/app", "var"]);
    tree.link("../run", "var/run");
    tree.save("run/app/a.toml", "a", 0);
    tree.save("run/app/b.toml", "b", 0);
    let paths = ["run/app/a.toml", "var/run/app/b.toml"];
    for paths in [paths, [paths[1], paths[0]]] {
        let store = started(paths.map(|path| tree.file(path)));
        for number in 1..4 {
            tree.save("run/app/a.toml", "a", number);
            wait_for(&store, "a", number);
            tree.save("run/app/b.toml", "b", number);
            wait_for(&store, "b", number);
        }
    }
}

/// A file and a mount.
#[test]
fn file_and_mount_share_a_directory() {
    let tree = Tree::new(&["run/keys"]);
    tree.link("run/keys", "keys");
    tree.save("run/keys/app.toml", "a", 0);
    fs::write(tree.at("keys/b"), "0").expect("written");
    let mount = Mount::at(tree.at("keys"))
        .ignoring(["app.toml"])
        .period(HOUR);
    let store = started([tree.file("run/keys/app.toml"), mount.into()]);
    for number in 1..4 {
        tree.save("run/keys/app.toml", "a", number);
        wait_for(&store, "a", number);
        fs::write(tree.at("keys/b"), number.to_string()).expect("written");
        wait_for(&store, "b", number);
    }
}

/// The directory that a link has left is still watched for the layer that names it.
#[test]
fn link_that_moves_leaves_the_other_layer() {
    let tree = Tree::new(&["releases/7", "releases/8"]);
    tree.link("releases/7", "current");
    tree.save("releases/7/app.toml", "app", 7);
    tree.save("releases/8/app.toml", "app", 8);
    tree.save("releases/7/base.toml", "base", 0);
    let store = started(["current/app.toml", "releases/7/base.toml"].map(|path| tree.file(path)));
    tree.link("releases/8", "current");
    wait_for(&store, "app", 8);
    tree.save("releases/7/base.toml", "base", 1);
    wait_for(&store, "base", 1);
    tree.save("releases/8/app.toml", "app", 9);
    wait_for(&store, "app", 9);
}

/// The directory above is watched, for a link in it: the watcher ends the watch of a directory that
/// is renamed, also if it is back before a poll.
#[test]
fn directory_that_was_away_is_followed() {
    let tree = Tree::new(&["v7/deep"]);
    tree.link("v7", "current");
    tree.save("v7/app.toml", "app", 0);
    tree.save("v7/deep/deep.toml", "deep", 0);
    let store = started(["current/app.toml", "v7/deep/deep.toml"].map(|path| tree.file(path)));
    for number in 1..4 {
        fs::rename(tree.at("v7"), tree.at("away")).expect("renamed");
        fs::rename(tree.at("away"), tree.at("v7")).expect("renamed");
        // Both polls have ended.
        store.refresh(LONG).expect("it is back");
        tree.save("v7/app.toml", "app", number);
        wait_for(&store, "app", number);
        tree.save("v7/deep/deep.toml", "deep", number);
        wait_for(&store, "deep", number);
    }
}
