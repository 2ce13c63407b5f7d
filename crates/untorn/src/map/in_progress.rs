//! The keys of a map whose initializers run: at most one at a time for a key, others at once.
//!
//! No foreign code runs while the list is locked: keys are hashed before, and compared, cloned and
//! dropped outside of the lock. So a key is compared with those of the same hash one by one, and
//! enters the list in the critical section that finds no further one.
//!
//! The list also says which thread waits for which key. A wait that would close a cycle panics
//! instead. Two waits cannot close it together, since each looks at all others under the lock.

#[cfg(all(test, untorn_shuttle))]
mod shuttle;

use std::sync::{OnceLock, PoisonError};

use crate::mutants::mutant;
use crate::sync::{Arc, Condvar, Mutex, MutexGuard};
use crate::thread::this_thread;

/// The keys in progress. The list is created at its first use, so that other maps pay two words.
pub(super) struct InProgress<K>(OnceLock<Box<Mutex<List<K>>>>);

struct List<K> {
    /// In the order of their numbers.
    entries: Vec<Entry<K>>,
    /// The number of the last entry.
    last: u64,
}

struct Entry<K> {
    number: u64,
    hash: u64,
    shared: Arc<Shared<K>>,
    /// The thread whose initializer runs. `None` after one has failed, until the next thread
    /// continues.
    thread: Option<u64>,
    /// The threads that wait for this key. Each is in one entry at most.
    waiting: Vec<u64>,
}

/// The part of an entry that is used outside of the lock.
struct Shared<K> {
    key: K,
    ended: Condvar,
}

/// The right to run the initializer of a key, until it is dropped.
pub(super) struct Turn<'p, K> {
    list: &'p Mutex<List<K>>,
    shared: Arc<Shared<K>>,
    has_value: bool,
}

/// The reason why a thread must not wait for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deadlock {
    /// Its own initializer runs on this thread.
    OwnInitializer,
    /// Its initializer waits, perhaps through others, for one that runs on this thread.
    Cycle,
}

impl<K> InProgress<K> {
    pub(super) fn new() -> Self {
        Self(OnceLock::new())
    }
}

fn lock<K>(list: &Mutex<List<K>>) -> MutexGuard<'_, List<K>> {
    // Poisoning cannot occur: nothing panics while the list is locked.
    list.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Clone + Eq> InProgress<K> {
    /// Returns the right to run the initializer of `key`, after the one that runs has failed.
    /// Returns `None` once the key has got a value, which may have been removed again.
    pub(super) fn claim(&self, key: &K, hash: u64) -> Result<Option<Turn<'_, K>>, Deadlock> {
        let list = self.0.get_or_init(|| {
            Box::new(Mutex::new(List {
                entries: Vec::new(),
                last: 0,
            }))
        });
        let mine = Arc::new(Shared {
            key: key.clone(),
            ended: Condvar::new(),
        });
        let mut compared = 0;
        loop {
            let mut locked = lock(list);
            let others = locked.entries.iter();
            let next = others
                .filter(|entry| entry.hash == hash)
                .find(|entry| entry.number > compared)
                .map(|entry| (entry.number, Arc::clone(&entry.shared)));
            let Some((number, other)) = next else {
                locked.push(hash, Arc::clone(&mine));
                drop(locked);
                return Ok(Some(Turn::new(list, mine)));
            };
            drop(locked);
            if other.key == *key && !mutant("initializers_do_not_wait") {
                return wait(list, other);
            }
            compared = number;
        }
    }
}

/// Waits until the initializer that runs has ended.
fn wait<K>(list: &Mutex<List<K>>, shared: Arc<Shared<K>>) -> Result<Option<Turn<'_, K>>, Deadlock> {
    let me = this_thread();
    let mut locked = lock(list);
    loop {
        let Some(entry) = locked.find(&shared) else {
            return Ok(None);
        };
        entry.waiting.retain(|thread| *thread != me);
        let Some(thread) = entry.thread else {
            entry.thread = Some(me);
            drop(locked);
            return Ok(Some(Turn::new(list, shared)));
        };
        if locked.waits_for(thread, me) {
            return Err(if thread == me {
                Deadlock::OwnInitializer
            } else {
                Deadlock::Cycle
            });
        }
        if let Some(entry) = locked.find(&shared) {
            entry.waiting.push(me);
        }
        let woken = shared.ended.wait(locked);
        locked = woken.unwrap_or_else(PoisonError::into_inner);
    }
}

impl<K> List<K> {
    fn push(&mut self, hash: u64, shared: Arc<Shared<K>>) {
        self.last += 1;
        self.entries.push(Entry {
            number: self.last,
            hash,
            shared,
            thread: Some(this_thread()),
            waiting: Vec::new(),
        });
    }

    fn find(&mut self, shared: &Arc<Shared<K>>) -> Option<&mut Entry<K>> {
        let mut entries = self.entries.iter_mut();
        entries.find(|entry| Arc::ptr_eq(&entry.shared, shared))
    }

    /// Returns whether `thread` is `other` or waits for it, perhaps through further threads. The
    /// waits of the list have no cycle, so this ends.
    fn waits_for(&self, mut thread: u64, other: u64) -> bool {
        while thread != other {
            let mut entries = self.entries.iter();
            let awaited = entries.find(|entry| entry.waiting.contains(&thread));
            let Some(next) = awaited.and_then(|entry| entry.thread) else {
                return false;
            };
            thread = next;
        }
        true
    }
}

impl<'p, K> Turn<'p, K> {
    fn new(list: &'p Mutex<List<K>>, shared: Arc<Shared<K>>) -> Self {
        Self {
            list,
            shared,
            has_value: false,
        }
    }

    /// Ends the turn: the map has a value for the key. All threads that wait for it look it up.
    pub(super) fn end_with_value(mut self) {
        self.has_value = true;
    }
}

impl<K> Drop for Turn<'_, K> {
    /// Without a value the next waiting thread gets the turn.
    fn drop(&mut self) {
        let mut locked = lock(self.list);
        let Some(entry) = locked.find(&self.shared) else {
            return;
        };
        entry.thread = None;
        if !self.has_value && !entry.waiting.is_empty() {
            if !mutant("failed_initializer_wakes_none") {
                self.shared.ended.notify_one();
            }
            return;
        }
        let is_other = |entry: &Entry<K>| !Arc::ptr_eq(&entry.shared, &self.shared);
        locked.entries.retain(is_other);
        self.shared.ended.notify_all();
    }
}
