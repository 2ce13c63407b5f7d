//! A mount of Kubernetes, whose writer swaps 50 files and more by one rename.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use untorn_live::layer::Mount;
use untorn_live::{Config, ErrorKind, Store};

use crate::support::readers::Readers;
use crate::support::{DEADLINE, HOUR, LONG, SETTLE, folder, generation, place, wait_until};

/// The files that every generation has, beside the certificate and its key.
const FILES: u64 = 50;

/// The writer of a mount.
struct Kubelet {
    mount: PathBuf,
    generation: u64,
}

impl Kubelet {
    fn folder(&self) -> PathBuf {
        self.mount.join(format!("..2026_{}", self.generation))
    }

    /// Replaces all files, as Kubernetes' atomic writer does: writes them into a new folder,
    /// renames a link to it over `..data`, adapts the links that users open, and removes the old
    /// folder.
    fn swap(&mut self, files: &[(String, String)]) -> io::Result<()> {
        let old = self.folder();
        self.generation += 1;
        let new = self.folder();
        fs::create_dir(&new)?;
        for (name, contents) in files {
            fs::write(new.join(name), contents)?;
        }
        let link = self.mount.join("..data_tmp");
        symlink(new.file_name().expect("a name"), &link)?;
        fs::rename(&link, self.mount.join("..data"))?;
        let names: BTreeSet<&str> = files.iter().map(|(name, _)| &**name).collect();
        for name in &names {
            let link = self.mount.join(name);
            if link.symlink_metadata().is_err() {
                symlink(Path::new("..data").join(name), link)?;
            }
        }
        for entry in fs::read_dir(&self.mount)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().expect("UTF-8");
            if !name.starts_with("..") && !names.contains(name) {
                fs::remove_file(entry.path())?;
            }
        }
        match fs::remove_dir_all(old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Returns the files of a generation: all have its number, and some exist in it only.
fn files(generation: u64) -> Vec<(String, String)> {
    let mut names: Vec<String> = (0..FILES).map(|number| format!("file-{number}")).collect();
    names.extend(["tls.crt".into(), "tls.key".into()]);
    names.extend((0..generation % 4).map(|number| format!("only-{generation}-{number}")));
    let contents = format!("{generation} {}", generation::checksum(generation));
    let files = names.into_iter().map(|name| (name, contents.clone()));
    files.collect()
}

/// Returns the generation of a configuration, whose files must be exactly those of one.
fn check(config: &Config) -> Result<Option<u64>, String> {
    let text = |key: &str| config.get(key).and_then(|value| value.as_str());
    let certificate = text("\"tls.crt\"").ok_or("no certificate")?;
    let number = certificate
        .split(' ')
        .next()
        .and_then(|number| number.parse().ok());
    let number: u64 = number.ok_or("no number")?;
    let files = files(number);
    if config.len() != files.len() {
        return Err(format!("{} files of generation {number}", config.len()));
    }
    for (name, contents) in files {
        let key = if name.contains('.') {
            format!("\"{name}\"")
        } else {
            name
        };
        if text(&key) != Some(&*contents) {
            return Err(format!("{key} is {:?} beside {contents}", text(&key)));
        }
    }
    Ok(Some(number))
}

fn mounted(path: &Path) -> (Kubelet, Store) {
    let mut kubelet = Kubelet {
        mount: path.into(),
        generation: 0,
    };
    kubelet.swap(&files(0)).expect("swapped");
    let mount = Mount::at(path).period(HOUR);
    let store = Store::builder().layer(mount).start().expect("threads");
    store.ready(LONG).expect("a generation");
    (kubelet, store)
}

/// `UNTORN_LIVE_SWAP_SECONDS` is the time for which the mount is swapped every 5 ms.
#[test]
fn each_pin_has_one_generation() {
    let seconds = std::env::var("UNTORN_LIVE_SWAP_SECONDS");
    let seconds = seconds.map_or(5, |seconds| seconds.parse().expect("a number"));
    let folder = folder();
    let (mut kubelet, store) = mounted(folder.path());
    let readers = Readers::with_check(&store, check);
    let start = Instant::now();
    let mut number = 0;
    while start.elapsed() < Duration::from_secs(seconds) {
        number += 1;
        kubelet.swap(&files(number)).expect("swapped");
        thread::sleep(Duration::from_millis(5));
    }
    let is_served = || check(&store.pin()) == Ok(Some(number));
    wait_until(DEADLINE, "the last generation is served", is_served);
    println!("{number} swaps, {} revisions", store.pin().revision());
    readers.finish();
}

/// What a mount without a check of the link would do; a swap while it is read is not left to
/// chance.
#[test]
fn generation_that_is_swapped_is_read_again() {
    let folder = folder();
    let (mut kubelet, store) = mounted(folder.path());
    let readers = Readers::with_check(&store, check);
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        // Without a pause, so that each read overlaps with a swap.
        let swaps = scope.spawn(|| {
            let mut number = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                number += 1;
                kubelet.swap(&files(number)).expect("swapped");
            }
            number
        });
        thread::sleep(Duration::from_secs(1));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        let last = swaps.join().expect("no panic");
        let is_served = || check(&store.pin()) == Ok(Some(last));
        wait_until(DEADLINE, "the last generation is served", is_served);
    });
    readers.finish();
}

