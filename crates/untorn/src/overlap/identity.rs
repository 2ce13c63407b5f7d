//! The identity of the thread that owns a record.
//!
//! # Invariants
//!
//! 1. `number` is stored before the rest of an identity, `confirmed` after it. A load of
//!    `confirmed`, then of the rest, then of an equal `number` has read the identity of one thread.
//!    No two threads have the same number.
//! 2. `created_at` is null or came from a `&'static Location`.

#![allow(unsafe_code, reason = "see the invariants above")]

use std::panic::Location;
use std::ptr;

use super::record::Record;
use super::site::Name;
use crate::ordering_mutants::{acquire, fence, release};
use crate::sync::{AtomicPtr, AtomicU64, Ordering};

/// The words of a name. The models, whose names are short, have one.
const NAME_WORDS: usize = if cfg!(untorn_loom) { 1 } else { Name::LEN / 8 };

/// The identity of a record's owner, in atomics.
pub(crate) struct Identity {
    number: AtomicU64,
    name: [AtomicU64; NAME_WORDS],
    created_at: AtomicPtr<Location<'static>>,
    confirmed: AtomicU64,
    /// The record itself. For the owner only.
    pub(super) record: AtomicPtr<Record>,
}

/// The contents of an [`Identity`]: number, name and creation site of a thread.
#[derive(Clone, Copy)]
pub(crate) struct ThreadIdentity {
    pub(crate) number: u64,
    pub(crate) name: Name,
    pub(crate) created_at: Option<&'static Location<'static>>,
}

impl ThreadIdentity {
    /// Returns the identity of a thread that ended its access before it could be read. No thread
    /// has number 0.
    pub(crate) fn unknown() -> Self {
        Self {
            number: 0,
            name: Name::new("<unknown>"),
            created_at: None,
        }
    }
}

pub(super) fn pointer_to<T>(reference: &'static T) -> *mut T {
    ptr::from_ref(reference).cast_mut()
}

impl Identity {
    pub(super) fn new() -> Self {
        Self {
            number: AtomicU64::new(0),
            name: std::array::from_fn(|_| AtomicU64::new(0)),
            created_at: AtomicPtr::new(ptr::null_mut()),
            confirmed: AtomicU64::new(0),
            record: AtomicPtr::new(ptr::null_mut()),
        }
    }

    pub(super) fn set(&self, thread: &ThreadIdentity) {
        self.number.store(thread.number, Ordering::Relaxed);
        // Release: the number, to a load that observes any of the rest (Acquire fence in `get`).
        fence(release("set.fence"));
        let mut bytes = [0; Name::LEN];
        bytes[..thread.name.len()].copy_from_slice(thread.name.as_bytes());
        for (word, bytes) in self.name.iter().zip(bytes.chunks_exact(8)) {
            let bytes = bytes.try_into().expect("chunks of eight");
            word.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
        }
        let created_at = thread.created_at.map_or(ptr::null_mut(), pointer_to);
        self.created_at.store(created_at, Ordering::Relaxed);
        // Release: all of it (Acquire in `get`).
        self.confirmed
            .store(thread.number, release("set.confirmed"));
    }

    /// Returns the thread, or `None` if the identity changes during the call (invariant 1).
    pub(crate) fn get(&self) -> Option<ThreadIdentity> {
        // Acquire: the rest (Release in `set`).
        let confirmed = self.confirmed.load(acquire("get.confirmed"));
        let mut bytes = [0; Name::LEN];
        for (word, bytes) in self.name.iter().zip(bytes.chunks_exact_mut(8)) {
            bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        let created_at = self.created_at.load(Ordering::Relaxed);
        // Acquire: with the fence in `set`. If a load above observed a newer value, so does the
        // load below.
        fence(acquire("get.fence"));
        if self.number.load(Ordering::Relaxed) != confirmed {
            return None;
        }
        let len = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
        Some(ThreadIdentity {
            number: confirmed,
            name: Name::new(std::str::from_utf8(&bytes[..len]).ok()?),
            // SAFETY: invariant 2.
            created_at: unsafe { created_at.as_ref() },
        })
    }
}
