//! The age of a configuration, and what is no refusal.

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use untorn_live::layer::{Custom, File};
use untorn_live::{Cache, ConfigError, ErrorKind, Store};

use crate::support::{HOUR, LONG, folder, place};

/// A layer with one key, which fails while the switch is on.
fn layer(name: &'static str, is_broken: &Arc<AtomicBool>) -> Custom {
    let is_broken = Arc::clone(is_broken);
    Custom::closure(name, HOUR, move || match is_broken.load(SeqCst) {
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
    broken.store(true, SeqCst);
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

/// The cache is written since another layer has changed. Its age is that of the older one.
#[test]
fn cache_is_as_old_as_its_oldest_layer() {
    let folder = folder();
    let [silent, broken] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let number = Arc::new(AtomicU64::new(0));
    let start = || {
        let (number, is_broken) = (Arc::clone(&number), Arc::clone(&silent));
        let good = Custom::closure("good", HOUR, move || match is_broken.load(SeqCst) {
            true => Err(ConfigError::new(ErrorKind::Source, "no answer")),
            false => Ok(BTreeMap::from([("number", number.load(SeqCst))])),
        });
        let cache = Cache::at(folder.path().join("cache")).after(Duration::from_millis(1));
        let store = Store::builder().layer(layer("old", &broken)).layer(good);
        let store = store.cache(cache).start().expect("threads");
        store.ready(LONG).expect("the sources or the cache");
        store
    };
    let store = start();
    store.refresh(LONG).expect("both answer");
    broken.store(true, SeqCst);
    // The file counts in seconds.
    let gap = Duration::from_millis(1_500);
    thread::sleep(gap);
    number.store(1, SeqCst);
    store.refresh(LONG).expect_err("one does not answer");
    assert_eq!(store.pin().get_as::<u64>("number"), Ok(1));
    assert!(store.stop(LONG), "the cache is not written");
    silent.store(true, SeqCst);
    let store = start();
    assert_eq!(store.pin().get_as::<u64>("number"), Ok(1));
    let status = store.status();
    assert!(status.age() >= Some(gap), "{status}");
}

/// The check goes on, and nothing is refused.
#[test]
fn write_inside_a_check_is_no_refusal() {
    for text in ["port = 82", "port = "] {
        let (sender, stores) = mpsc::channel::<Store>();
        let stores = Mutex::new(stores);
        let refusals = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&refusals);
        let store = Store::builder()
            .manual()
            .check(move |_, _| {
                if let Ok(store) = stores.lock().expect("no panic").try_recv() {
                    store.publish_text("app.toml", text).expect_err("busy");
                }
                Ok::<_, ConfigError>(())
            })
            .on_refusal(move |_| _ = counted.fetch_add(1, SeqCst))
            .start()
            .expect("no thread");
        sender.send(store.clone()).expect("the check is there");
        store.publish_text("app.toml", "port = 81").expect("good");
        assert_eq!(store.pin().get_as::<u64>("port"), Ok(81));
        assert_eq!(refusals.load(SeqCst), 0, "{text}");
    }
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
    assert!(start().stop(LONG), "its end writes the cache");
    fs::remove_file(&path).expect("removed");
    let status = start().status();
    assert_eq!(status.layers[0].age(), None);
    assert!(status.age().is_some_and(|age| age < 2 * LONG), "{status}");
}