/// Kubernetes removes no file of a mount, but an operator may unmount it.
#[test]
fn mount_that_goes_away_is_served() {
    let folder = folder();
    let (mut kubelet, store) = mounted(folder.path());
    let readers = Readers::with_check(&store, check);
    fs::remove_file(folder.path().join("..data")).expect("removed");
    let error = store.refresh(LONG).expect_err("links to nowhere");
    assert!(error.message().contains("No such file"), "{error}");
    assert_eq!(check(&store.pin()), Ok(Some(0)));
    kubelet.swap(&files(1)).expect("swapped");
    let is_served = || check(&store.pin()) == Ok(Some(1));
    wait_until(DEADLINE, "the next generation is served", is_served);
    readers.finish();
}

/// A plain directory, whose files are replaced one by one.
#[test]
fn plain_directory_has_its_files_and_tables() {
    let folder = folder();
    let write =
        |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("written");
    fs::create_dir(folder.path().join("db")).expect("created");
    for (name, text) in [
        ("port", "80\n"),
        ("db/user", "me"),
        (".hidden", ""),
        ("port~", "79"),
    ] {
        write(name, text);
    }
    let mount = Mount::at(folder.path()).period(HOUR);
    let store = Store::builder().layer(mount).start().expect("threads");
    store.ready(LONG).expect("a directory");
    let port = || store.pin().get_as::<u16>("port");
    assert_eq!(port(), Ok(80));
    assert_eq!(
        store.pin().get("db.user").and_then(|user| user.as_str()),
        Some("me")
    );
    assert_eq!(store.pin().len(), 2);
    // The length stays.
    write("port", "81\n");
    wait_until(DEADLINE, "the file is served", || port() == Ok(81));
    fs::remove_file(folder.path().join("db/user")).expect("removed");
    write("port", "82\n");
    wait_until(DEADLINE, "a key is removed", || store.pin().len() == 1);
}

/// A directory behind a link, which a deployment replaces.
#[test]
fn link_to_a_directory_is_followed() {
    let folder = folder();
    for version in ["1", "2"] {
        let path = folder.path().join(version);
        fs::create_dir(&path).expect("created");
        fs::write(path.join("version"), version).expect("written");
    }
    let link = folder.path().join("current");
    symlink("1", &link).expect("a link");
    let layer = Mount::at(&link).period(HOUR);
    let store = Store::builder().layer(layer).start().expect("threads");
    store.ready(LONG).expect("a file");
    let new = folder.path().join("new");
    symlink("2", &new).expect("a link");
    fs::rename(new, &link).expect("renamed");
    wait_until(DEADLINE, "the new directory is read", || {
        store.pin().get_as("version") == Ok(2)
    });
}

