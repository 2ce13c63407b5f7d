//! The interface of a recorded map.

use std::time::Duration;

use untorn::View;

use super::detail::{Follows, Transition};
use super::forked::Forked;
use super::model::{Contents, KEYS, Key, Value};

/// All entries by iteration, and their number, duplicates included.
pub type Entries = (Contents, usize);

/// Reads of one state.
pub trait ViewOps {
    /// Returns the value of a key.
    fn get(&self, key: Key) -> Option<Value>;
    /// Returns whether the key is present.
    fn contains_key(&self, key: Key) -> bool;
    /// Returns the number of entries.
    fn len(&self) -> usize;
    /// Returns whether there are no entries.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Returns all entries by iteration, and their number.
    fn all(&self) -> Entries;
    /// Returns the revision.
    fn revision(&self) -> u64;
    /// Returns the underlying view, if this is one of an `untorn::Map`.
    fn view(&self) -> Option<&View<u32, Value>> {
        None
    }
}

/// Reads and writes of a batch.
pub trait BatchOps {
    /// Returns the value of a key, including the batch's own writes.
    fn get(&self, key: Key) -> Option<Value>;
    /// Returns whether the key is present.
    fn contains_key(&self, key: Key) -> bool;
    /// Returns the number of entries.
    fn len(&self) -> usize;
    /// Returns whether there are no entries.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Inserts a value and returns the old one.
    fn insert(&mut self, key: Key, value: Value) -> Option<Value>;
    /// Removes a key and returns its value.
    fn remove(&mut self, key: Key) -> Option<Value>;
    /// Removes all entries.
    fn clear(&mut self);
    /// Retains the entries for which `keep` returns true.
    fn retain(&mut self, keep: &mut Keep<'_>);
}

/// The kind of view to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewKind {
    /// A pin.
    Pin,
    /// A snapshot.
    Snapshot,
}

/// The kind of batch to make.
#[derive(Clone, Copy)]
pub enum WriteKind<'v> {
    /// `batch`.
    Batch,
    /// `try_batch`.
    Try,
    /// `begin_batch`.
    Begin(CommitKind),
    /// `batch_if_unchanged` with this view.
    IfUnchanged(&'v dyn ViewOps),
    /// `batch_if_keys_unchanged` with this view and these keys.
    IfKeysUnchanged(&'v dyn ViewOps, &'v [Key]),
}

/// The method that commits a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitKind {
    /// `commit`.
    Plain,
    /// `commit_snapshot`.
    Snapshot,
    /// `commit_transition`.
    Transition,
}

/// The result of a batch's closure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BatchEnd {
    /// Commits the batch.
    Commit,
    /// Discards it: `try_batch` fails, or the batch of `begin_batch` is dropped (only for these
    /// two).
    Fail,
}

/// The result of a commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// The newest revision.
    pub revision: u64,
    /// The contents before the commit, if the call returned them.
    pub before: Option<Entries>,
    /// The contents after the commit, if the call returned them.
    pub after: Option<Entries>,
}

impl Committed {
    /// Returns the result of a call that returns the revision only.
    #[must_use]
    pub fn at(revision: u64) -> Self {
        Self {
            revision,
            ..Self::default()
        }
    }
}

/// The result of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// Committed.
    Committed(Committed),
    /// Discarded, by an error of the closure or by a drop.
    Failed,
    /// The map had changed; its revision.
    Moved(u64),
}

/// The method that replaces the contents by those of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshKind {
    /// `refresh`.
    Plain,
    /// `refresh_transition`.
    Transition,
    /// `refresh_unique`, with a source that has this key twice, or with one that has none twice.
    Unique(Option<Key>),
}

/// The result of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refreshed {
    /// The numbers of added, changed and removed entries.
    pub counts: [usize; 3],
    /// The commit.
    pub commit: Committed,
}

/// The method that initializes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitializeKind {
    /// `get_or_insert_with`.
    Plain,
    /// `get_or_insert_with_by_ref`.
    ByRef,
    /// `try_get_or_insert_with`.
    Try,
    /// `try_get_or_insert_with_by_ref`.
    TryByRef,
}

/// The result of a call that receives from a subscription.
#[derive(Clone, Debug, PartialEq)]
pub struct Reception {
    /// The step and the contents that it leads to; `None` if there was none.
    pub step: Option<(Transition, Entries)>,
    /// The revision that was compared last.
    pub compared: u64,
    /// The number of revisions since the last step that were not compared.
    pub pending: u64,
}

/// The predicate of a `retain`.
pub type Keep<'k> = dyn FnMut(Key, Value) -> bool + 'k;

