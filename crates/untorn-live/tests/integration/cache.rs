//! The last good configuration on disk: whole after kills, refused if it is damaged, without the
//! secrets that it must not have, and no more than a bridge until the sources answer.

mod kills;
mod silent;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use untorn_live::layer::Custom;
use untorn_live::{Cache, ConfigError, ErrorKind, Store, StoreBuilder};

use crate::support::{HOUR, LONG, folder, wait_until};

/// The keys of the child's configuration, all with the number of one generation.
const KEYS: usize = 5_000;

type Tree = BTreeMap<String, BTreeMap<String, i64>>;

fn generation(number: i64) -> Tree {
    let keys = || (0..KEYS / 5).map(|key| (format!("key{key}"), number));
    (0..5)
        .map(|section| (format!("section{section}"), keys().collect()))
        .collect()
}

/// A store whose only layer is a closure, with a cache that is taken at once.
fn store(
    path: &Path,
    fetch: impl FnMut() -> Result<Tree, ConfigError> + Send + 'static,
) -> StoreBuilder {
    let layer = Custom::closure("server", Duration::from_millis(1), fetch);
    let cache = Cache::at(path).after(Duration::from_millis(1));
    Store::builder().layer(layer).cache(cache)
}

fn silent() -> Result<Tree, ConfigError> {
    Err(ConfigError::new(ErrorKind::Source, "the server is down"))
}

/// Writes a cache of one generation.
fn write(path: &Path, tree: &Tree) {
    let tree = tree.clone();
    let store = store(path, move || Ok(tree.clone()))
        .start()
        .expect("a store");
    store.ready(LONG).expect("an answer");
    drop(store);
    // The drop waits for some seconds at most.
    wait_until(LONG, "the end of a store writes its cache", || {
        path.exists()
    });
}

/// Starts a store while its source is silent, and returns the generation of all keys.
fn read(path: &Path) -> i64 {
    let store = store(path, silent).start().expect("a store");
    let config = store.ready(LONG).expect("the cache");
    assert!(store.status().cache.expect("one").in_use_since.is_some());
    let mut numbers = config
        .iter()
        .map(|(_, value)| value.as_integer().expect("a number"));
    let first = numbers.next().expect("keys");
    assert_eq!(config.len(), KEYS);
    assert!(
        numbers.all(|number| number == first),
        "two generations in one cache"
    );
    first
}

