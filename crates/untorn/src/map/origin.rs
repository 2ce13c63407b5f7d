//! The identity of the map that a view is of.

use std::sync::{Mutex, PoisonError};

/// The identity of a map: an allocation that all of its views share, compared by address.
#[derive(Default)]
pub(super) struct Origin {
    /// The name of the map, for errors that have a view of it only.
    name: Mutex<Option<Box<str>>>,
}

impl Origin {
    pub(super) fn set_name(&self, name: &str) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.into());
    }

    pub(super) fn name(&self) -> Option<Box<str>> {
        // Poisoning cannot occur: nothing panics while the name is locked.
        self.name
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
