//! Which map a view is of.

use std::sync::{Mutex, PoisonError};

/// One for each map, shared by all of its views: its address is the identity of the map.
#[derive(Default)]
pub(super) struct Origin {
    /// For errors, which have a view of the map and not the map.
    name: Mutex<Option<Box<str>>>,
}

impl Origin {
    pub(super) fn set_name(&self, name: &str) {
        *self.name.lock().unwrap_or_else(PoisonError::into_inner) = Some(name.into());
    }

    pub(super) fn name(&self) -> Option<Box<str>> {
        // Nothing panics while it is locked.
        self.name
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
