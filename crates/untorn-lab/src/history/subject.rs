//! What can be recorded: the calls of a map, and `untorn::Map` behind them.

use untorn::{Batch, Map, Pinned, Reader, Snapshot, View};

use super::model::{Contents, KEYS, Key, Value};

/// Reading one state.
pub trait Reading {
    /// The value of a key.
    fn get(&self, key: Key) -> Option<Value>;
    /// Whether it has one.
    fn contains_key(&self, key: Key) -> bool;
    /// Number of entries.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// All entries, by iteration, and how many came.
    fn all(&self) -> (Contents, usize);
    /// The revision.
    fn revision(&self) -> u64;
    /// The view itself, if it is one of [`Untorn`].
    fn view(&self) -> Option<&View<u32, Value>> {
        None
    }
}

/// Writing in a batch.
pub trait Writing {
    /// The value of a key, with the batch's own writes.
    fn get(&self, key: Key) -> Option<Value>;
    /// Whether it has one.
    fn contains_key(&self, key: Key) -> bool;
    /// Number of entries.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Gives a key a value and returns the one that it had.
    fn insert(&mut self, key: Key, value: Value) -> Option<Value>;
    /// Takes a key out and returns its value.
    fn remove(&mut self, key: Key) -> Option<Value>;
    /// Takes everything out.
    fn clear(&mut self);
    /// Keeps the entries for which `keep` is true.
    fn retain(&mut self, keep: &mut Keep<'_>);
}

/// Which kind of view is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// A pin.
    Pin,
    /// A snapshot.
    Snapshot,
}

/// Which kind of batch is made.
#[derive(Clone, Copy)]
pub enum How<'v> {
    /// `batch`
    Batch,
    /// `try_batch`
    Try,
    /// `begin_batch`
    Begin,
    /// `batch_if_unchanged` since this view
    IfUnchanged(&'v dyn Reading),
}

/// What the closure of a batch returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The batch is to be committed.
    Commit,
    /// It is not: `try_batch` fails, the batch of `begin_batch` is dropped (of these two only).
    Fail,
}

/// What a batch returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// Committed; the newest revision.
    Committed(u64),
    /// The closure's error, or nothing: the batch was dropped.
    Failed,
    /// The map had moved on to this revision.
    Moved(u64),
}

/// Which entries are kept.
pub type Keep<'k> = dyn FnMut(Key, Value) -> bool + 'k;

/// The body of a batch.
pub type Body<'b> = dyn FnMut(&mut dyn Writing) -> Ending + 'b;

/// A map whose use can be recorded. What is provided goes by `write` and `view`.
pub trait Subject: Sync {
    /// A handle that reads the newest state again and again.
    type Reader;

    /// A handle.
    fn reader(&self) -> Self::Reader;
    /// Calls `body` with a view. It is taken before the call of `body`.
    fn view(&self, hold: Hold, body: &mut dyn FnMut(&dyn Reading));
    /// The same with the reader's newest view.
    fn latest(&self, reader: &mut Self::Reader, body: &mut dyn FnMut(&dyn Reading));
    /// Makes a batch.
    fn write(&self, how: How<'_>, body: &mut Body<'_>) -> Written;

    /// The value of a key.
    fn get(&self, key: Key) -> Option<Value> {
        let mut value = None;
        self.view(Hold::Pin, &mut |view| value = view.get(key));
        value
    }
    /// Whether it has one.
    fn contains_key(&self, key: Key) -> bool {
        self.get(key).is_some()
    }
    /// Number of entries.
    fn len(&self) -> usize {
        let mut len = 0;
        self.view(Hold::Pin, &mut |view| len = view.len());
        len
    }
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The newest revision.
    fn revision(&self) -> u64 {
        let mut revision = 0;
        self.view(Hold::Pin, &mut |view| revision = view.revision());
        revision
    }
    /// Gives a key a value and returns the one that it had.
    fn insert(&self, key: Key, value: Value) -> Option<Value> {
        let mut old = None;
        commit(self, &mut |batch| old = batch.insert(key, value));
        old
    }
    /// Takes a key out and returns its value.
    fn remove(&self, key: Key) -> Option<Value> {
        let mut old = None;
        commit(self, &mut |batch| old = batch.remove(key));
        old
    }
    /// Takes everything out.
    fn clear(&self) {
        commit(self, &mut |batch| batch.clear());
    }
    /// Keeps the entries for which `keep` is true.
    fn retain(&self, keep: &mut Keep<'_>) {
        commit(self, &mut |batch| batch.retain(keep));
    }
    /// Replaces the value of a key; returns the new one.
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
    /// The value of a key, made if there is none.
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
    /// Replaces everything; returns how many entries were added, changed and removed, and the revision.
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

fn commit<S: Subject + ?Sized>(subject: &S, body: &mut dyn FnMut(&mut dyn Writing)) -> u64 {
    let written = subject.write(How::Batch, &mut |batch| {
        body(batch);
        Ending::Commit
    });
    match written {
        Written::Committed(revision) => revision,
        Written::Failed | Written::Moved(_) => unreachable!("a batch is committed"),
    }
}

/// `untorn::Map`, with other entries that nobody touches, so that its table has some depth.
pub struct Untorn {
    map: Map<u32, Value>,
    others: u32,
}

/// The keys of the other entries begin here.
const OTHERS: u32 = 1 << 16;

impl Untorn {
    /// An empty map, but for this many others.
    #[must_use]
    pub fn new(others: u32) -> Self {
        Self {
            map: (0..others).map(|other| (OTHERS + other, 0)).collect(),
            others,
        }
    }
}

struct Shown<'v> {
    view: &'v View<u32, Value>,
    others: u32,
}