/// A directory with a file that is no text, which a selection leaves out.
#[test]
fn selected_files_are_read() {
    let folder = folder();
    let path = folder.path();
    fs::create_dir_all(path.join("db/old")).expect("created");
    for name in ["host", "db/user", "db/old/user"] {
        fs::write(path.join(name), name).expect("written");
    }
    let bytes = [0xfe, 0xed];
    for name in ["store.jks", "db/cert.der"] {
        fs::write(path.join(name), bytes).expect("written");
    }
    let started = |mount: Mount| {
        let store = Store::builder().layer(mount.period(HOUR)).start();
        store.expect("threads")
    };
    let keys = |mount: Mount| {
        let config = started(mount).ready(LONG).expect("texts");
        let mut keys: Vec<_> = config.keys().map(String::from).collect();
        keys.sort_unstable();
        keys.join(" ")
    };
    let mount = || Mount::at(path);
    let binary = ["store.jks", "db/cert.der"];
    assert_eq!(keys(mount().ignoring(binary)), "db.old.user db.user host");
    assert_eq!(
        keys(mount().ignoring(["store.jks"]).ignoring(["db"])),
        "host"
    );
    assert_eq!(
        keys(mount().only(["db/user", "host", "none"])),
        "db.user host"
    );
    assert_eq!(
        keys(mount().only(["db"]).ignoring(["db/cert.der"])),
        "db.old.user db.user"
    );
    // A file is not above a path, and a name is not the beginning of another.
    assert_eq!(
        keys(mount().only(["host/port", "hos", "db/old"])),
        "db.old.user"
    );

    let store = started(mount());
    let error = store.refresh(LONG).expect_err("two are no texts");
    assert_eq!(error.kind(), ErrorKind::Syntax);
    let name = path.join("db/cert.der").display().to_string();
    assert_eq!(
        error.to_string(),
        format!("{name}:1: the file is not UTF-8; leave it out with `Mount::ignoring`")
    );
}

/// An error of a directory names it.
#[test]
fn link_to_a_directory_above_is_an_error() {
    let folder = folder();
    let path = folder.path();
    fs::create_dir(path.join("db")).expect("created");
    symlink(path, path.join("db/loop")).expect("a link");
    let store = Store::builder().layer(Mount::at(path).period(HOUR)).start();
    let error = store.expect("threads").refresh(LONG).expect_err("a loop");
    let text = error.to_string();
    assert!(text.contains("/db/loop/db/loop"), "{text}");
    assert!(
        text.contains("does a link lead to a directory above it?"),
        "{text}"
    );
}

/// Programs that copy directories give each file its old time: between two files, nothing is
/// recent but the changes of the inodes.
#[test]
fn copied_files_with_old_times_are_of_one_generation() {
    let folder = folder();
    let path = folder.path();
    for name in ["cert", "key"] {
        place(&path.join(name), "0");
    }
    let mount = Mount::at(path).period(HOUR);
    let store = Store::builder().layer(mount).start().expect("threads");
    store.ready(LONG).expect("both are there");
    let is_mixed = |config: &Config| config.get("cert") != config.get("key");
    let mut changes = store.subscribe();
    let mut rounds = 0;
    for number in 1..50 {
        let began = Instant::now();
        place(&path.join("cert"), number.to_string());
        // Shorter than the time for which all files must stay as they are.
        thread::sleep(SETTLE / 4);
        place(&path.join("key"), number.to_string());
        // The writer may have had no processor.
        if began.elapsed() > SETTLE / 2 {
            store.refresh(LONG).expect("both are there");
            while changes.try_recv().is_ok() {}
            continue;
        }
        let step = changes.recv_timeout(LONG).expect("both are new");
        assert!(!is_mixed(&step.to), "{number}");
        assert_eq!(step.to.get_as("key"), Ok(number));
        rounds += 1;
        if rounds == 3 {
            return;
        }
        thread::sleep(SETTLE / 4);
    }
    panic!("{rounds} rounds by a writer with a processor");
}

/// A file that is left out makes no revision, and the directory settles while it changes.
#[test]
fn ignored_files_may_change() {
    let (folder, outside) = (folder(), folder());
    let path = folder.path();
    fs::write(path.join("host"), "a").expect("written");
    let mount = Mount::at(path).ignoring(["log"]).period(HOUR);
    let store = Store::builder().layer(mount).start().expect("threads");
    let first = store.ready(LONG).expect("a file").revision();
    fs::write(path.join("log"), "one").expect("written");
    store.refresh(LONG).expect("it is left out");
    assert_eq!(store.pin().revision(), first);
    // By one rename: an empty file would be a revision of its own.
    fs::write(outside.path().join("host"), "b").expect("written");
    fs::rename(outside.path().join("host"), path.join("host")).expect("renamed");
    store.refresh(LONG).expect("a text");
    assert_eq!(store.pin().revision(), first.next());
}