/// An initializer: the new value, or one that must not be inserted.
pub type Initializer<'i> = dyn FnMut() -> Result<Value, Value> + 'i;

/// The closure of a `refresh_with`: from the current value to a new one.
pub type Renew<'r> = dyn FnMut(Key, Option<Value>) -> Option<Value> + 'r;

/// The closure of a batch.
pub type Body<'b> = dyn FnMut(&mut dyn BatchOps) -> BatchEnd + 'b;

/// A map that can be recorded. The provided methods use `write` and `view`.
pub trait Subject: Sync {
    /// A handle that reads the newest state repeatedly.
    type Reader;
    /// A subscription.
    type Subscriber: Send;

    /// Returns a new handle.
    fn reader(&self) -> Self::Reader;
    /// Calls `body` with a view that was taken before the call.
    fn view(&self, kind: ViewKind, body: &mut dyn FnMut(&dyn ViewOps));
    /// Calls `body` with the reader's newest view.
    fn latest(&self, reader: &mut Self::Reader, body: &mut dyn FnMut(&dyn ViewOps));
    /// Makes a batch.
    fn write(&self, kind: WriteKind<'_>, body: &mut Body<'_>) -> WriteResult;
    /// Returns the value of a key; if it is absent, inserts the one of `f`, unless that fails. `f`
    /// runs without the writer lock, and never twice at a time for a key.
    ///
    /// # Errors
    /// The error of `f`, which only the kinds that can fail return.
    fn initialize(
        &self,
        kind: InitializeKind,
        key: Key,
        f: &mut Initializer<'_>,
    ) -> Result<Value, Value>;
    /// Waits until the contents satisfy `condition`; then calls `body` with them and returns true.
    /// Returns false if the time is over.
    fn wait_until(
        &self,
        condition: &mut dyn FnMut(&dyn ViewOps) -> bool,
        timeout: Duration,
        body: &mut dyn FnMut(&dyn ViewOps),
    ) -> bool;
    /// Subscribes to keys; returns the revision from which changes are reported.
    fn subscribe(&self, follows: Follows) -> (Self::Subscriber, u64);
    /// Receives; waits for at most `timeout`, or not at all.
    fn receive(&self, subscriber: &mut Self::Subscriber, timeout: Option<Duration>) -> Reception;

