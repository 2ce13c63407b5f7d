//! The age of a configuration.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use untorn_live::layer::{Custom, File};
use untorn_live::{Cache, ConfigError, ErrorKind, Store};

use crate::support::{HOUR, LONG, folder, place};

/// A layer with one key, which fails while the switch is on.
fn layer(name: &'static str, is_broken: &Arc<AtomicBool>) -> Custom {
    let is_broken = Arc::clone(is_broken);
    Custom::closure(name, HOUR, move || match is_broken.load(Ordering::SeqCst) {
        true => Err(ConfigError::new(ErrorKind::Source, "no answer")),
        false => Ok(BTreeMap::from([(name, 1)])),
    })
}

#[test]
fn age_is_that_of_the_oldest_layer() {
    let [never, broken] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let store = Store::builder()
        .text("app.toml", "x = 1")
        .layer(layer("good", &never))
        .layer(layer("old", &broken))
        .start()
        .expect("threads");
    store.refresh(LONG).expect("both answer");
    broken.store(true, Ordering::SeqCst);
    let gap = Duration::from_millis(50);
    thread::sleep(gap);
    store.refresh(LONG).expect_err("one does not answer");
    let status = store.status();
    let [fixed, good, old] = &*status.layers else {
        panic!("{status}");
    };
    assert_eq!(fixed.age(), None);
    assert!(good.age() < old.age() && old.age() >= Some(gap), "{status}");
    assert_eq!(status.age(), old.age());
}

#[test]
fn age_of_fixed_and_silent_layers_is_unknown() {
    assert_eq!(Store::manual().status().age(), None);
    let broken = Arc::new(AtomicBool::new(true));
    let store = Store::builder().layer(layer("old", &broken)).start();
    let store = store.expect("a thread");
    store.refresh(LONG).expect_err("it does not answer");
    assert_eq!(store.status().age(), None);
}

#[test]
fn age_of_a_cached_start_is_that_of_the_cache() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, "port = 80");
    let start = || {
        let cache = Cache::at(folder.path().join("cache")).after(Duration::from_millis(50));
        let file = File::at(&path).period(HOUR);
        let store = Store::builder().layer(file).cache(cache).start();
        let store = store.expect("threads");
        store.ready(LONG).expect("a file or a cache");
        store
    };
    drop(start());
    fs::remove_file(&path).expect("removed");
    let status = start().status();
    assert_eq!(status.layers[0].age(), None);
    assert!(status.age().is_some_and(|age| age < 2 * LONG), "{status}");
}