/// The first call of `stop` finds the source in a fetch, whose answer the second one writes.
#[test]
fn cache_has_what_came_after_a_stop_that_timed_out() {
    let folder = folder();
    let path = folder.path().join("app.cache");
    let (begins, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let mut number = 0;
    let fetch = move || {
        number += 1;
        if number == 2 {
            _ = begins.send(());
            _ = released.recv();
        }
        Ok(generation(number))
    };
    let stopped = store(&path, fetch).start().expect("a store");
    begun.recv_timeout(LONG).expect("a second fetch");
    assert!(
        !stopped.stop(Duration::from_millis(1)),
        "a fetch is running"
    );
    release.send(()).expect("it waits");
    assert!(stopped.stop(LONG));
    assert_eq!(read(&path), 2);
}

#[test]
fn damaged_cache_is_reported_and_not_taken() {
    let folder = folder();
    let path = folder.path().join("app.cache");
    write(&path, &generation(1));
    let good = fs::read(&path).expect("a file");
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let newer = String::from_utf8_lossy(&good)
        .replacen("-cache 1 ", "-cache 2 ", 1)
        .into_bytes();
    let cases = [
        (flipped, "damaged"),
        (good[..good.len() - 1].to_vec(), "damaged"),
        (Vec::new(), "damaged"),
        (b"port = 80\n".to_vec(), "not a cache"),
        (newer, "version 2"),
    ];
    for (bytes, reason) in cases {
        fs::write(&path, &bytes).expect("it can be written");
        let reported = Arc::new(Mutex::new(Vec::new()));
        let reports = Arc::clone(&reported);
        let store = store(&path, silent).on_refusal(move |refusal| {
            reports
                .lock()
                .expect("no panic")
                .push(refusal.error.clone());
        });
        let store = store.start().expect("a store");
        let error = || store.status().cache.expect("one").error;
        wait_until(LONG, "an error", || error().is_some());
        let text = error().expect("one").to_string();
        assert!(
            text.contains(reason) && text.contains("app.cache"),
            "{text}"
        );
        assert!(store.ready(Duration::ZERO).is_err() && store.pin().is_empty());
        let of_cache = || {
            let reported = reported.lock().expect("no panic");
            let of_cache = |error: &&ConfigError| error.kind() == ErrorKind::Cache;
            reported.iter().filter(of_cache).count()
        };
        // The status has it a moment before.
        wait_until(LONG, "a report", || of_cache() > 0);
        assert_eq!(of_cache(), 1, "{:?}", reported.lock());
        // A file that is not a cache is not overwritten as long as there is nothing to write.
        assert_eq!(fs::read(&path).expect("a file"), bytes);
    }
}

#[test]
fn sources_take_over_from_the_cache() {
    let folder = folder();
    let path = folder.path().join("app.cache");
    write(&path, &generation(1));
    let is_up = Arc::new(AtomicBool::new(false));
    let server = Arc::clone(&is_up);
    let store = store(&path, move || match server.load(Ordering::SeqCst) {
        true => Ok(generation(2)),
        false => silent(),
    });
    let store = store.start().expect("a store");
    let config = store.ready(LONG).expect("the cache");
    assert_eq!(
        config
            .get("section0.key0")
            .and_then(|value| value.as_integer()),
        Some(1)
    );
    let mut changes = store.subscribe_key("section0.key0");
    is_up.store(true, Ordering::SeqCst);
    store.refresh(LONG).expect("an answer");
    let step = changes.recv_timeout(LONG).expect("a change");
    assert_eq!(
        step.to
            .get("section0.key0")
            .and_then(|value| value.as_integer()),
        Some(2)
    );
    let cache = store.status().cache.expect("one");
    assert_eq!((cache.in_use_since, cache.error), (None, None));
    assert!(store.stop(LONG));
    assert_eq!(read(&path), 2);
}

/// Contents that the server has unchanged end the use of the cache too.
#[test]
fn equal_contents_end_the_use_of_the_cache() {
    let folder = folder();
    let path = folder.path().join("app.cache");
    write(&path, &generation(1));
    let is_up = Arc::new(AtomicBool::new(false));
    let server = Arc::clone(&is_up);
    let store = store(&path, move || match server.load(Ordering::SeqCst) {
        true => Ok(generation(1)),
        false => silent(),
    });
    let store = store.start().expect("a store");
    let revision = store.ready(LONG).expect("the cache").revision();
    is_up.store(true, Ordering::SeqCst);
    store.refresh(LONG).expect("an answer");
    assert!(store.status().cache.expect("one").in_use_since.is_none());
    assert_eq!(store.pin().revision(), revision, "nothing has changed");
}

/// What the cache has must pass the checks of the program that reads it: another version of the
/// program may have written it.
#[test]
fn cache_that_fails_a_check_is_not_taken() {
    let folder = folder();
    let path = folder.path().join("app.cache");
    write(&path, &generation(1));
    let store = store(&path, silent)
        .check(|_, _| Err("not this one"))
        .start()
        .expect("a store");
    let error = || store.status().cache.expect("one").error;
    wait_until(LONG, "an error", || error().is_some());
    assert_eq!(error().expect("one").message(), "not this one");
    assert!(store.pin().is_empty());
}

#[test]
fn secrets_are_left_out_and_missed() {
    const CANARY: &str = "canary-b7e1c0";

    let folder = folder();
    let path = folder.path().join("app.cache");
    type Secrets = BTreeMap<&'static str, BTreeMap<&'static str, &'static str>>;

    let with = |fetch: fn() -> Result<Secrets, ConfigError>| {
        let layer = Custom::closure("server", Duration::from_millis(1), fetch);
        let cache = Cache::at(&path)
            .after(Duration::from_millis(1))
            .without_secrets();
        let store = Store::builder()
            .layer(layer)
            .cache(cache)
            .secret("db.password");
        store.start().expect("a store")
    };
    let store = with(|| {
        let db = BTreeMap::from([("password", CANARY), ("user", "app")]);
        Ok(BTreeMap::from([("db", db)]))
    });
    store.ready(LONG).expect("an answer");
    assert!(store.stop(LONG));
    let bytes = fs::read(&path).expect("a file");
    assert!(
        !bytes
            .windows(CANARY.len())
            .any(|part| part == CANARY.as_bytes())
    );
    assert!(bytes.windows(3).any(|part| part == b"app"));

    let store = with(|| Err(ConfigError::new(ErrorKind::Source, "the server is down")));
    let error = || store.status().cache.expect("one").error;
    wait_until(LONG, "an error", || error().is_some());
    let error = error().expect("one");
    assert_eq!(error.key(), Some("db.password"));
    assert!(
        store.ready(Duration::ZERO).is_err(),
        "served without a secret"
    );
}

/// A cache that cannot be written is reported, and the configuration is served all the same.
#[test]
fn a_cache_that_cannot_be_written_is_reported() {
    let folder = folder();
    let path = folder.path().join("missing").join("app.cache");
    let store = store(&path, || Ok(generation(1))).start().expect("a store");
    store.ready(LONG).expect("an answer");
    let error = || store.status().cache.expect("one").error;
    wait_until(LONG, "an error", || error().is_some());
    assert!(
        error()
            .expect("one")
            .to_string()
            .contains("cannot write the cache")
    );
    assert_eq!(store.pin().len(), KEYS);
}

/// A full disk leaves the cache of before, whole.
#[test]
fn a_full_disk_leaves_the_old_cache() {
    let folder = folder();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=300k", "tmpfs"])
        .arg(folder.path())
        .stderr(Stdio::null())
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        println!("skipped: no right to mount a small tmpfs");
        return;
    }
    let path = folder.path().join("app.cache");
    let result = std::panic::catch_unwind(|| {
        write(&path, &generation(1));
        let large = (0..50_000).map(|key| (format!("key{key}"), 2)).collect();
        let large = Tree::from([("section".into(), large)]);
        let store = store(&path, move || Ok(large.clone()))
            .start()
            .expect("a store");
        store.ready(LONG).expect("an answer");
        let error = || store.status().cache.expect("one").error;
        wait_until(LONG, "an error", || error().is_some());
        assert!(error().expect("one").to_string().contains("cannot write"));
        drop(store);
        assert_eq!(read(&path), 1);
        let files = fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(files, 1, "what was written fills the disk");
    });
    let unmounted = Command::new("umount").arg(folder.path()).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    result.expect("no panic");
}

