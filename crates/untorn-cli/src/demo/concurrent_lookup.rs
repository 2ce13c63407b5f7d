//! The lookup case that takes two threads: a lookup during a write.

use std::hash::Hasher;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Barrier, Mutex, PoisonError};

use untorn::gomap::Key;
use untorn::{GoMap, OnOverlap, Overlap, spawn};

/// A key whose comparison on the thread "poller" blocks until the reader has overlapped it.
#[derive(Clone)]
struct BlockingKey(Arc<Barrier>);

impl PartialEq for BlockingKey {
    fn eq(&self, _other: &Self) -> bool {
        if std::thread::current().name() == Some("poller") {
            self.0.wait();
            self.0.wait();
        }
        true
    }
}

impl Eq for BlockingKey {}

impl std::hash::Hash for BlockingKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(1);
    }
}

impl Key for BlockingKey {}

/// Returns the overlap of a lookup that runs during a write.
pub(super) fn overlap_with_a_write() -> Overlap {
    static REPORTED: Mutex<Option<Overlap>> = Mutex::new(None);
    let reported = || REPORTED.lock().unwrap_or_else(PoisonError::into_inner);
    let barrier = Arc::new(Barrier::new(2));
    let key = BlockingKey(Arc::clone(&barrier));
    let map = GoMap::named("config").on_overlap(OnOverlap::Call(|overlap| {
        *REPORTED.lock().unwrap_or_else(PoisonError::into_inner) = Some(overlap.clone());
    }));
    map.insert(key.clone(), "265");
    let map = Arc::new(map);
    let poller = {
        let (map, key) = (Arc::clone(&map), key.clone());
        spawn("poller", move || map.insert(key, "17"))
    };
    barrier.wait();
    // The overlap is recorded; the message of the panic that follows would only distract.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let look_up = AssertUnwindSafe(|| map.get(&key));
    let read = panic::catch_unwind(look_up);
    panic::set_hook(hook);
    barrier.wait();
    poller.join().expect("the write completes");
    assert!(read.is_err(), "a read during a write must be detected");
    reported().take().expect("it was recorded")
}
