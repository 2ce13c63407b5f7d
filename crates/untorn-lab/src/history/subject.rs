//! The interface of a recorded map, implemented for `untorn::Map`.

use untorn::{Batch, Map, Pinned, Reader, Snapshot, View};

use super::model::{Contents, KEYS, Key, Value};

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
    fn all(&self) -> (Contents, usize);
    /// Returns the revision.
    fn revision(&self) -> u64;
    /// Returns the underlying view, if this is one of [`Untorn`].
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
    Begin,
    /// `batch_if_unchanged` with this view.
    IfUnchanged(&'v dyn ViewOps),
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

/// The result of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteResult {
    /// Committed; the newest revision.
    Committed(u64),
    /// Discarded, by an error of the closure or by a drop.
    Failed,
    /// The map had changed; its revision.
    Moved(u64),
}

/// The predicate of a `retain`.
pub type Keep<'k> = dyn FnMut(Key, Value) -> bool + 'k;

/// The closure of a batch.
pub type Body<'b> = dyn FnMut(&mut dyn BatchOps) -> BatchEnd + 'b;

/// A map that can be recorded. The provided methods use `write` and `view`.
pub trait Subject: Sync {
    /// A handle that reads the newest state repeatedly.
    type Reader;

    /// Returns a new handle.
    fn reader(&self) -> Self::Reader;
    /// Calls `body` with a view that was taken before the call.
    fn view(&self, kind: ViewKind, body: &mut dyn FnMut(&dyn ViewOps));
    /// Calls `body` with the reader's newest view.
    fn latest(&self, reader: &mut Self::Reader, body: &mut dyn FnMut(&dyn ViewOps));
    /// Makes a batch.
    fn write(&self, kind: WriteKind<'_>, body: &mut Body<'_>) -> WriteResult;

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
    /// Returns the value of a key; inserts it if absent.
    fn get_or_insert_with(&self, key: Key, f: &mut dyn FnMut() -> Value) -> Value {
        let mut value = 0;
        commit(self, &mut |batch| {
            value = batch.get(key).unwrap_or_else(|| {
                let value = f();
                batch.insert(key, value);
                value
            });
        });
        value
    }
    /// Replaces the contents; returns the number of added, changed and removed entries, and the
    /// revision.
    fn refresh(&self, to: &Contents) -> ([usize; 3], u64) {
        let mut counts = [0; 3];
        let revision = commit(self, &mut |batch| {
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
        (counts, revision)
    }
}

fn commit<S: Subject + ?Sized>(subject: &S, body: &mut dyn FnMut(&mut dyn BatchOps)) -> u64 {
    let written = subject.write(WriteKind::Batch, &mut |batch| {
        body(batch);
        BatchEnd::Commit
    });
    match written {
        WriteResult::Committed(revision) => revision,
        WriteResult::Failed | WriteResult::Moved(_) => unreachable!("a batch is committed"),
    }
}

/// `untorn::Map` with other entries that are not accessed, so that its table is deeper.
pub struct Untorn {
    map: Map<u32, Value>,
    others: u32,
}

/// The smallest key of the other entries.
const FIRST_OTHER: u32 = 1 << 16;

impl Untorn {
    /// Creates a map with this many other entries, which counts as empty.
    #[must_use]
    pub fn new(others: u32) -> Self {
        Self {
            map: (0..others).map(|other| (FIRST_OTHER + other, 0)).collect(),
            others,
        }
    }
}

struct UntornView<'v> {
    view: &'v View<u32, Value>,
    others: u32,
}

impl ViewOps for UntornView<'_> {
    fn get(&self, key: Key) -> Option<Value> {
        self.view.get(&u32::from(key)).copied()
    }
    fn contains_key(&self, key: Key) -> bool {
        self.view.contains_key(&u32::from(key))
    }
    fn len(&self) -> usize {
        self.view.len() - self.others as usize
    }
    fn all(&self) -> (Contents, usize) {
        let mut all = (Contents::default(), 0);
        for (&key, &value) in self.view {
            if key < FIRST_OTHER {
                all.0[key as usize] = Some(value);
                all.1 += 1;
            }
        }
        all
    }
    fn revision(&self) -> u64 {
        self.view.revision().get()
    }
    fn view(&self) -> Option<&View<u32, Value>> {
        Some(self.view)
    }
}

struct UntornBatch<'o, 'b> {
    batch: &'o mut Batch<'b, u32, Value>,
    others: u32,
}

