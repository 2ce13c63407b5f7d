//! A value that makes mistakes of reclamation fail a test.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number that detects reads after its drop, and counts live ones.
pub(crate) struct Counted {
    halves: [u64; 2],
    pub(crate) live: Arc<AtomicUsize>,
}

impl Counted {
    pub(crate) fn new(number: u64, live: &Arc<AtomicUsize>) -> Self {
        live.fetch_add(1, Ordering::Relaxed);
        Self {
            halves: [number, !number],
            live: Arc::clone(live),
        }
    }

    pub(crate) fn read(&self) -> u64 {
        assert_eq!(self.halves[0], !self.halves[1], "read after its drop");
        self.halves[0]
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(self.read(), &self.live)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.read();
        self.halves = std::hint::black_box([1, 1]);
        self.live.fetch_sub(1, Ordering::Relaxed);
    }
}
