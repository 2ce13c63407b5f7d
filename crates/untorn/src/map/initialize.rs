//! Values that are computed when their key is first looked up.

use std::convert::Infallible;
use std::hash::{BuildHasher, Hash};

use equivalent::Equivalent;

use super::Map;
use super::batch::Batch;
use super::in_progress::Deadlock;
use crate::mutants::mutant;

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher + Clone> Map<K, V, S> {
    /// Returns the value of `key`. If there is none, inserts the result of `f`, as one commit.
    ///
    /// If the key is present, this is [`get`](Self::get): it never blocks, and after the thread's
    /// first pin it is wait-free. Otherwise `f` runs at most once, and never twice at a time for
    /// one key: callers with an equal key wait for it and return its value.
    /// [`try_get_or_insert_with`](Self::try_get_or_insert_with) is for an `f` that can fail.
    ///
    /// # Blocking
    /// `f` runs without the writer lock. Neither other writers nor initializers of other keys wait
    /// for it, and it may write to this map itself. Only the commit after it waits for other
    /// writers.
    ///
    /// While `f` runs the key is absent, and other writers change the map as ever:
    /// - If one of them inserts the key, its value stays: all callers return that one, and the
    ///   value of `f` is dropped.
    /// - Removing the key, [`clear`](Self::clear) and [`refresh`](Self::refresh) do not stop `f`:
    ///   its value is inserted after them. So a removal does not invalidate a value that is being
    ///   computed from older data.
    /// - If the value is removed before a waiting caller has read it, that caller runs its own
    ///   `f`.
    ///
    /// In async code `f` would block a thread of the runtime, and so would waiting for it. Store a
    /// cell of the runtime instead: with a `Map<K, Arc<tokio::sync::OnceCell<V>>>`,
    /// `map.get_or_insert_with(key, Arc::default).get_or_init(future).await` blocks no thread.
    ///
    /// # Panics
    /// - If `f` panics: then nothing is inserted, and the next waiting caller runs its own `f`.
    /// - If the key is absent and this thread has a write to this map open.
    /// - If `f` gets the same key by an initializer, or waits for an initializer of this map that
    ///   waits for `f`: these would deadlock. For other keys `f` may call this recursively.
    ///
    /// # Deadlocks
    /// Initializers of several maps that wait for each other are not noticed. `f` must not wait
    /// for a thread that waits for the same key.
    ///
    /// # Examples
    /// ```
    /// let limits = untorn::Map::from([("low", 10)]);
    /// assert_eq!(limits.get_or_insert_with("low", || unreachable!()), 10);
    /// assert_eq!(limits.get_or_insert_with("high", || 20), 20);
    /// ```
    ///
    /// Values that are computed from others, each of them once:
    ///
    /// ```
    /// use untorn::Map;
    ///
    /// fn fibonacci(known: &Map<u32, u64>, n: u32) -> u64 {
    ///     known.get_or_insert_with(n, || match n {
    ///         0 | 1 => u64::from(n),
    ///         _ => fibonacci(known, n - 1) + fibonacci(known, n - 2),
    ///     })
    /// }
    ///
    /// assert_eq!(fibonacci(&Map::new(), 90), 2_880_067_194_370_816_120);
    /// ```
    #[doc(alias = "load_or_store")]
    #[doc(alias = "insert_if_absent")]
    #[doc(alias = "put_if_absent")]
    #[doc(alias = "try_insert")]
    #[doc(alias = "entry")]
    #[doc(alias = "get_or_insert")]
    #[doc(alias = "or_insert_with")]
    #[doc(alias = "compute_if_absent")]
    #[track_caller]
    pub fn get_or_insert_with(&self, key: K, f: impl FnOnce() -> V) -> V {
        if let Some(value) = self.get(&key) {
            return value;
        }
        let Ok(value) = self.initialize(key, |_| Ok::<_, Infallible>(f()));
        value
    }

    /// Returns the value of `key`. If there is none, inserts the result of `f`, unless it is an
    /// error.
    ///
    /// This is [`get_or_insert_with`](Self::get_or_insert_with) for an `f` that can fail. Each
    /// caller runs its own `f` at most once: if one fails, the next caller that waits for the key
    /// continues with its own.
    ///
    /// # Blocking
    /// As [`get_or_insert_with`](Self::get_or_insert_with): a hit never blocks, and `f` runs
    /// without the writer lock.
    ///
    /// # Panics
    /// As [`get_or_insert_with`](Self::get_or_insert_with).
    ///
    /// # Errors
    /// The error of `f`. Then nothing is inserted.
    ///
    /// # Examples
    /// ```
    /// use std::num::ParseIntError;
    /// use untorn::Map;
    ///
    /// let limits: Map<&str, u32> = Map::new();
    /// let parse = |text: &str| limits.try_get_or_insert_with("low", || text.parse());
    /// assert!(parse("ten").is_err());
    /// assert_eq!(parse("10")?, 10);
    /// assert_eq!(parse("ten")?, 10, "the key is present: nothing is parsed");
    /// # Ok::<_, ParseIntError>(())
    /// ```
    #[doc(alias = "get_or_try_insert_with")]
    #[doc(alias = "or_try_insert_with")]
    #[doc(alias = "get_or_try_init")]
    #[doc(alias = "try_get_with")]
    #[track_caller]
    pub fn try_get_or_insert_with<E>(
        &self,
        key: K,
        f: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        match self.get(&key) {
            Some(value) => Ok(value),
            None => self.initialize(key, |_| f()),
        }
    }

    /// Returns the value of `key`. If there is none, inserts the result of `f` for the owned key
    /// that `to_key` makes of `key`.
    ///
    /// This is [`get_or_insert_with`](Self::get_or_insert_with) for a borrowed key, which is
    /// cloned only if it is absent, and for an `f` that uses the key. `to_key` must return a key
    /// that equals `key`; it runs at most once, before any wait.
    ///
    /// # Blocking
    /// As [`get_or_insert_with`](Self::get_or_insert_with): a hit never blocks, and both closures
    /// run without the writer lock.
    ///
    /// # Panics
    /// As [`get_or_insert_with`](Self::get_or_insert_with), and if `to_key` panics.
    ///
    /// # Examples
    /// ```
    /// use std::sync::Arc;
    /// use untorn::Map;
    ///
    /// let lengths: Map<Arc<str>, usize> = Map::new();
    /// for word in ["low", "high", "low"] {
    ///     let length = lengths.get_or_insert_with_by_ref(word, Arc::from, |key| key.len());
    ///     assert_eq!(length, word.len());
    /// }
    /// assert_eq!(lengths.len(), 2);
    /// ```
    #[doc(alias = "entry_ref")]
    #[doc(alias = "or_insert_with_key")]
    #[doc(alias = "get_with_by_ref")]
    #[track_caller]
    pub fn get_or_insert_with_by_ref<'q, Q>(
        &self,
        key: &'q Q,
        to_key: impl FnOnce(&'q Q) -> K,
        f: impl FnOnce(&K) -> V,
    ) -> V
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        if let Some(value) = self.get(key) {
            return value;
        }
        let Ok(value) = self.initialize(to_key(key), |key| Ok::<_, Infallible>(f(key)));
        value
    }

    /// Returns the value of `key`. If there is none, inserts the result of `f` for the owned key
    /// that `to_key` makes of `key`, unless it is an error.
    ///
    /// This is [`try_get_or_insert_with`](Self::try_get_or_insert_with) for a borrowed key, which
    /// is cloned only if it is absent, and for an `f` that uses the key. `to_key` must return a
    /// key that equals `key`; it runs at most once, before any wait.
    ///
    /// # Blocking
    /// As [`get_or_insert_with`](Self::get_or_insert_with): a hit never blocks, and both closures
    /// run without the writer lock.
    ///
    /// # Panics
    /// As [`get_or_insert_with`](Self::get_or_insert_with), and if `to_key` panics.
    ///
    /// # Errors
    /// The error of `f`. Then nothing is inserted.
    ///
    /// # Examples
    /// ```
    /// use std::num::ParseIntError;
    /// use untorn::Map;
    ///
    /// let parsed: Map<String, u32> = Map::new();
    /// let parse = |text| parsed.try_get_or_insert_with_by_ref(text, str::to_owned, |key| key.parse());
    /// assert_eq!(parse("10")?, 10);
    /// assert!(parse("ten").is_err());
    /// assert_eq!(parsed.len(), 1);
    /// # Ok::<_, ParseIntError>(())
    /// ```
    #[doc(alias = "or_try_insert_with_key")]
    #[track_caller]
    pub fn try_get_or_insert_with_by_ref<'q, Q, E>(
        &self,
        key: &'q Q,
        to_key: impl FnOnce(&'q Q) -> K,
        f: impl FnOnce(&K) -> Result<V, E>,
    ) -> Result<V, E>
    where
        Q: Equivalent<K> + Hash + ?Sized,
    {
        match self.get(key) {
            Some(value) => Ok(value),
            None => self.initialize(to_key(key), f),
        }
    }

    /// Inserts the result of `f` for an absent key, unless another thread does.
    #[track_caller]
    fn initialize<E>(&self, key: K, f: impl FnOnce(&K) -> Result<V, E>) -> Result<V, E> {
        self.published.assert_not_writing(&self.context("write to"));
        let hash = self.pin().hasher.hash_one(&key);
        let turn = loop {
            match self.in_progress.claim(&key, hash) {
                Ok(Some(turn)) => break turn,
                Ok(None) => {}
                Err(deadlock) => self.refuse(deadlock),
            }
            if let Some(value) = self.get(&key) {
                // Explicit: if a `Drop` panics here, the value is dropped too.
                drop(key);
                return Ok(value);
            }
        };
        // Another thread may have inserted the key between the lookup and the turn.
        if let Some(value) = self.get(&key)
            && !mutant("initialized_twice")
        {
            turn.end_with_value();
            drop(key);
            return Ok(value);
        }
        // An error or a panic drops the turn.
        let value = f(&key)?;
        let value = self.insert_if_absent(key, value);
        turn.end_with_value();
        Ok(value)
    }

    /// Inserts `value`, unless the key is present, and returns the value that it has then.
    #[track_caller]
    fn insert_if_absent(&self, key: K, mut value: V) -> V {
        let mut unused = None;
        let mut batch = self.begin_batch();
        if let Some(stored) = batch.get(&key)
            && !mutant("initializer_overwrites")
        {
            let stored = stored.clone();
            unused = Some((key, std::mem::replace(&mut value, stored)));
        } else {
            let stored = value.clone();
            batch.draft().put(key, stored);
        }
        batch.commit();
        // Explicit: if a `Drop` panics here, the value is dropped too.
        drop(unused);
        value
    }

    #[track_caller]
    fn refuse(&self, deadlock: Deadlock) -> ! {
        let map = match self.name() {
            Some(name) => format!("map {name:?}"),
            None => "a map".to_owned(),
        };
        match deadlock {
            Deadlock::OwnInitializer => panic!(
                "cannot initialize a key of {map} inside its own initializer: this would deadlock; \
                 compute the value without looking up its key"
            ),
            Deadlock::Cycle => panic!(
                "cannot wait for the initializer of a key of {map}, which waits for an initializer \
                 of this thread: this would deadlock; look up keys that need each other in one order"
            ),
        }
    }
}

impl<K: Eq + Hash + Clone, V: Clone, S: BuildHasher> Batch<'_, K, V, S> {
    /// Returns the value of `key`, with this batch's writes. If there is none, inserts the result
    /// of `f` first. O(1) on average, but the first write to a segment copies it.
    ///
    /// `f` runs while the writer lock is held, unlike that of
    /// [`Map::get_or_insert_with`]: compute slow values before the batch begins.
    ///
    /// # Panics
    /// If `f` panics, or `Hash`, `Eq` or `Clone` of a key or value.
    ///
    /// # Examples
    /// ```
    /// let words = untorn::Map::from([("low", 3)]);
    /// words.batch(|batch| {
    ///     for word in ["low", "high", "high"] {
    ///         let length = *batch.get_or_insert_with(word, || word.len());
    ///         assert_eq!(length, word.len());
    ///     }
    /// });
    /// assert_eq!((words.len(), words.revision().get()), (2, 1));
    /// ```
    #[doc(alias = "entry")]
    #[doc(alias = "or_insert_with")]
    pub fn get_or_insert_with(&mut self, key: K, f: impl FnOnce() -> V) -> &V {
        let value = self.draft().get_or_insert_with(key, f);
        value.expect("it was found or inserted")
    }
}