impl BatchOps for UntornBatch<'_, '_> {
    fn get(&self, key: Key) -> Option<Value> {
        self.batch.get(&u32::from(key)).copied()
    }
    fn contains_key(&self, key: Key) -> bool {
        self.batch.contains_key(&u32::from(key))
    }
    fn len(&self) -> usize {
        self.batch.len() - self.others as usize
    }
    fn insert(&mut self, key: Key, value: Value) -> Option<Value> {
        self.batch.insert(key.into(), value)
    }
    fn remove(&mut self, key: Key) -> Option<Value> {
        self.batch.remove(&u32::from(key))
    }
    fn clear(&mut self) {
        if self.others == 0 {
            self.batch.clear();
        } else {
            self.batch.retain(|key, _| *key >= FIRST_OTHER);
        }
    }
    fn retain(&mut self, keep: &mut Keep<'_>) {
        self.batch.retain(|key, value| retains(*key, *value, keep));
    }
}

fn retains(key: u32, value: Value, keep: &mut Keep<'_>) -> bool {
    Key::try_from(key).map_or(true, |key| keep(key, value))
}

impl Subject for Untorn {
    type Reader = Reader<View<u32, Value>>;

    fn reader(&self) -> Self::Reader {
        self.map.reader()
    }
    fn view(&self, kind: ViewKind, body: &mut dyn FnMut(&dyn ViewOps)) {
        let others = self.others;
        match kind {
            ViewKind::Pin => {
                let pin = self.map.pin();
                assert_eq!(Pinned::revision(&pin), pin.revision());
                body(&UntornView { view: &pin, others });
            }
            ViewKind::Snapshot => {
                let view = self.map.snapshot();
                assert_eq!(Snapshot::revision(&view), view.revision());
                body(&UntornView {
                    view: &view,
                    others,
                });
            }
        }
    }
    fn latest(&self, reader: &mut Self::Reader, body: &mut dyn FnMut(&dyn ViewOps)) {
        body(&UntornView {
            view: reader.latest(),
            others: self.others,
        });
    }
    fn write(&self, kind: WriteKind<'_>, body: &mut Body<'_>) -> WriteResult {
        let others = self.others;
        let mut run = |batch: &mut Batch<'_, u32, Value>| body(&mut UntornBatch { batch, others });
        match kind {
            WriteKind::Batch => {
                let revision = self.map.batch(|batch| _ = run(batch));
                WriteResult::Committed(revision.get())
            }
            WriteKind::Begin => {
                let mut batch = self.map.begin_batch();
                match run(&mut batch) {
                    BatchEnd::Commit => WriteResult::Committed(batch.commit().get()),
                    BatchEnd::Fail => WriteResult::Failed,
                }
            }
            WriteKind::Try => match self.map.try_batch(|batch| match run(batch) {
                BatchEnd::Commit => Ok(()),
                BatchEnd::Fail => Err(()),
            }) {
                Ok(committed) => WriteResult::Committed(committed.revision.get()),
                Err(()) => WriteResult::Failed,
            },
            WriteKind::IfUnchanged(view) => {
                let view = view.view().expect("a view of this map");
                match self.map.batch_if_unchanged(view, |batch| _ = run(batch)) {
                    Ok(revision) => WriteResult::Committed(revision.get()),
                    Err(refused) => {
                        assert!(!refused.is_of_another_map());
                        assert_eq!(refused.expected, view.revision());
                        WriteResult::Moved(refused.current.get())
                    }
                }
            }
        }
    }

    fn get(&self, key: Key) -> Option<Value> {
        self.map.get(&u32::from(key))
    }
    fn contains_key(&self, key: Key) -> bool {
        self.map.contains_key(&u32::from(key))
    }
    fn len(&self) -> usize {
        self.map.len() - self.others as usize
    }
    fn revision(&self) -> u64 {
        self.map.revision().get()
    }
    fn insert(&self, key: Key, value: Value) -> Option<Value> {
        self.map.insert(key.into(), value)
    }
    fn remove(&self, key: Key) -> Option<Value> {
        self.map.remove(&u32::from(key))
    }
    fn clear(&self) {
        if self.others == 0 {
            self.map.clear();
        } else {
            self.map.retain(|key, _| *key >= FIRST_OTHER);
        }
    }
    fn retain(&self, keep: &mut Keep<'_>) {
        self.map.retain(|key, value| retains(*key, *value, keep));
    }
    fn update(&self, key: Key, f: &mut dyn FnMut(Option<Value>) -> Option<Value>) -> Option<Value> {
        self.map.update(key.into(), |old| f(old.copied()))
    }
    fn get_or_insert_with(&self, key: Key, f: &mut dyn FnMut() -> Value) -> Value {
        self.map.get_or_insert_with(key.into(), f)
    }
    fn refresh(&self, to: &Contents) -> ([usize; 3], u64) {
        let others = (FIRST_OTHER..FIRST_OTHER + self.others).map(|other| (other, 0));
        let wanted = (0..KEYS as u32).zip(to);
        let wanted = wanted.filter_map(|(key, value)| Some((key, (*value)?)));
        let done = self.map.refresh(wanted.chain(others));
        (
            [done.added, done.changed, done.removed],
            done.revision.get(),
        )
    }
}
