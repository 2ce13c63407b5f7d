//! The path of a cache, and its time: what is there and is no cache stays as it is, and one of the
//! future has no age.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use untorn_live::layer::{Custom, Mount};
use untorn_live::{Cache, ConfigError, ErrorKind, Store};

use crate::support::{DEADLINE, HOUR, LONG, folder, wait_until};

/// Starts a store with one key and a cache.
fn store(path: &Path) -> Store {
    let fetch = || Ok::<_, ConfigError>(BTreeMap::from([("port", 80)]));
    let layer = Custom::closure("server", HOUR, fetch);
    let store = Store::builder()
        .layer(layer)
        .cache(Cache::at(path).after(HOUR))
        .start();
    let store = store.expect("threads");
    store.ready(LONG).expect("an answer");
    store
}

/// Returns the error of the cache at a path, once there is one.
fn error(path: &Path) -> ConfigError {
    let store = store(path);
    let error = || store.status().cache.expect("one").error;
    wait_until(LONG, "an error", || error().is_some());
    error().expect("one")
}

#[test]
fn file_that_is_no_cache_is_not_replaced() {
    let folder = folder();
    let path = folder.path().join("notes.txt");
    for text in ["mine", "untorn-live-caches 1 0 0\n", &"long ".repeat(1_000)] {
        fs::write(&path, text).expect("written");
        let error = error(&path);
        assert_eq!(error.kind(), ErrorKind::Cache);
        assert_eq!(
            error.to_string(),
            format!(
                "{}: cannot write the cache: the file is not a cache; give the cache another path, \
                 or delete the file",
                path.display()
            )
        );
        assert_eq!(fs::read_to_string(&path).expect("there"), text);
    }
}

/// Damaged ones, those of other versions, and an empty file, such as that of `mktemp`.
#[test]
fn cache_that_cannot_be_read_is_replaced() {
    let folder = folder();
    let path = folder.path().join("cache");
    for text in [
        "",
        "untorn-live-cache 9 00000000 0\n",
        "untorn-live-cache 1",
    ] {
        fs::write(&path, text).expect("written");
        let store = store(&path);
        let written = || store.status().cache.expect("one").written;
        wait_until(LONG, "it is written", || written().is_some());
        let bytes = fs::read_to_string(&path).expect("text");
        assert!(bytes.starts_with("untorn-live-cache 1 "), "{bytes}");
    }
}

/// The start would wait for a writer of the pipe.
#[cfg(unix)]
#[test]
fn pipe_and_directory_are_not_a_cache() {
    let folder = folder();
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("it is there").success());
    let text = error(&pipe).to_string();
    assert!(text.contains("not a regular file"), "{text}");
    assert!(!pipe.is_file(), "it was replaced");
    let text = error(folder.path()).to_string();
    assert!(text.contains("a directory"), "{text}");
}

/// No more of a file is read than its header announces.
#[cfg(unix)]
#[test]
fn file_beyond_its_header_is_not_read() {
    let folder = folder();
    let path = folder.path().join("cache");
    let header = "untorn-live-cache 1 00000000 2\n";
    fs::write(&path, header).expect("written");
    let file = fs::File::options().write(true).open(&path).expect("there");
    // Sparse; to read it would take all memory.
    file.set_len(1 << 40).expect("a sparse file");
    let fetch = || Err::<BTreeMap<String, i64>, _>(ConfigError::new(ErrorKind::Source, "down"));
    let layer = Custom::closure("server", HOUR, fetch);
    let cache = Cache::at(&path).after(Duration::from_millis(1));
    let store = Store::builder().layer(layer).cache(cache).start();
    let store = store.expect("threads");
    let error = || store.status().cache.expect("one").error;
    wait_until(LONG, "an error", || error().is_some());
    let text = error().expect("one").to_string();
    assert!(text.contains("damaged"), "{text}");
}

