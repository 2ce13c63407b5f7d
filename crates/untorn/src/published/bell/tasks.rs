//! Tasks that wait for a commit.

use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::task::Waker;

use crate::panic::discard;

/// Tasks to be woken, each once, by the number of whoever left its waker here. Mostly there are none.
#[derive(Default)]
pub(super) struct Tasks(Option<HashMap<usize, Waker>>);

/// All were woken, some perhaps with a panic.
#[must_use = "a panic may have to go on"]
pub(in crate::published) struct Woken(Option<Box<dyn Any + Send>>);

impl Tasks {
    /// Leaves a waker, and returns the one that was there.
    #[cfg(feature = "stream")]
    pub(super) fn insert(&mut self, number: usize, waker: Waker) -> Option<Waker> {
        self.0.get_or_insert_default().insert(number, waker)
    }

    #[cfg(feature = "stream")]
    pub(super) fn remove(&mut self, number: usize) -> Option<Waker> {
        if crate::planted::planted("dropped_stream_keeps_its_waker") {
            return None;
        }
        self.0.as_mut()?.remove(&number)
    }

    pub(super) fn take(&mut self) -> Self {
        Self(self.0.take())
    }

    /// Wakes all of them, also if a waker panics.
    pub(super) fn wake(self) -> Woken {
        let mut panic = None;
        for task in self.0.into_iter().flat_map(HashMap::into_values) {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| task.wake())) {
                match panic {
                    None => panic = Some(payload),
                    Some(_) => discard(payload),
                }
            }
        }
        Woken(panic)
    }
}

impl Woken {
    /// Lets the first panic go on.
    pub(in crate::published) fn go_on(mut self) {
        if let Some(payload) = self.0.take() {
            resume_unwind(payload);
        }
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        if let Some(payload) = self.0.take() {
            discard(payload);
        }
    }
}
