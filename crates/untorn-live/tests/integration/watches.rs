//! The directories that are watched: those that links led to before are not any more.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;

use untorn_live::Store;
use untorn_live::layer::{File, Mount};

use crate::support::{DEADLINE, HOUR, LONG, child, folder, wait_until};

/// Returns the number of directories that this process watches.
fn watched() -> usize {
    let descriptors = fs::read_dir("/proc/self/fdinfo").expect("Linux").flatten();
    let infos = descriptors.filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let watches = infos.map(|info| {
        let lines = info.lines();
        lines.filter(|line| line.starts_with("inotify wd:")).count()
    });
    watches.sum()
}

/// Each deployment makes a directory, and links lead into it.
#[test]
fn old_releases_are_not_watched() {
    child::alone("watches::old_releases_are_not_watched", || {
        let folder = folder();
        let at = |path: &str| folder.path().join(path);
        let release = |number: u32| {
            let release = at(&format!("release{number}"));
            fs::create_dir_all(release.join("keys")).expect("created");
            fs::write(release.join("app.toml"), format!("file = {number}")).expect("written");
            fs::write(release.join("keys/key"), number.to_string()).expect("written");
            for name in ["app.toml", "keys"] {
                symlink(release.join(name), at("new")).expect("a link");
                fs::rename(at("new"), at(name)).expect("renamed");
            }
        };
        release(0);
        let store = Store::builder()
            .layer(File::at(at("app.toml")).period(HOUR))
            .layer(Mount::at(at("keys")).period(HOUR))
            .start()
            .expect("threads");
        store.ready(LONG).expect("both are there");
        let first = watched();
        assert!(first > 0, "the watches are listed");
        for number in 1..10 {
            release(number);
            wait_until(DEADLINE, "both", || {
                let config = store.pin();
                config.get_as("file") == Ok(number) && config.get_as("key") == Ok(number)
            });
        }
        // The file may be read before the mount forgets its directory.
        wait_until(LONG, "old watches to end", || watched() <= first + 2);
    });
}