#[test]
fn file_of_a_layer_is_not_a_cache() {
    let folder = folder();
    let file = folder.path().join("app.toml");
    fs::write(&file, "port = 80").expect("written");
    let start = |cache: &Path| {
        let builder = Store::builder().file(&file).cache(Cache::at(cache));
        builder.start().map(drop)
    };
    let error = start(&file).expect_err("its own file");
    assert_eq!(error.kind(), ErrorKind::Cache);
    assert_eq!(
        error.to_string(),
        format!(
            "{path}: cannot keep the cache in a file that the layer {path} reads; give the cache \
             another path",
            path = file.display()
        )
    );
    start(&folder.path().join("./sub/../app.toml")).expect_err("the same path");
    #[cfg(unix)]
    {
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&file, &link).expect("a link");
        start(&link).expect_err("a link to it");
    }
    start(&folder.path().join("app.cache")).expect("another file");
    assert_eq!(fs::read_to_string(&file).expect("there"), "port = 80");
}

/// It would be a key of the mount, which each write changes.
#[test]
fn cache_in_a_mount_is_refused_unless_left_out() {
    let folder = folder();
    fs::write(folder.path().join("port"), "80").expect("written");
    let cache = folder.path().join("cache");
    let start = |mount: Mount, cache: &Path| {
        let builder = Store::builder().layer(mount).cache(Cache::at(cache));
        builder.start().map(drop)
    };
    let mount = || Mount::at(folder.path());
    start(mount(), &cache).expect_err("a key of the mount");
    start(mount().ignoring(["cache"]), &cache).expect("it is left out");
    start(mount(), &folder.path().join(".cache")).expect("hidden files are no keys");
}

/// The clock was wrong when it was written, or is wrong now: its age must not be that of a new one.
#[test]
fn cache_of_the_future_has_no_age() {
    let folder = folder();
    let path = folder.path().join("cache");
    assert!(store(&path).stop(LONG));
    let text = fs::read_to_string(&path).expect("text");
    let body = text.split_once('\n').expect("a header").1;
    let (start, rest) = body.split_once("\"written\":").expect("a time");
    let rest = &rest[rest.find(',').expect("more")..];
    let in_a_year = std::time::SystemTime::now() + 365 * 24 * HOUR;
    let in_a_year = in_a_year.duration_since(std::time::UNIX_EPOCH);
    let seconds = in_a_year.expect("after 1970").as_secs();
    let body = format!("{start}\"written\":{seconds}{rest}");
    let (sum, length) = (crc32fast::hash(body.as_bytes()), body.len());
    let text = format!("untorn-live-cache 1 {sum:08x} {length}\n{body}");
    fs::write(&path, text).expect("written");

    let fetch = || Err::<BTreeMap<String, i64>, _>(ConfigError::new(ErrorKind::Source, "down"));
    let layer = Custom::closure("server", HOUR, fetch);
    let cache = Cache::at(&path).after(Duration::from_millis(1));
    let store = Store::builder().layer(layer).cache(cache).start();
    let store = store.expect("threads");
    store.ready(LONG).expect("the cache");
    let error = || store.status().cache.expect("one").error;
    wait_until(LONG, "an error", || error().is_some());
    let status = store.status();
    assert!(status.to_string().contains("of unknown age"), "{status}");
    assert_eq!(status.age(), None);
    let error = error().expect("one").to_string();
    assert!(error.contains("written in the future"), "{error}");
}

/// The callback of the program hangs on the thread of the cache, as a disk may.
#[test]
fn store_ends_though_its_cache_hangs() {
    let folder = folder();
    let path = folder.path().join("missing").join("app.cache");
    let fetch = || Ok::<_, ConfigError>(BTreeMap::from([("port", 80)]));
    let (hangs, has_hung) = mpsc::channel();
    let (end, ended) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    let store = Store::builder()
        .layer(Custom::closure("server", HOUR, fetch))
        .cache(Cache::at(&path))
        .on_refusal(move |refusal| {
            assert_eq!(refusal.error.kind(), ErrorKind::Cache);
            _ = hangs.send(());
            _ = ended.lock().expect("no panic").recv();
        })
        .start()
        .expect("threads");
    has_hung.recv_timeout(LONG).expect("it cannot be written");
    let (dropped, is_dropped) = mpsc::channel();
    thread::spawn(move || {
        // The source ends at once.
        let is_written = store.stop(Duration::from_secs(1));
        drop(store);
        _ = dropped.send(is_written);
    });
    let is_written = is_dropped.recv_timeout(2 * DEADLINE);
    assert!(!is_written.expect("the end hangs too"), "the cache hangs");
    drop(end);
}
