//! Links, directories and files that come and go.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use untorn_live::layer::File;
use untorn_live::{ErrorKind, Store};

use super::{Saved, followed, relink, wait_for};
use crate::support::readers::Readers;
use crate::support::{
    DEADLINE, HOUR, LONG, beside, folder, generation, place, wait_for_refusal, wait_until,
};

fn save(path: &Path, generation: u64) {
    fs::write(path, generation::toml(generation)).expect("written");
}

#[test]
fn link_and_its_target_are_followed() {
    let folder = folder();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    let (first, second) = (one.join("a.toml"), other.join("b.toml"));
    let link = folder.path().join("app.toml");
    for folder in [&one, &other] {
        fs::create_dir(folder).expect("created");
    }
    save(&first, 1);
    save(&second, 3);
    symlink(&first, &link).expect("a link");
    let store = followed(&link);
    let readers = Readers::start(&store);
    // The target, in place.
    save(&first, 2);
    wait_for(&store, 2);
    // The link.
    relink(&second, &link);
    wait_for(&store, 3);
    // The new target, by a rename.
    save(&beside(&second), 4);
    fs::rename(beside(&second), &second).expect("renamed");
    wait_for(&store, 4);
    // A file in place of the link.
    save(&beside(&link), 5);
    fs::rename(beside(&link), &link).expect("renamed");
    wait_for(&store, 5);
    readers.finish();
}

/// A link in the middle of a chain, and one of a directory above the file, as of a deployment.
#[test]
fn each_link_of_a_chain_is_followed() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    for version in ["v1", "v2", "files"] {
        fs::create_dir(at(version)).expect("created");
    }
    save(&at("files/one.toml"), 1);
    save(&at("files/other.toml"), 2);
    save(&at("files/third.toml"), 4);
    // app.toml, current/middle.toml, files/one.toml
    symlink(at("files/one.toml"), at("v1/middle.toml")).expect("a link");
    symlink(at("files/third.toml"), at("v2/middle.toml")).expect("a link");
    symlink("v1", at("current")).expect("a link");
    symlink("current/middle.toml", at("app.toml")).expect("a link");
    let store = followed(&at("app.toml"));
    let readers = Readers::start(&store);
    relink(at("files/other.toml"), &at("v1/middle.toml"));
    wait_for(&store, 2);
    save(&at("files/other.toml"), 3);
    wait_for(&store, 3);
    relink(Path::new("v2"), &at("current"));
    wait_for(&store, 4);
    save(&at("files/third.toml"), 5);
    wait_for(&store, 5);
    readers.finish();
}

/// The new directory can have the number of the old one, whose watch has ended.
#[test]
fn directory_is_removed_and_created_again() {
    let parent = folder();
    let folder = parent.path().join("conf");
    let path = folder.join("app.toml");
    fs::create_dir(&folder).expect("created");
    save(&path, 1);
    let store = followed(&path);
    let readers = Readers::start(&store);
    for round in 1..4 {
        fs::remove_dir_all(&folder).expect("removed");
        fs::create_dir(&folder).expect("created");
        save(&path, 2 * round);
        wait_for(&store, 2 * round);
        // The new directory is watched.
        save(&path, 2 * round + 1);
        wait_for(&store, 2 * round + 1);
    }
    readers.finish();
}

#[test]
fn directory_is_renamed_away() {
    let parent = folder();
    let [folder, old] = ["conf", "conf.old"].map(|name| parent.path().join(name));
    let path = folder.join("app.toml");
    fs::create_dir(&folder).expect("created");
    save(&path, 1);
    let store = followed(&path);
    let readers = Readers::start(&store);
    fs::rename(&folder, &old).expect("renamed");
    wait_for_refusal(&store, |error| error.kind() == ErrorKind::Unreadable);
    fs::create_dir(&folder).expect("created");
    save(&path, 2);
    wait_for(&store, 2);
    // The old directory is not followed any more.
    save(&old.join("app.toml"), 9);
    save(&path, 3);
    wait_for(&store, 3);
    readers.finish();
}

/// Returns the path of a file from the current directory.
fn relative(path: &Path) -> PathBuf {
    let current = env::current_dir().expect("there is one");
    let up = current.components().skip(1).map(|_| "..");
    let up: PathBuf = up.collect();
    up.join(path.strip_prefix("/").expect("absolute"))
}

#[test]
fn relative_path_is_watched() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    save(&path, 1);
    let store = followed(&relative(&path));
    let readers = Readers::start(&store);
    save(&path, 2);
    wait_for(&store, 2);
    readers.finish();
}

#[test]
fn optional_file_appears_and_goes_away() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    let layer = File::at(&path).optional().period(HOUR);
    let store = Store::builder().layer(layer).start().expect("threads");
    store.ready(LONG).expect("it is optional");
    assert!(store.pin().is_empty());
    let readers = Readers::start(&store);
    save(&path, 1);
    wait_for(&store, 1);
    fs::remove_file(&path).expect("removed");
    wait_for_refusal(&store, |error| error.kind() == ErrorKind::Guard);
    wait_for(&store, 1);
    save(&path, 2);
    wait_for(&store, 2);

    fs::remove_file(&path).expect("removed");
    wait_for_refusal(&store, |error| error.kind() == ErrorKind::Guard);
    let refusal = store.status().refusals().next().cloned();
    store.accept(&refusal.expect("one"));
    wait_until(DEADLINE, "the keys are removed", || store.pin().is_empty());
    save(&path, 3);
    wait_for(&store, 3);
    readers.finish();
}

/// Files of others in the directory are none of the store's business.
#[test]
fn files_beside_it_cause_no_reads() {
    let saved = Saved::start();
    let polls = |store: &Store| store.status().layers[0].polls.as_ref().expect("one").ended;
    let before = polls(&saved.store);
    for number in 0..50 {
        save(&saved.path.with_file_name(format!("other{number}.toml")), 9);
    }
    let mut saved = saved;
    saved.save(|path, text| place(path, text));
    // Those of the save itself.
    let polls = polls(&saved.store) - before;
    assert!(polls < 10, "{polls} polls");
    saved.finish();
}
