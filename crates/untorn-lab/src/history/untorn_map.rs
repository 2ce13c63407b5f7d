//! `untorn::Map` as a recorded map.

use std::time::Duration;

use untorn::{Batch, Map, Pinned, Reader, Revision, RevisionMismatch, Snapshot, View, WaitError};

use super::detail::Follows;
use super::model::{Contents, KEYS, Key, Value};
use super::subject::{
    BatchEnd, BatchOps, Body, CommitKind, Committed, Entries, InitializeKind, Initializer, Keep,
    Reception, RefreshKind, Refreshed, Renew, Subject, ViewKind, ViewOps, WriteKind, WriteResult,
};
use super::subscriber::Subscriber;

pub(super) type MapOf = Map<u32, Value>;
pub(super) type ViewOf = View<u32, Value>;

/// `untorn::Map` with other entries that are not accessed, so that its table is deeper.
pub struct Untorn {
    map: MapOf,
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

/// Returns the entries that count.
fn entries(view: &ViewOf) -> Entries {
    let mut all = (Contents::default(), 0);
    for (&key, &value) in view {
        if key < FIRST_OTHER {
            all.0[key as usize] = Some(value);
            all.1 += 1;
        }
    }
    all
}

struct UntornView<'v> {
    view: &'v ViewOf,
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
    fn all(&self) -> Entries {
        entries(self.view)
    }
    fn revision(&self) -> u64 {
        self.view.revision().get()
    }
    fn view(&self) -> Option<&ViewOf> {
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
    type Reader = Reader<ViewOf>;
    type Subscriber = Subscriber;

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
                WriteResult::Committed(Committed::at(revision.get()))
            }
            WriteKind::Begin(kind) => {
                let mut batch = self.map.begin_batch();
                match run(&mut batch) {
                    BatchEnd::Commit => WriteResult::Committed(commit(batch, kind)),
                    BatchEnd::Fail => WriteResult::Failed,
                }
            }
            WriteKind::Try => match self.map.try_batch(|batch| match run(batch) {
                BatchEnd::Commit => Ok(()),
                BatchEnd::Fail => Err(()),
            }) {
                Ok(committed) => WriteResult::Committed(Committed::at(committed.revision.get())),
                Err(()) => WriteResult::Failed,
            },
            WriteKind::IfUnchanged(view) => {
                let view = of_this_map(view);
                let written = self.map.batch_if_unchanged(view, |batch| _ = run(batch));
                result(written, view)
            }
            WriteKind::IfKeysUnchanged(view, keys) => {
                let view = of_this_map(view);
                let keys: Vec<u32> = keys.iter().map(|key| (*key).into()).collect();
                let written = self
                    .map
                    .batch_if_keys_unchanged(view, &keys, |batch| _ = run(batch));
                result(written, view)
            }
        }
    }
    fn initialize(
        &self,
        kind: InitializeKind,
        key: Key,
        f: &mut Initializer<'_>,
    ) -> Result<Value, Value> {
        let key = u32::from(key);
        let mut infallible = || f().expect("an initializer that cannot fail");
        match kind {
            InitializeKind::Plain => Ok(self.map.get_or_insert_with(key, infallible)),
            InitializeKind::ByRef => {
                let value = |_: &u32| infallible();
                Ok(self.map.get_or_insert_with_by_ref(&key, |key| *key, value))
            }
            InitializeKind::Try => self.map.try_get_or_insert_with(key, f),
            InitializeKind::TryByRef => {
                let map = &self.map;
                map.try_get_or_insert_with_by_ref(&key, |key| *key, |_| f())
            }
        }
    }
    fn wait_until(
        &self,
        condition: &mut dyn FnMut(&dyn ViewOps) -> bool,
        timeout: Duration,
        body: &mut dyn FnMut(&dyn ViewOps),
    ) -> bool {
        let others = self.others;
        let condition = |view: &ViewOf| condition(&UntornView { view, others });
        match self.map.wait_until(condition, timeout) {
            Ok(view) => {
                body(&UntornView {
                    view: &view,
                    others,
                });
                true
            }
            Err(error) => {
                assert_eq!(error, WaitError::Timeout);
                false
            }
        }
    }
    fn subscribe(&self, follows: Follows) -> (Subscriber, u64) {
        Subscriber::new(&self.map, follows)
    }
    fn receive(&self, subscriber: &mut Subscriber, timeout: Option<Duration>) -> Reception {
        subscriber.receive(timeout)
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
    fn update_if_present(
        &self,
        key: Key,
        f: &mut dyn FnMut(Value) -> Option<Value>,
    ) -> Option<Value> {
        self.map.update_if_present(&u32::from(key), |old| f(*old))
    }
    fn update_if(
        &self,
        key: Key,
        condition: &mut dyn FnMut(Value) -> bool,
        f: &mut dyn FnMut(Value) -> Value,
    ) -> Option<Value> {
        let key = u32::from(key);
        self.map
            .update_if(&key, |old| condition(*old), |old| f(*old))
    }
    fn remove_if(&self, key: Key, condition: &mut dyn FnMut(Value) -> bool) -> Option<Value> {
        self.map.remove_if(&u32::from(key), |old| condition(*old))
    }
    fn extract_if(&self, goes: &mut Keep<'_>) -> Vec<(Key, Value)> {
        let goes =
            |key: &u32, value: &Value| Key::try_from(*key).is_ok_and(|key| goes(key, *value));
        let gone = self.map.extract_if(goes).into_iter();
        gone.map(|(key, value)| (key as Key, value)).collect()
    }
    fn drain(&self) -> Committed {
        let before = if self.others == 0 {
            self.map.drain()
        } else {
            let mut batch = self.map.begin_batch();
            batch.retain(|key, _| *key >= FIRST_OTHER);
            batch.commit_transition().from
        };
        let drained = entries(&before);
        Committed {
            revision: before.revision().get() + u64::from(drained.1 > 0),
            before: Some(drained),
            after: None,
        }
    }
    fn refresh(&self, kind: RefreshKind, to: &Contents) -> Option<Refreshed> {
        let others = (FIRST_OTHER..FIRST_OTHER + self.others).map(|other| (other, 0));
        let wanted = (0..KEYS as u32).zip(to);
        let wanted = wanted.filter_map(|(key, value)| Some((key, (*value)?)));
        let source = wanted.chain(others);
        match kind {
            RefreshKind::Plain => Some(refreshed(&self.map.refresh(source))),
            RefreshKind::Transition => {
                let (done, step) = self.map.refresh_transition(source);
                assert_eq!(done.revision, step.to.revision());
                Some(Refreshed {
                    commit: transition(&step),
                    ..refreshed(&done)
                })
            }
            RefreshKind::Unique(twice) => {
                let twice = twice.map(|key| (u32::from(key), 0));
                match self.map.refresh_unique(source.chain(twice)) {
                    Ok(done) => Some(refreshed(&done)),
                    Err(refused) => {
                        assert_eq!(Some(refused.keys), twice.map(|(key, _)| vec![key]));
                        None
                    }
                }
            }
        }
    }
    fn refresh_with(&self, keys: &[bool; KEYS], f: &mut Renew<'_>) -> Refreshed {
        let others = FIRST_OTHER..FIRST_OTHER + self.others;
        let wanted = (0..KEYS as u32).filter(|key| keys[*key as usize]);
        let renew = |key: &u32, old: Option<&Value>| f(Key::try_from(*key).ok()?, old.copied());
        refreshed(&self.map.refresh_with(wanted.chain(others), renew))
    }
    fn restore(&self, view: &dyn ViewOps) -> Refreshed {
        refreshed(&self.map.restore(of_this_map(view)))
    }
    fn fork(
        &self,
        view: &dyn ViewOps,
        writes: &mut dyn FnMut(&mut dyn BatchOps),
        restores: bool,
    ) -> Option<Refreshed> {
        let others = self.others;
        let fork = of_this_map(view).fork();
        fork.batch(|batch| writes(&mut UntornBatch { batch, others }));
        let of_the_fork = fork.snapshot();
        let refused = self.map.batch_if_unchanged(&of_the_fork, |_| {
            panic!("a view of a fork was accepted");
        });
        assert!(refused.is_err_and(|refused| refused.is_of_another_map()));
        restores.then(|| refreshed(&self.map.restore(&of_the_fork)))
    }
}

