//! The publication word of a cell, which points to the newest version, in two forms with one
//! interface.
//!
//! With 64-bit pointers the word is an `ArcSwap`, so a load never blocks. Elsewhere, and
//! under `--cfg untorn_rwlock_cell`, it is an `RwLock` that is held for one pointer copy. With
//! 32-bit pointers the generation counter of arc-swap 1.9.5 wraps after 2^30 loads that find no
//! free slot; after that, safe code reads freed values.

pub(super) use self::form::{Latest, Loaded, Newest};

#[cfg(all(target_pointer_width = "64", not(untorn_rwlock_cell)))]
mod form {
    use std::ops::Deref;
    use std::sync::Arc;

    use arc_swap::{ArcSwap, Cache, Guard};

    use crate::published::cell::{Version, VersionedCell};

    pub(in crate::published) struct Newest<T>(ArcSwap<Version<T>>);

    /// A guard that keeps a version alive, without a reference count if a slot is free.
    pub(in crate::published) type Loaded<T> = Guard<Arc<Version<T>>>;

    impl<T> Newest<T> {
        pub(in crate::published) fn new(version: Version<T>) -> Self {
            Self(ArcSwap::from_pointee(version))
        }

        pub(in crate::published) fn load(&self) -> Loaded<T> {
            self.0.load()
        }

        pub(in crate::published) fn load_full(&self) -> Arc<Version<T>> {
            self.0.load_full()
        }

        /// Publishes `version` and returns the one that it replaces.
        pub(in crate::published) fn swap(&self, version: Arc<Version<T>>) -> Arc<Version<T>> {
            self.0.swap(version)
        }
    }

    /// The word, reached through its cell.
    struct Word<T>(Arc<VersionedCell<T>>);

    impl<T> Deref for Word<T> {
        type Target = ArcSwap<Version<T>>;

        fn deref(&self) -> &Self::Target {
            &self.0.newest.0
        }
    }

    /// A cached version, compared with the word at each load.
    pub(in crate::published) struct Latest<T>(Cache<Word<T>, Arc<Version<T>>>);

    impl<T> Latest<T> {
        pub(in crate::published) fn new(cell: &Arc<VersionedCell<T>>) -> Self {
            Self(Cache::new(Word(Arc::clone(cell))))
        }

        pub(in crate::published) fn load(&mut self) -> &Version<T> {
            self.0.load()
        }
    }
}

#[cfg(any(not(target_pointer_width = "64"), untorn_rwlock_cell))]
mod form {
    use std::marker::PhantomData;
    use std::mem;
    use std::sync::{Arc, PoisonError, RwLock};

    use crate::published::cell::{Version, VersionedCell};

    pub(in crate::published) struct Newest<T> {
        /// No foreign code runs and nothing panics while the lock is held.
        word: RwLock<Arc<Version<T>>>,
        /// Makes this form `RefUnwindSafe` only if `T` is, as the other form: a lock always is.
        _unwind_as: PhantomData<Arc<Version<T>>>,
    }

    /// A counted reference: the lock is released before the load returns.
    pub(in crate::published) type Loaded<T> = Arc<Version<T>>;

    impl<T> Newest<T> {
        pub(in crate::published) fn new(version: Version<T>) -> Self {
            Self {
                word: RwLock::new(Arc::new(version)),
                _unwind_as: PhantomData,
            }
        }

        pub(in crate::published) fn load(&self) -> Loaded<T> {
            self.load_full()
        }

        pub(in crate::published) fn load_full(&self) -> Arc<Version<T>> {
            Arc::clone(&self.word.read().unwrap_or_else(PoisonError::into_inner))
        }

        /// Publishes `version` and returns the one that it replaces.
        pub(in crate::published) fn swap(&self, version: Arc<Version<T>>) -> Arc<Version<T>> {
            let mut word = self.word.write().unwrap_or_else(PoisonError::into_inner);
            mem::replace(&mut *word, version)
        }

        /// Replaces `version` if it is no longer the newest. While the owner lives, dropping the
        /// old one frees nothing: the cell's list of retired versions references it.
        fn renew(&self, version: &mut Arc<Version<T>>) {
            let word = self.word.read().unwrap_or_else(PoisonError::into_inner);
            if !Arc::ptr_eq(&word, version) {
                let newer = Arc::clone(&word);
                drop(word);
                *version = newer;
            }
        }
    }

    /// A cached version, compared with the word at each load.
    pub(in crate::published) struct Latest<T> {
        cell: Arc<VersionedCell<T>>,
        version: Arc<Version<T>>,
    }

    impl<T> Latest<T> {
        pub(in crate::published) fn new(cell: &Arc<VersionedCell<T>>) -> Self {
            Self {
                version: cell.newest.load_full(),
                cell: Arc::clone(cell),
            }
        }

        pub(in crate::published) fn load(&mut self) -> &Version<T> {
            self.cell.newest.renew(&mut self.version);
            &self.version
        }
    }
}
