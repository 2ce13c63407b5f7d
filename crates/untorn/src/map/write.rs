//! From a batch to a commit.

use std::borrow::Borrow;
use std::hash::{BuildHasher, Hash};

use super::batch::Batch;
use super::outcome::{Committed, Moved, Refreshed};
use super::table::Table;
use super::{Map, View};
use crate::Revision;

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher + Clone> Map<K, V, S> {
    /// Writes that become visible together: runs `f`, and publishes what it wrote as one revision. `f` sees its own
    /// writes. Waits for other writers; readers go on reading meanwhile.
    ///
    /// ```
    /// let accounts = untorn::Map::from([("a", 100), ("b", 0)]);
    /// let done = accounts.batch(|batch| {
    ///     let (a, b) = (batch.get("a").copied().unwrap(), batch.get("b").copied().unwrap());
    ///     batch.insert("a", a - 30);
    ///     batch.insert("b", b + 30);
    ///     30
    /// });
    /// assert_eq!((done.value, done.revision.get()), (30, 1));
    /// ```
    #[track_caller]
    pub fn batch<R>(&self, f: impl FnOnce(&mut Batch<'_, K, V, S>) -> R) -> Committed<R> {
        let written = self.write(None, |batch| Ok::<_, Refused<Never>>(f(batch)));
        match written {
            Ok(committed) => committed,
            Err(Refused::Moved(_)) => unreachable!("no revision was asked for"),
            Err(Refused::Error(never)) => match never {},
        }
    }

    /// The same, publishing nothing if `f` fails.
    ///
    /// # Errors
    /// The error of `f`.
    ///
    /// ```
    /// let config = untorn::Map::from([("port", 80)]);
    /// let refused = config.try_batch(|batch| {
    ///     batch.insert("port", 0);
    ///     Err::<(), _>("a port is not 0")
    /// });
    /// assert_eq!(refused, Err("a port is not 0"));
    /// assert_eq!(config.get("port"), Some(80));
    /// ```
    #[track_caller]
    pub fn try_batch<R, E>(
        &self,
        f: impl FnOnce(&mut Batch<'_, K, V, S>) -> Result<R, E>,
    ) -> Result<Committed<R>, E> {
        let written = self.write(None, |batch| f(batch).map_err(Refused::Error));
        written.map_err(|refused| match refused {
            Refused::Error(error) => error,
            Refused::Moved(_) => unreachable!("no revision was asked for"),
        })
    }

    /// A batch that is committed only if the map is still at `revision`.
    ///
    /// # Errors
    /// [`Moved`] if another commit came first; then `f` was not called.
    ///
    /// ```
    /// let config = untorn::Map::from([("1", 265)]);
    /// let seen = config.revision();
    /// config.insert("1", 266);
    /// assert!(config.commit_if(seen, |batch| batch.clear()).is_err());
    /// ```
    #[track_caller]
    pub fn commit_if<R>(
        &self,
        revision: Revision,
        f: impl FnOnce(&mut Batch<'_, K, V, S>) -> R,
    ) -> Result<Committed<R>, Moved> {
        let written = self.write(Some(revision), |batch| Ok::<_, Refused<Never>>(f(batch)));
        written.map_err(|refused| match refused {
            Refused::Moved(moved) => moved,
            Refused::Error(never) => match never {},
        })
    }

    /// Runs `f` on the newest contents and publishes what it wrote.
    #[track_caller]
    fn write<R, E>(
        &self,
        only_at: Option<Revision>,
        f: impl FnOnce(&mut Batch<'_, K, V, S>) -> Result<R, Refused<E>>,
    ) -> Result<Committed<R>, Refused<E>> {
        // Dropped in reverse, also by a panic: what is thrown away goes after the next writer was let in, since that runs
        // foreign code, which may write.
        let newest;
        let mut batch;
        let _dropped_later;
        let writer = self.writer("a write to");
        newest = writer.newest();
        let View {
            revision,
            hasher,
            table,
        } = &newest.value;
        let mut revision = *revision;
        if let Some(wanted) = only_at
            && wanted != revision
        {
            return Err(Refused::Moved(Moved {
                wanted,
                newest: revision,
            }));
        }
        batch = Batch::new(table.clone(), revision, hasher);
        let value = f(&mut batch)?;
        if batch.is_to_be_published() {
            let view = View {
                hasher: hasher.clone(),
                revision: revision.next(),
                table: batch.take_table(),
            };
            _dropped_later = batch.into_dropped_later();
            // Or the commit would take it for a version that somebody sees, and keep it.
            drop(newest);
            revision = writer.publish(view);
        }
        Ok(Committed { value, revision })
    }

    /// Gives `key` a value and returns the one it had: one commit. Several that belong together are a
    /// [`batch`](Self::batch).
    #[track_caller]
    pub fn insert(&self, key: K, value: V) -> Option<V> {
        self.batch(|batch| batch.insert(key, value)).value
    }

    /// Takes `key` out and returns its value.
    #[track_caller]
    pub fn remove<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.batch(|batch| batch.remove(key)).value
    }

    /// Takes everything out.
    #[track_caller]
    pub fn clear(&self) {
        self.batch(|batch| batch.clear());
    }

    /// Keeps the entries for which `keep` is true.
    #[track_caller]
    pub fn retain(&self, keep: impl FnMut(&K, &V) -> bool) {
        self.batch(|batch| batch.retain(keep));
    }

    /// Replaces the value of `key` by what `f` makes of it, with no other commit in between; `None` means no value. The
    /// value that is returned is the new one.
    ///
    /// ```
    /// let visits = untorn::Map::new();
    /// for _ in 0..3 {
    ///     visits.update("home", |count| Some(count.copied().unwrap_or(0) + 1));
    /// }
    /// assert_eq!(visits.get("home"), Some(3));
    /// ```
    #[track_caller]
    pub fn update(&self, key: K, f: impl FnOnce(Option<&V>) -> Option<V>) -> Committed<Option<V>> {
        let mut unused = Unused::of(key);
        let committed = self.batch(|batch| {
            let new = f(batch.get(unused.key()));
            unused.value = match &new {
                Some(value) => batch.insert(unused.take_key(), value.clone()),
                None => batch.remove(unused.key()),
            };
            new
        });
        // Written out, since it is the order that counts: what is unused goes when the next writer has been let in.
        drop(unused);
        committed
    }

    /// The value of `key`; if it has none, it gets what `f` makes. `f` is called at most once, as the only writer.
    #[track_caller]
    pub fn get_or_insert_with(&self, key: K, f: impl FnOnce() -> V) -> V {
        if let Some(value) = self.get(&key) {
            return value;
        }
        let mut unused = Unused::<K, V>::of(key);
        let committed = self.batch(|batch| match batch.get(unused.key()) {
            Some(value) => value.clone(),
            None => {
                let value = f();
                batch.insert(unused.take_key(), value.clone());
                value
            }
        });
        drop(unused);
        committed.value
    }

    /// Replaces the contents by those of `source`, as one commit that touches only what differs. Of duplicate keys the
    /// last one wins. The source is drained before other writers have to wait.
    ///
    /// ```
    /// let config = untorn::Map::from([("1", 265), ("2", 17)]);
    /// let done = config.refresh([("1", 265), ("3", 4)]);
    /// assert_eq!((done.added, done.changed, done.removed), (1, 0, 1));
    /// assert_eq!(config.refresh([("3", 4), ("1", 265)]).revision, done.revision); // nothing new
    /// ```
    #[track_caller]
    pub fn refresh(&self, source: impl IntoIterator<Item = (K, V)>) -> Refreshed
    where
        V: PartialEq,
    {
        let hasher = self.pin().hasher.clone();
        let mut wanted = Batch::new(Table::new(), Revision::FIRST, &hasher);
        wanted.extend(source);
        let committed = self.batch(|batch| {
            let (mut added, mut changed) = (0, 0);
            for (key, value) in &wanted {
                match batch.get(key) {
                    Some(old) if old == value => continue,
                    Some(_) => changed += 1,
                    None => added += 1,
                }
                batch.put(key.clone(), value.clone());
            }
            let before = batch.len();
            batch.retain(|key, _| wanted.contains_key(key));
            (added, changed, before - batch.len())
        });
        let (added, changed, removed) = committed.value;
        Refreshed {
            revision: committed.revision,
            added,
            changed,
            removed,
        }
    }
}

/// What a write has not used up: outside of the batch, so that also a panic drops it after the next writer was let in.
struct Unused<K, V> {
    key: Option<K>,
    value: Option<V>,
}

impl<K, V> Unused<K, V> {
    fn of(key: K) -> Self {
        Self {
            key: Some(key),
            value: None,
        }
    }

    fn key(&self) -> &K {
        self.key.as_ref().expect("not taken yet")
    }

    fn take_key(&mut self) -> K {
        self.key.take().expect("not taken yet")
    }
}

/// No error at all.
enum Never {}

/// Why nothing was committed.
enum Refused<E> {
    Error(E),
    Moved(Moved),
}
