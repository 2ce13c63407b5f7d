//! Maps that break the contract, each in one way, and one behind a lock that keeps it: what shows that recording finds
//! something, and does not find it everywhere.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::model::{Contents, KEYS, Key, Value};
use super::subject::{Body, Ending, Hold, How, Keep, Reading, Subject, Untorn, Writing, Written};

/// Each mistake, and none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// None: a `HashMap` and its revision behind one lock.
    None,
    /// Each read of a view takes the lock by itself.
    LockPerRead,
    /// The writes of a batch become visible one by one.
    OneByOne,
    /// Now and then a view is one that was taken before.
    OldViews,
    /// A reader asks for a newer view every third time only.
    LazyReader,
    /// What is dropped or fails is published.
    AbortsPublish,
    /// A batch works on a copy that was made without the lock.
    CopiesUnlocked,
    /// The number of a commit is chosen before the lock is taken.
    NumbersUnlocked,
    /// `batch_if_unchanged` does not compare the revision.
    NeverMoved,
}

impl Mistake {
    /// All that are mistakes.
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

/// A state, or what a batch makes of one.
#[derive(Clone, Default)]
struct State {
    entries: HashMap<Key, Value>,
    revision: u64,
    changed: bool,
}

/// A map behind a lock, with a mistake.
pub struct Locked {
    mistake: Mistake,
    /// Held by the writer while it works on its copy.
    writer: Mutex<()>,
    newest: Mutex<State>,
    /// For old views.
    kept: Mutex<State>,
    asked: AtomicU64,
}

/// What a reader of [`Locked`] remembers.
#[derive(Default)]
pub struct Remembered {
    state: State,
    asked: u64,
}

/// A panic in a batch has changed nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Locked {
    /// An empty map.
    #[must_use]
    pub fn new(mistake: Mistake) -> Self {
        Self {
            mistake,
            writer: Mutex::default(),
            newest: Mutex::default(),
            kept: Mutex::default(),
            asked: AtomicU64::new(0),
        }
    }

    fn newest(&self) -> MutexGuard<'_, State> {
        lock(&self.newest)
    }

    fn show(&self, state: &State, body: &mut dyn FnMut(&dyn Reading)) {
        if self.mistake == Mistake::LockPerRead {
            let revision = state.revision;
            let map = self;
            body(&Live { map, revision });
        } else {
            body(state);
        }
    }

    fn publish(&self, made: State) {
        if self.mistake == Mistake::OneByOne {
            self.newest().revision = made.revision;
            for key in 0..KEYS as Key {
                match made.entries.get(&key) {
                    Some(value) => _ = self.newest().entries.insert(key, *value),
                    None => _ = self.newest().entries.remove(&key),
                }
                thread::yield_now();
            }
        } else {
            *self.newest() = made;
        }
    }
}

impl Subject for Locked {
    type Reader = Remembered;

    fn reader(&self) -> Remembered {
        Remembered::default()
    }

    fn view(&self, _: Hold, body: &mut dyn FnMut(&dyn Reading)) {
        let mut state = self.newest().clone();
        if self.mistake == Mistake::OldViews {
            match self.asked.fetch_add(1, Ordering::Relaxed) % 8 {
                0 => *lock(&self.kept) = state.clone(),
                5 => state = lock(&self.kept).clone(),
                _ => {}
            }
        }
        self.show(&state, body);
    }

    fn latest(&self, reader: &mut Remembered, body: &mut dyn FnMut(&dyn Reading)) {
        if self.mistake != Mistake::LazyReader || reader.asked.is_multiple_of(3) {
            reader.state = self.newest().clone();
        }
        reader.asked += 1;
        self.show(&reader.state, body);
    }

    fn write(&self, how: How<'_>, body: &mut Body<'_>) -> Written {
        let early = self.newest().revision;
        let locked = self.mistake != Mistake::CopiesUnlocked;
        let mut writer = locked.then(|| lock(&self.writer));
        let mut made = self.newest().clone();
        let newest = made.revision;
        if let How::IfUnchanged(view) = how
            && view.revision() != newest
            && self.mistake != Mistake::NeverMoved
        {
            return Written::Moved(newest);
        }
        let ending = body(&mut made);
        writer.get_or_insert_with(|| lock(&self.writer));
        let refused = ending == Ending::Fail;
        let mut revision = self.newest().revision;
        if made.changed && (!refused || self.mistake == Mistake::AbortsPublish) {
            let before = match self.mistake {
                Mistake::NumbersUnlocked => early,
                _ => revision,
            };
            revision = before + 1;
            self.publish(State {
                entries: made.entries,
                revision,
                ..State::default()
            });
        }
        match ending {
            Ending::Fail => Written::Failed,
            Ending::Commit => Written::Committed(revision),
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

impl Reading for State {
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

/// A view that is none.
struct Live<'m> {
    map: &'m Locked,
    revision: u64,
}

impl Reading for Live<'_> {
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

impl Writing for State {
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

/// A right map, used key by key: each read of a view is a `get` of its own, each write of a batch a commit.
pub struct KeyByKey(Untorn);

impl KeyByKey {
    /// An empty map.
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
    fn view(&self, _: Hold, body: &mut dyn FnMut(&dyn Reading)) {
        body(&Each(&self.0));
    }
    fn latest(&self, (): &mut (), body: &mut dyn FnMut(&dyn Reading)) {
        body(&Each(&self.0));
    }
    fn write(&self, _: How<'_>, body: &mut Body<'_>) -> Written {
        let ending = body(&mut Each(&self.0));
        match ending {
            Ending::Fail => Written::Failed,
            Ending::Commit => Written::Committed(Each(&self.0).revision()),
        }
    }
}

struct Each<'m>(&'m Untorn);

impl Reading for Each<'_> {
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
        self.0.view(Hold::Pin, &mut |view| all = view.all());
        all
    }
    fn revision(&self) -> u64 {
        let mut revision = 0;
        self.0
            .view(Hold::Pin, &mut |view| revision = view.revision());
        revision
    }
}

impl Writing for Each<'_> {
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
