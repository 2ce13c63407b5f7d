//! Which tests may run at the same time: a thousand threads leave no time to a test that counts what overlaps.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static TURNS: RwLock<()> = RwLock::new(());

/// Waits until no test that measures is running, and keeps others from starting until the guard is dropped.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    TURNS.write().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until no test runs [`alone`], and keeps those from starting until the guard is dropped.
pub(crate) fn shared() -> RwLockReadGuard<'static, ()> {
    TURNS.read().unwrap_or_else(PoisonError::into_inner)
}
