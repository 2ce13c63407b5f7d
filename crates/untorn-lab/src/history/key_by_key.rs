//! A correct map that is used without its batches and views.

use std::time::Duration;

use super::detail::Follows;
use super::model::{Contents, Key, Value};
use super::subject::{
    BatchEnd, BatchOps, Body, Committed, Entries, InitializeKind, Initializer, Keep, Reception,
    Subject, ViewKind, ViewOps, WriteKind, WriteResult,
};
use super::untorn_map::Untorn;

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
    type Subscriber = <Untorn as Subject>::Subscriber;

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
            BatchEnd::Commit => WriteResult::Committed(Committed::at(PerKey(&self.0).revision())),
        }
    }
    fn initialize(
        &self,
        kind: InitializeKind,
        key: Key,
        f: &mut Initializer<'_>,
    ) -> Result<Value, Value> {
        self.0.initialize(kind, key, f)
    }
    fn wait_until(
        &self,
        condition: &mut dyn FnMut(&dyn ViewOps) -> bool,
        timeout: Duration,
        body: &mut dyn FnMut(&dyn ViewOps),
    ) -> bool {
        self.0.wait_until(condition, timeout, body)
    }
    fn subscribe(&self, follows: Follows) -> (Self::Subscriber, u64) {
        self.0.subscribe(follows)
    }
    fn receive(&self, subscriber: &mut Self::Subscriber, timeout: Option<Duration>) -> Reception {
        self.0.receive(subscriber, timeout)
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
    fn all(&self) -> Entries {
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