impl Reading for Shown<'_> {
    fn get(&self, key: Key) -> Option<Value> {
        self.view.get(&key.into()).copied()
    }
    fn contains_key(&self, key: Key) -> bool {
        self.view.contains_key(&key.into())
    }
    fn len(&self) -> usize {
        self.view.len() - self.others as usize
    }
    fn all(&self) -> (Contents, usize) {
        let mut all = (Contents::default(), 0);
        for (&key, &value) in self.view {
            if key < OTHERS {
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

struct Open<'o, 'b> {
    batch: &'o mut Batch<'b, u32, Value>,
    others: u32,
}

impl Writing for Open<'_, '_> {
    fn get(&self, key: Key) -> Option<Value> {
        self.batch.get(&key.into()).copied()
    }
    fn contains_key(&self, key: Key) -> bool {
        self.batch.contains_key(&key.into())
    }
    fn len(&self) -> usize {
        self.batch.len() - self.others as usize
    }
    fn insert(&mut self, key: Key, value: Value) -> Option<Value> {
        self.batch.insert(key.into(), value)
    }
    fn remove(&mut self, key: Key) -> Option<Value> {
        self.batch.remove(&key.into())
    }
    fn clear(&mut self) {
        if self.others == 0 {
            self.batch.clear();
        } else {
            self.batch.retain(|key, _| *key >= OTHERS);
        }
    }
    fn retain(&mut self, keep: &mut Keep<'_>) {
        self.batch.retain(|key, value| kept(*key, *value, keep));
    }
}

fn kept(key: u32, value: Value, keep: &mut Keep<'_>) -> bool {
    Key::try_from(key).map_or(true, |key| keep(key, value))
}

impl Subject for Untorn {
    type Reader = Reader<View<u32, Value>>;

    fn reader(&self) -> Self::Reader {
        self.map.reader()
    }
    fn view(&self, hold: Hold, body: &mut dyn FnMut(&dyn Reading)) {
        let others = self.others;
        match hold {
            Hold::Pin => {
                let pin = self.map.pin();
                assert_eq!(Pinned::revision(&pin), pin.revision());
                body(&Shown { view: &pin, others });
            }
            Hold::Snapshot => {
                let view = self.map.snapshot();
                assert_eq!(Snapshot::revision(&view), view.revision());
                body(&Shown {
                    view: &view,
                    others,
                });
            }
        }
    }
    fn latest(&self, reader: &mut Self::Reader, body: &mut dyn FnMut(&dyn Reading)) {
        body(&Shown {
            view: reader.latest(),
            others: self.others,
        });
    }
    fn write(&self, how: How<'_>, body: &mut Body<'_>) -> Written {
        let others = self.others;
        let mut run = |batch: &mut Batch<'_, u32, Value>| body(&mut Open { batch, others });
        match how {
            How::Batch => {
                let revision = self.map.batch(|batch| _ = run(batch));
                Written::Committed(revision.get())
            }
            How::Begin => {
                let mut batch = self.map.begin_batch();
                match run(&mut batch) {
                    Ending::Commit => Written::Committed(batch.commit().get()),
                    Ending::Fail => Written::Failed,
                }
            }
            How::Try => match self.map.try_batch(|batch| match run(batch) {
                Ending::Commit => Ok(()),
                Ending::Fail => Err(()),
            }) {
                Ok(committed) => Written::Committed(committed.revision.get()),
                Err(()) => Written::Failed,
            },
            How::IfUnchanged(view) => {
                let view = view.view().expect("a view of this map");
                match self.map.batch_if_unchanged(view, |batch| _ = run(batch)) {
                    Ok(revision) => Written::Committed(revision.get()),
                    Err(refused) => {
                        assert!(!refused.is_of_another_map());
                        assert_eq!(refused.expected, view.revision());
                        Written::Moved(refused.current.get())
                    }
                }
            }
        }
    }

    fn get(&self, key: Key) -> Option<Value> {
        self.map.get(&key.into())
    }
    fn contains_key(&self, key: Key) -> bool {
        self.map.contains_key(&key.into())
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
        self.map.remove(&key.into())
    }
    fn clear(&self) {
        if self.others == 0 {
            self.map.clear();
        } else {
            self.map.retain(|key, _| *key >= OTHERS);
        }
    }
    fn retain(&self, keep: &mut Keep<'_>) {
        self.map.retain(|key, value| kept(*key, *value, keep));
    }
    fn update(&self, key: Key, f: &mut dyn FnMut(Option<Value>) -> Option<Value>) -> Option<Value> {
        self.map.update(key.into(), |old| f(old.copied()))
    }
    fn get_or_insert_with(&self, key: Key, f: &mut dyn FnMut() -> Value) -> Value {
        self.map.get_or_insert_with(key.into(), f)
    }
    fn refresh(&self, to: &Contents) -> ([usize; 3], u64) {
        let others = (OTHERS..OTHERS + self.others).map(|other| (other, 0));
        let wanted = (0..KEYS as u32).zip(to);
        let wanted = wanted.filter_map(|(key, value)| Some((key, (*value)?)));
        let done = self.map.refresh(wanted.chain(others));
        (
            [done.added, done.changed, done.removed],
            done.revision.get(),
        )
    }
}
