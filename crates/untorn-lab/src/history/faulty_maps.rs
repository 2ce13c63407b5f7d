//! Maps that violate the contract, each in one way, and a correct one behind a lock. They show that
//! a recording detects bugs and has no false positives.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::detail::Follows;
use super::faulty_subscriber::LockedSubscriber;
use super::model::{Contents, KEYS, Key, Value};
use super::subject::{
    BatchEnd, BatchOps, Body, CommitKind, Committed, Entries, InitializeKind, Initializer, Keep,
    Reception, Subject, ViewKind, ViewOps, WriteKind, WriteResult,
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
    /// `batch_if_keys_unchanged` does not compare the keys.
    KeysNeverMoved,
    /// `batch_if_keys_unchanged` compares the revision.
    KeysAlwaysMoved,
    /// `commit_transition` returns the contents before the batch acquired the lock.
    OldTransitions,
    /// A wait returns the newest view instead of the one that satisfied the condition.
    LateWaits,
    /// Each caller runs its own initializer at once.
    InitializersAtOnce,
    /// The value of an initializer that failed is inserted.
    FailuresInsert,
    /// The value of an initializer overwrites one that was inserted meanwhile.
    InitializersOverwrite,
    /// Sometimes a subscription does not return a step although a key has changed.
    LosesChanges,
    /// A step of a subscription sometimes starts with an older view than the last one.
    OldSteps,
    /// A step of a subscription counts the revisions since the last comparison only.
    ForgetsMissed,
}

impl Mistake {
    /// The mistakes that both checkers detect.
    pub const OF_BOTH: [Self; 14] = [
        Self::LockPerRead,
        Self::OneByOne,
        Self::OldViews,
        Self::LazyReader,
        Self::AbortsPublish,
        Self::CopiesUnlocked,
        Self::NumbersUnlocked,
        Self::NeverMoved,
        Self::KeysNeverMoved,
        Self::KeysAlwaysMoved,
        Self::OldTransitions,
        Self::LateWaits,
        Self::InitializersAtOnce,
        Self::FailuresInsert,
    ];

    /// The mistakes in calls that return no revision: only the black-box checker detects them.
    pub const OF_THE_BLACK_BOX: [Self; 1] = [Self::InitializersOverwrite];

    /// The mistakes that only the checker of revisions detects.
    pub const OF_REVISIONS: [Self; 3] = [Self::LosesChanges, Self::OldSteps, Self::ForgetsMissed];
}

/// A state, or the working copy of a batch.
#[derive(Clone, Default)]
pub(super) struct State {
    entries: HashMap<Key, Value>,
    pub(super) revision: u64,
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
    /// Held while an initializer of the key runs.
    initializing: [Mutex<()>; KEYS],
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
            initializing: Default::default(),
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

    /// Returns whether a conditional batch is refused.
    fn has_moved(&self, kind: WriteKind<'_>, newest: &State) -> bool {
        match kind {
            WriteKind::IfUnchanged(view) => {
                view.revision() != newest.revision && self.mistake != Mistake::NeverMoved
            }
            WriteKind::IfKeysUnchanged(view, _) if self.mistake == Mistake::KeysAlwaysMoved => {
                view.revision() != newest.revision
            }
            WriteKind::IfKeysUnchanged(view, keys) => {
                let mut keys = keys.iter();
                keys.any(|key| view.get(*key) != newest.entries.get(key).copied())
                    && self.mistake != Mistake::KeysNeverMoved
            }
            _ => false,
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
    type Subscriber = LockedSubscriber;

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
        let early_contents = all(&self.newest().entries);
        let locked = self.mistake != Mistake::CopiesUnlocked;
        let mut writer = locked.then(|| lock(&self.writer));
        let mut copy = self.newest().clone();
        let newest = copy.revision;
        if self.has_moved(kind, &copy) {
            return WriteResult::Moved(newest);
        }
        let before = all(&copy.entries);
        let end = body(&mut copy);
        let after = all(&copy.entries);
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
            BatchEnd::Commit => WriteResult::Committed(match kind {
                WriteKind::Begin(CommitKind::Snapshot) => Committed {
                    after: Some(after),
                    ..Committed::at(revision)
                },
                WriteKind::Begin(CommitKind::Transition) => Committed {
                    revision,
                    before: Some(match self.mistake {
                        Mistake::OldTransitions => early_contents,
                        _ => before,
                    }),
                    after: Some(after),
                },
                _ => Committed::at(revision),
            }),
        }
    }

    fn initialize(
        &self,
        _: InitializeKind,
        key: Key,
        f: &mut Initializer<'_>,
    ) -> Result<Value, Value> {
        let at_once = self.mistake == Mistake::InitializersAtOnce;
        let turn = &self.initializing[usize::from(key)];
        let turn = (!at_once).then(|| lock(turn));
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        let made = f();
        let value = match made {
            Err(failed) if self.mistake != Mistake::FailuresInsert => return Err(failed),
            Ok(value) | Err(value) => value,
        };
        let overwrites = self.mistake == Mistake::InitializersOverwrite;
        let mut stored = value;
        self.update(key, &mut |present| {
            stored = present.filter(|_| !overwrites).unwrap_or(value);
            Some(stored)
        });
        drop(turn);
        made.map(|_| stored)
    }

    fn wait_until(
        &self,
        condition: &mut dyn FnMut(&dyn ViewOps) -> bool,
        timeout: Duration,
        body: &mut dyn FnMut(&dyn ViewOps),
    ) -> bool {
        let start = Instant::now();
        loop {
            let mut state = self.newest().clone();
            if condition(&state) {
                if self.mistake == Mistake::LateWaits {
                    thread::yield_now();
                    state = self.newest().clone();
                }
                body(&state);
                return true;
            }
            if start.elapsed() >= timeout {
                return false;
            }
            thread::yield_now();
        }
    }

    fn subscribe(&self, follows: Follows) -> (LockedSubscriber, u64) {
        let first = self.newest().clone();
        let revision = first.revision;
        (LockedSubscriber::new(first, follows), revision)
    }

    fn receive(&self, subscriber: &mut LockedSubscriber, timeout: Option<Duration>) -> Reception {
        let (start, timeout) = (Instant::now(), timeout.unwrap_or_default());
        loop {
            let newest = self.newest().clone();
            let received = subscriber.receive(newest, self.mistake);
            if received.step.is_some() || start.elapsed() >= timeout {
                return received;
            }
            thread::yield_now();
        }
    }
}

fn all(entries: &HashMap<Key, Value>) -> Entries {
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
    fn all(&self) -> Entries {
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
    fn all(&self) -> Entries {
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
