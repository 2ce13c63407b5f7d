//! The thread or task behind a waiter, and its wakeup.

use std::any::Any;
use std::panic::resume_unwind;

use super::Waiter;
use crate::panic::discard;
use crate::sync::Arc;

/// A waiter in the list: a blocked thread, or a task.
pub(super) enum Target {
    Thread(Arc<Waiter>),
    Task(std::task::Waker),
}

/// Waiters that were removed from the list, to be woken without its lock.
#[derive(Default)]
pub(super) struct Targets(Vec<Target>);

/// The result of waking: the first panic of a waker, if one panicked. All targets were woken.
#[must_use = "a panic may have to be resumed"]
pub(in crate::published) struct Panicked(Option<Box<dyn Any + Send>>);

impl Target {
    /// Wakes the target, and returns the panic of its waker.
    fn wake(self) -> Option<Box<dyn Any + Send>> {
        match self {
            Self::Thread(waiter) => {
                waiter.notified.notify_one();
                None
            }
            Self::Task(waker) => {
                let wake = std::panic::AssertUnwindSafe(|| waker.wake());
                std::panic::catch_unwind(wake).err()
            }
        }
    }

    fn is_thread(&self) -> bool {
        matches!(self, Self::Thread(_))
    }
}

impl Targets {
    pub(super) fn push(&mut self, target: Target) {
        self.0.push(target);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Wakes all targets, even if a waker panics. Tasks come last, since a waker may be slow.
    pub(super) fn wake(self) -> Panicked {
        let (threads, tasks): (Vec<_>, Vec<_>) = self.0.into_iter().partition(Target::is_thread);
        let mut first = None;
        for payload in threads.into_iter().chain(tasks).filter_map(Target::wake) {
            match first {
                None => first = Some(payload),
                Some(_) => discard(payload),
            }
        }
        Panicked(first)
    }
}

impl FromIterator<Target> for Targets {
    fn from_iter<I: IntoIterator<Item = Target>>(targets: I) -> Self {
        Self(targets.into_iter().collect())
    }
}

impl Panicked {
    /// Resumes the panic, if there was one.
    pub(in crate::published) fn resume(mut self) {
        if let Some(payload) = self.0.take() {
            resume_unwind(payload);
        }
    }
}

impl Drop for Panicked {
    fn drop(&mut self) {
        if let Some(payload) = self.0.take() {
            discard(payload);
        }
    }
}