    /// Returns the value of a key.
    fn get(&self, key: Key) -> Option<Value> {
        let mut value = None;
        self.view(ViewKind::Pin, &mut |view| value = view.get(key));
        value
    }
    /// Returns whether the key is present.
    fn contains_key(&self, key: Key) -> bool {
        self.get(key).is_some()
    }
    /// Returns the number of entries.
    fn len(&self) -> usize {
        let mut len = 0;
        self.view(ViewKind::Pin, &mut |view| len = view.len());
        len
    }
    /// Returns whether there are no entries.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Returns the newest revision.
    fn revision(&self) -> u64 {
        let mut revision = 0;
        self.view(ViewKind::Pin, &mut |view| revision = view.revision());
        revision
    }
    /// Inserts a value and returns the old one.
    fn insert(&self, key: Key, value: Value) -> Option<Value> {
        let mut old = None;
        commit(self, &mut |batch| old = batch.insert(key, value));
        old
    }
    /// Removes a key and returns its value.
    fn remove(&self, key: Key) -> Option<Value> {
        let mut old = None;
        commit(self, &mut |batch| old = batch.remove(key));
        old
    }
    /// Removes all entries.
    fn clear(&self) {
        commit(self, &mut |batch| batch.clear());
    }
    /// Retains the entries for which `keep` returns true.
    fn retain(&self, keep: &mut Keep<'_>) {
        commit(self, &mut |batch| batch.retain(keep));
    }
    /// Updates the value of a key; returns the new one.
    fn update(&self, key: Key, f: &mut dyn FnMut(Option<Value>) -> Option<Value>) -> Option<Value> {
        let mut new = None;
        commit(self, &mut |batch| {
            new = f(batch.get(key));
            match new {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            };
        });
        new
    }
    /// Replaces the value of a key, if it is present, by the one of `f`; `None` removes the key.
    /// Returns the new value.
    fn update_if_present(
        &self,
        key: Key,
        f: &mut dyn FnMut(Value) -> Option<Value>,
    ) -> Option<Value> {
        let mut new = None;
        commit(self, &mut |batch| {
            let Some(old) = batch.get(key) else { return };
            new = f(old);
            match new {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            };
        });
        new
    }
    /// Replaces the value of a key by the one of `f`, if it is present and `condition` returns
    /// true. Returns the new value if it was replaced.
    fn update_if(
        &self,
        key: Key,
        condition: &mut dyn FnMut(Value) -> bool,
        f: &mut dyn FnMut(Value) -> Value,
    ) -> Option<Value> {
        let mut new = None;
        commit(self, &mut |batch| {
            new = batch.get(key).filter(|old| condition(*old)).map(&mut *f);
            if let Some(value) = new {
                batch.insert(key, value);
            }
        });
        new
    }
    /// Removes a key if it is present and `condition` returns true; returns the removed value.
    fn remove_if(&self, key: Key, condition: &mut dyn FnMut(Value) -> bool) -> Option<Value> {
        let mut old = None;
        commit(self, &mut |batch| {
            if batch.get(key).is_some_and(&mut *condition) {
                old = batch.remove(key);
            }
        });
        old
    }
    /// Removes the entries for which `goes` returns true, and returns them.
    fn extract_if(&self, goes: &mut Keep<'_>) -> Vec<(Key, Value)> {
        let mut gone = Vec::new();
        self.retain(&mut |key, value| {
            let goes = goes(key, value);
            if goes {
                gone.push((key, value));
            }
            !goes
        });
        gone
    }
    /// Removes all entries and returns them.
    fn drain(&self) -> Committed {
        commit_with(self, CommitKind::Transition, &mut |batch| batch.clear())
    }
    /// Replaces the contents. Returns `None` if the source was refused.
    fn refresh(&self, kind: RefreshKind, to: &Contents) -> Option<Refreshed> {
        let commit_kind = match kind {
            RefreshKind::Unique(Some(_)) => return None,
            RefreshKind::Plain | RefreshKind::Unique(None) => CommitKind::Plain,
            RefreshKind::Transition => CommitKind::Transition,
        };
        let mut counts = [0; 3];
        let commit = commit_with(self, commit_kind, &mut |batch| {
            counts = [0; 3];
            for (key, new) in (0..).zip(to) {
                match (batch.get(key), *new) {
                    (old, Some(new)) if old != Some(new) => {
                        counts[usize::from(old.is_some())] += 1;
                        batch.insert(key, new);
                    }
                    (Some(_), None) => {
                        counts[2] += 1;
                        batch.remove(key);
                    }
                    _ => {}
                }
            }
        });
        Some(Refreshed { counts, commit })
    }
    /// Makes the keys those of a set: removes the others, and replaces the value of each by the one
    /// of `f`, if that returns one.
    fn refresh_with(&self, keys: &[bool; KEYS], f: &mut Renew<'_>) -> Refreshed {
        let mut counts = [0; 3];
        let commit = commit_with(self, CommitKind::Plain, &mut |batch| {
            counts = [0; 3];
            for (key, wanted) in (0..).zip(keys) {
                let old = batch.get(key);
                if !wanted {
                    counts[2] += usize::from(batch.remove(key).is_some());
                } else if let Some(new) = f(key, old) {
                    counts[usize::from(old.is_some())] += 1;
                    batch.insert(key, new);
                }
            }
        });
        Refreshed { counts, commit }
    }
    /// Replaces the contents by those of a view of this map.
    fn restore(&self, view: &dyn ViewOps) -> Refreshed {
        let restored = self.refresh(RefreshKind::Plain, &view.all().0);
        restored.expect("a plain refresh is not refused")
    }
    /// Forks a view, writes a batch to the fork, and replaces the contents of this map by those of
    /// the fork if `restores` is set.
    fn fork(
        &self,
        view: &dyn ViewOps,
        writes: &mut dyn FnMut(&mut dyn BatchOps),
        restores: bool,
    ) -> Option<Refreshed> {
        let mut fork = Forked(view.all().0);
        writes(&mut fork);
        restores
            .then(|| self.refresh(RefreshKind::Plain, &fork.0))
            .flatten()
    }
}

/// Commits a batch; returns its revision.
fn commit<S: Subject + ?Sized>(subject: &S, body: &mut dyn FnMut(&mut dyn BatchOps)) -> u64 {
    written(subject, WriteKind::Batch, body).revision
}

/// Commits a guard.
fn commit_with<S: Subject + ?Sized>(
    subject: &S,
    kind: CommitKind,
    body: &mut dyn FnMut(&mut dyn BatchOps),
) -> Committed {
    written(subject, WriteKind::Begin(kind), body)
}

fn written<S: Subject + ?Sized>(
    subject: &S,
    kind: WriteKind<'_>,
    body: &mut dyn FnMut(&mut dyn BatchOps),
) -> Committed {
    let written = subject.write(kind, &mut |batch| {
        body(batch);
        BatchEnd::Commit
    });
    match written {
        WriteResult::Committed(committed) => committed,
        WriteResult::Failed | WriteResult::Moved(_) => unreachable!("a batch is committed"),
    }
}