/// A layer that has one key, with a number that the test sets.
fn numbered(path: &Path, number: &Arc<AtomicI64>) -> Store {
    let number = Arc::clone(number);
    let fetch =
        move || Ok::<_, ConfigError>(BTreeMap::from([("x", number.load(Ordering::SeqCst))]));
    let layer = Custom::closure("server", HOUR, fetch);
    let store = Store::builder().layer(layer).cache(Cache::at(path)).start();
    let store = store.expect("threads");
    store.ready(LONG).expect("an answer");
    store
}

/// Two programs that were given one file by mistake, or two stores of one program.
#[test]
fn stores_that_share_a_cache_are_reported() {
    let folder = folder();
    let path = folder.path().join("cache");
    let number = Arc::new(AtomicI64::new(0));
    let cache = |store: &Store| store.status().cache.expect("one");
    let change = |store: &Store| {
        number.fetch_add(1, Ordering::SeqCst);
        store.refresh(LONG).expect("an answer");
        let revision = Some(store.pin().revision().get());
        wait_until(LONG, "it is written", || cache(store).written == revision);
    };
    let one = numbered(&path, &number);
    // Its own writes, and those of a store before it, are no others.
    change(&one);
    change(&one);
    assert_eq!(cache(&one).error, None);
    drop(one);
    let one = numbered(&path, &number);
    change(&one);
    assert_eq!(cache(&one).error, None);

    let other = numbered(&path, &number);
    change(&other);
    for store in [&one, &other] {
        change(store);
        wait_until(LONG, "it is reported", || cache(store).error.is_some());
        let error = cache(store).error.expect("one");
        assert_eq!(error.kind(), ErrorKind::Cache);
        assert_eq!(
            error.to_string(),
            format!(
                "{}: another store writes this cache too; give each store a file of its own",
                path.display()
            )
        );
    }
    // Until the other one has ended.
    drop(one);
    change(&other);
    change(&other);
    assert_eq!(cache(&other).error, None);
}
