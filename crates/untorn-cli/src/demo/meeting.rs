//! The scene that takes two threads: a look-up while a write is inside.

use std::hash::Hasher;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Barrier, Mutex, PoisonError};

use untorn::gomap::Key;
use untorn::{GoMap, OnOverlap, Overlap, spawn};

/// A key that, compared on the thread "poller", waits until the reader has been there.
#[derive(Clone)]
struct Waiting(Arc<Barrier>);

impl PartialEq for Waiting {
    fn eq(&self, _other: &Self) -> bool {
        if std::thread::current().name() == Some("poller") {
            self.0.wait();
            self.0.wait();
        }
        true
    }
}

impl Eq for Waiting {}

impl std::hash::Hash for Waiting {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(1);
    }
}

impl Key for Waiting {}

/// A look-up while a write is inside.
pub(super) fn meet_a_writer() -> Overlap {
    static MET: Mutex<Option<Overlap>> = Mutex::new(None);
    let met = || MET.lock().unwrap_or_else(PoisonError::into_inner);
    let barrier = Arc::new(Barrier::new(2));
    let key = Waiting(Arc::clone(&barrier));
    let map = GoMap::named("config").on_overlap(OnOverlap::Call(|overlap| {
        *MET.lock().unwrap_or_else(PoisonError::into_inner) = Some(overlap.clone());
    }));
    map.insert(key.clone(), "265");
    let map = Arc::new(map);
    let poller = {
        let (map, key) = (Arc::clone(&map), key.clone());
        spawn("poller", move || map.insert(key, "17"))
    };
    barrier.wait();
    // The overlap is recorded; the panic that follows it is not news.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let met_by = AssertUnwindSafe(|| map.get(&key));
    let read = panic::catch_unwind(met_by);
    panic::set_hook(hook);
    barrier.wait();
    poller.join().expect("the write goes on undisturbed");
    assert!(read.is_err(), "a read during a write must be noticed");
    met().take().expect("it was recorded")
}
