//! Maps that violate the contract, each in one way, and a correct one behind a lock. They show that
//! a recording detects bugs and has no false positives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::model::{Contents, KEYS, Key, Value};
use super::subject::{
    BatchEnd, BatchOps, Body, Keep, Subject, Untorn, ViewKind, ViewOps, WriteKind, WriteResult,
};

/// The bugs, and none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// None: a `HashMap` and its revision behind one lock.
    None,
    /// Each read of a view acquires the lock by itself.
    LockPerRead,
    /// The writes of a batch become visible one by one.
    OneByOne,
    /// Sometimes a view is an older one.
    OldViews,
    /// A reader updates its view only every third time.
    LazyReader,
    /// Discarded batches are published.
    AbortsPublish,
    /// A batch works on a copy that was made without the lock.
    CopiesUnlocked,
    /// The revision of a commit is chosen before the lock is acquired.
    NumbersUnlocked,
    /// `batch_if_unchanged` does not compare the revision.
    NeverMoved,
}

impl Mistake {
    /// All variants but `None`.
    pub const ALL: [Self; 8] = [
        Self::LockPerRead,
        Self::OneByOne,
        Self::OldViews,
        Self::LazyReader,
        Self::AbortsPublish,
        Self::CopiesUnlocked,
        Self::NumbersUnlocked,
        Self::NeverMoved,
    ];
}

/// A state, or the working copy of a batch.
#[derive(Clone, Default)]
struct State {
    entries: HashMap<Key, Value>,
    revision: u64,
    changed: bool,
}

/// A map behind a lock, with one bug.
pub struct Locked {
    mistake: Mistake,
    /// Held by the writer while it changes its copy.
    writer: Mutex<()>,
    newest: Mutex<State>,
    /// The source of older views.
    older: Mutex<State>,
    calls: AtomicU64,
}

/// The state of a reader of [`Locked`].
#[derive(Default)]
pub struct LockedReader {
    state: State,
    calls: u64,
}

/// Ignores poisoning: a panicking batch has changed nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Locked {
    /// Creates an empty map.
    #[must_use]
    pub fn new(mistake: Mistake) -> Self {
        Self {
            mistake,
            writer: Mutex::default(),
            newest: Mutex::default(),
            older: Mutex::default(),
            calls: AtomicU64::new(0),
        }
    }

    fn newest(&self) -> MutexGuard<'_, State> {
        lock(&self.newest)
    }

    fn with_view(&self, state: &State, body: &mut dyn FnMut(&dyn ViewOps)) {
        if self.mistake == Mistake::LockPerRead {
            let revision = state.revision;
            let map = self;
            body(&UnlockedView { map, revision });
        } else {
            body(state);
        }
    }

    fn publish(&self, copy: State) {
        if self.mistake == Mistake::OneByOne {
            self.newest().revision = copy.revision;
            for key in 0..KEYS as Key {
                match copy.entries.get(&key) {
                    Some(value) => _ = self.newest().entries.insert(key, *value),
                    None => _ = self.newest().entries.remove(&key),
                }
                thread::yield_now();
            }
        } else {
            *self.newest() = copy;
        }
    }
}

impl Subject for Locked {
    type Reader = LockedReader;

    fn reader(&self) -> LockedReader {
        LockedReader::default()
    }

    fn view(&self, _: ViewKind, body: &mut dyn FnMut(&dyn ViewOps)) {
        let mut state = self.newest().clone();
        if self.mistake == Mistake::OldViews {
            match self.calls.fetch_add(1, Ordering::Relaxed) % 8 {
                0 => *lock(&self.older) = state.clone(),
                5 => state = lock(&self.older).clone(),
                _ => {}
            }
        }
        self.with_view(&state, body);
    }

    fn latest(&self, reader: &mut LockedReader, body: &mut dyn FnMut(&dyn ViewOps)) {
        if self.mistake != Mistake::LazyReader || reader.calls.is_multiple_of(3) {
            reader.state = self.newest().clone();
        }
        reader.calls += 1;
        self.with_view(&reader.state, body);
    }

    fn write(&self, kind: WriteKind<'_>, body: &mut Body<'_>) -> WriteResult {
        let early = self.newest().revision;
        let locked = self.mistake != Mistake::CopiesUnlocked;
        let mut writer = locked.then(|| lock(&self.writer));
        let mut copy = self.newest().clone();
        let newest = copy.revision;
        if let WriteKind::IfUnchanged(view) = kind
            && view.revision() != newest
            && self.mistake != Mistake::NeverMoved
        {
            return WriteResult::Moved(newest);
        }
        let end = body(&mut copy);
        writer.get_or_insert_with(|| lock(&self.writer));
        let refused = end == BatchEnd::Fail;
        let mut revision = self.newest().revision;
        if copy.changed && (!refused || self.mistake == Mistake::AbortsPublish) {
            let before = match self.mistake {
                Mistake::NumbersUnlocked => early,
                _ => revision,
            };
            revision = before + 1;
            self.publish(State {
                entries: copy.entries,
                revision,
                ..State::default()
            });
        }
        match end {
            BatchEnd::Fail => WriteResult::Failed,
            BatchEnd::Commit => WriteResult::Committed(revision),
        }
    }
}