fn of_this_map(view: &dyn ViewOps) -> &ViewOf {
    view.view().expect("a view of this map")
}

fn refreshed(done: &untorn::Refreshed) -> Refreshed {
    Refreshed {
        counts: [done.added, done.changed, done.removed],
        commit: Committed::at(done.revision.get()),
    }
}

fn transition(step: &untorn::Transition<ViewOf>) -> Committed {
    assert_eq!(step.missed, 0, "there is one commit in between");
    Committed {
        revision: step.to.revision().get(),
        before: Some(entries(&step.from)),
        after: Some(entries(&step.to)),
    }
}

fn commit(batch: Batch<'_, u32, Value>, kind: CommitKind) -> Committed {
    match kind {
        CommitKind::Plain => Committed::at(batch.commit().get()),
        CommitKind::Snapshot => {
            let view = batch.commit_snapshot();
            Committed {
                after: Some(entries(&view)),
                ..Committed::at(view.revision().get())
            }
        }
        CommitKind::Transition => transition(&batch.commit_transition()),
    }
}

fn result(written: Result<Revision, RevisionMismatch>, view: &ViewOf) -> WriteResult {
    match written {
        Ok(revision) => WriteResult::Committed(Committed::at(revision.get())),
        Err(refused) => {
            assert!(!refused.is_of_another_map());
            assert_eq!(refused.expected, view.revision());
            WriteResult::Moved(refused.current.get())
        }
    }
}