/// A path that cannot be below the mount would select nothing, or everything.
#[test]
fn selected_paths_are_below_the_mount() {
    let folder = folder();
    fs::write(folder.path().join("port"), "80").expect("written");
    fs::write(folder.path().join("other"), "1").expect("written");
    let mount = || Mount::at(folder.path()).period(HOUR);
    let keys = |mount: Mount| {
        let store = Store::builder().layer(mount).start().expect("a thread");
        let config = store.ready(LONG).expect("files");
        config.keys().map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(keys(mount().only(["./port"])), ["port"]);
    assert_eq!(keys(mount().ignoring(["./other/"])), ["port"]);
    for wrong in ["", ".", "/port", "../port", "db/../port"] {
        for mount in [mount().only([wrong]), mount().ignoring(["x", wrong])] {
            let error = Store::builder().layer(mount).start().expect_err(wrong);
            let text = format!("cannot select `{wrong}`, which is no path below the directory");
            assert!(error.message().starts_with(&text), "{error}");
        }
    }
}

/// A file is deleted and created again, as by `rm` and `cp`, and the directory is read in between:
/// no file that is left has changed.
#[test]
fn file_is_created_again_before_it_is_missed() {
    let folder = folder();
    let path = folder.path();
    fs::create_dir(path.join("db")).expect("created");
    for name in ["host", "password", "db/password"] {
        place(&path.join(name), "0");
    }
    let mount = Mount::at(path).period(HOUR);
    let store = Store::builder().layer(mount).start().expect("threads");
    store.ready(LONG).expect("files");
    let mut changes = store.subscribe();
    for (name, key) in [("password", "password"), ("db/password", "db.password")] {
        let file = path.join(name);
        let is_back_in_time = |value: &str| {
            // The other files are old.
            thread::sleep(2 * SETTLE);
            let began = Instant::now();
            fs::remove_file(&file).expect("removed");
            thread::scope(|scope| {
                let writer = scope.spawn(|| {
                    thread::sleep(SETTLE / 4);
                    place(&file, value);
                    began.elapsed() < SETTLE / 2
                });
                store.refresh(LONG).expect("it is back");
                writer.join().expect("no panic")
            })
        };
        // The writer may have had no processor.
        let value = (1..50).find(|value| {
            let is_in_time = is_back_in_time(&value.to_string());
            if !is_in_time {
                store.refresh(LONG).expect("it is back");
                while changes.try_recv().is_ok() {}
            }
            is_in_time
        });
        let value = value.expect("a writer with a processor");
        let step = changes.recv_timeout(LONG).expect("it is new");
        assert_eq!(step.to.get_as(key), Ok(value));
    }
}

/// Programs may create and delete hidden files all the time, as editors do.
#[test]
fn left_out_files_may_come_and_go() {
    let folder = folder();
    let path = folder.path();
    fs::write(path.join("host"), "0").expect("written");
    let mount = Mount::at(path).ignoring(["log"]).period(HOUR);
    let store = Store::builder().layer(mount).start().expect("threads");
    store.ready(LONG).expect("a file");
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                fs::write(path.join(".log.new"), "line").expect("written");
                fs::rename(path.join(".log.new"), path.join("log")).expect("renamed");
                fs::remove_file(path.join("log")).expect("removed");
            }
        });
        fs::write(path.join("host"), "1").expect("written");
        let refreshed = store.refresh(LONG);
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        refreshed.expect("the file has settled");
    });
    assert_eq!(store.pin().get_as("host"), Ok(1));
}

/// A generation with a link to nowhere stays wrong, and is not read for long.
#[test]
fn link_to_nowhere_in_a_generation_is_named() {
    let folder = folder();
    let (mut kubelet, store) = mounted(folder.path());
    let cert = kubelet.folder().join("cert");
    symlink("/missing/cert", &cert).expect("a link");
    let cert = cert.file_name().expect("a name").to_str().expect("UTF-8");
    // The thread of the source may have had no processor.
    let is_short = (0..5).any(|_| {
        let began = Instant::now();
        let error = store.refresh(LONG).expect_err("a link to nowhere");
        assert_eq!(error.kind(), ErrorKind::Unreadable);
        assert!(error.message().contains(cert), "{error}");
        assert!(error.message().contains("No such file"), "{error}");
        began.elapsed() < Duration::from_secs(5)
    });
    assert!(is_short, "it is read for seconds each time");
    kubelet.swap(&files(1)).expect("swapped");
    let is_served = || check(&store.pin()) == Ok(Some(1));
    wait_until(DEADLINE, "the next generation is served", is_served);
}
