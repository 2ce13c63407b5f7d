//! The identity of the map that a view is of.

use std::sync::{Arc, Mutex, PoisonError};

/// The identity of a map: an allocation that all of its views share, compared by address.
#[derive(Default)]
pub(super) struct Origin {
    /// The name of the map, for errors that have a view of it only.
    name: Mutex<Option<Box<str>>>,
    /// The identity of the first of the maps that this one was forked from.
    root: Option<Arc<Self>>,
}

impl Origin {
    /// Creates the identity of a fork.
    pub(super) fn fork(self: &Arc<Self>) -> Self {
        Self {
            name: Mutex::new(self.name()),
            root: Some(Arc::clone(self.root())),
        }
    }

    /// Returns whether both maps are one, or forks of one. Their hashers are clones of one then, so
    /// one may have the table of the other.
    pub(super) fn is_related_to(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self.root(), other.root())
    }

    fn root(self: &Arc<Self>) -> &Arc<Self> {
        self.root.as_ref().unwrap_or(self)
    }

    pub(super) fn set_name(&self, name: &str) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.into());
    }

    /// Panics since a key is absent that was to be present.
    #[cold]
    #[track_caller]
    pub(super) fn panic_without_entry(&self) -> ! {
        match self.name() {
            Some(name) => panic!("no entry for this key in map {name:?}"),
            None => panic!("no entry for this key"),
        }
    }

    pub(super) fn name(&self) -> Option<Box<str>> {
        // Poisoning cannot occur: nothing panics while the name is locked.
        self.name
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