fn all(entries: &HashMap<Key, Value>) -> (Contents, usize) {
    let mut all = Contents::default();
    for (&key, &value) in entries {
        all[usize::from(key)] = Some(value);
    }
    (all, entries.len())
}

impl ViewOps for State {
    fn get(&self, key: Key) -> Option<Value> {
        self.entries.get(&key).copied()
    }
    fn contains_key(&self, key: Key) -> bool {
        self.entries.contains_key(&key)
    }
    fn len(&self) -> usize {
        self.entries.len()
    }
    fn all(&self) -> (Contents, usize) {
        all(&self.entries)
    }
    fn revision(&self) -> u64 {
        self.revision
    }
}

/// A view that reads the current state instead of a snapshot.
struct UnlockedView<'m> {
    map: &'m Locked,
    revision: u64,
}

impl ViewOps for UnlockedView<'_> {
    fn get(&self, key: Key) -> Option<Value> {
        self.map.newest().entries.get(&key).copied()
    }
    fn contains_key(&self, key: Key) -> bool {
        self.map.newest().entries.contains_key(&key)
    }
    fn len(&self) -> usize {
        self.map.newest().entries.len()
    }
    fn all(&self) -> (Contents, usize) {
        all(&self.map.newest().entries)
    }
    fn revision(&self) -> u64 {
        self.revision
    }
}

impl BatchOps for State {
    fn get(&self, key: Key) -> Option<Value> {
        self.entries.get(&key).copied()
    }
    fn contains_key(&self, key: Key) -> bool {
        self.entries.contains_key(&key)
    }
    fn len(&self) -> usize {
        self.entries.len()
    }
    fn insert(&mut self, key: Key, value: Value) -> Option<Value> {
        self.changed = true;
        self.entries.insert(key, value)
    }
    fn remove(&mut self, key: Key) -> Option<Value> {
        let old = self.entries.remove(&key);
        self.changed |= old.is_some();
        old
    }
    fn clear(&mut self) {
        self.changed |= !self.entries.is_empty();
        self.entries.clear();
    }
    fn retain(&mut self, keep: &mut Keep<'_>) {
        let before = self.entries.len();
        self.entries.retain(|key, value| keep(*key, *value));
        self.changed |= self.entries.len() != before;
    }
}

/// A correct map used key by key: each read of a view is a separate `get`, each write of a batch a
/// separate commit.
pub struct KeyByKey(Untorn);

impl KeyByKey {
    /// Creates an empty map.
    #[must_use]
    pub fn new() -> Self {
        Self(Untorn::new(0))
    }
}

impl Default for KeyByKey {
    fn default() -> Self {
        Self::new()
    }
}

impl Subject for KeyByKey {
    type Reader = ();

    fn reader(&self) {}
    fn view(&self, _: ViewKind, body: &mut dyn FnMut(&dyn ViewOps)) {
        body(&PerKey(&self.0));
    }
    fn latest(&self, (): &mut (), body: &mut dyn FnMut(&dyn ViewOps)) {
        body(&PerKey(&self.0));
    }
    fn write(&self, _: WriteKind<'_>, body: &mut Body<'_>) -> WriteResult {
        let end = body(&mut PerKey(&self.0));
        match end {
            BatchEnd::Fail => WriteResult::Failed,
            BatchEnd::Commit => WriteResult::Committed(PerKey(&self.0).revision()),
        }
    }
}

struct PerKey<'m>(&'m Untorn);

impl ViewOps for PerKey<'_> {
    fn get(&self, key: Key) -> Option<Value> {
        self.0.get(key)
    }
    fn contains_key(&self, key: Key) -> bool {
        self.0.contains_key(key)
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn all(&self) -> (Contents, usize) {
        let mut all = (Contents::default(), 0);
        self.0.view(ViewKind::Pin, &mut |view| all = view.all());
        all
    }
    fn revision(&self) -> u64 {
        let mut revision = 0;
        self.0
            .view(ViewKind::Pin, &mut |view| revision = view.revision());
        revision
    }
}

impl BatchOps for PerKey<'_> {
    fn get(&self, key: Key) -> Option<Value> {
        self.0.get(key)
    }
    fn contains_key(&self, key: Key) -> bool {
        self.0.contains_key(key)
    }
    fn len(&self) -> usize {
        self.0.len()
    }
    fn insert(&mut self, key: Key, value: Value) -> Option<Value> {
        self.0.insert(key, value)
    }
    fn remove(&mut self, key: Key) -> Option<Value> {
        self.0.remove(key)
    }
    fn clear(&mut self) {
        self.0.clear();
    }
    fn retain(&mut self, keep: &mut Keep<'_>) {
        self.0.retain(keep);
    }
}
