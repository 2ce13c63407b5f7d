//! A poller before it starts.

use std::hash::{BuildHasher, Hash};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::backoff::Pace;
use super::source::Source;
use super::state::Shared;
use super::{Poller, thread};
use crate::Map;
use crate::overlap::try_spawn;

/// How a poller is to be; [`start`](Self::start) starts it. Made by [`Poller::every`].
#[derive(Clone, Debug)]
#[must_use = "nothing is polled until it is started"]
pub struct Setup<S> {
    source: S,
    name: String,
    pace: Pace,
}

impl<S: Source> Setup<S> {
    #[track_caller]
    pub(super) fn new(period: Duration, source: S) -> Self {
        Self {
            source,
            name: "poller".into(),
            pace: Pace::every(period),
        }
    }

    /// The name of the thread, which reports and panic messages show; "poller" if not set.
    ///
    /// # Panics
    /// If it has a nul byte.
    #[track_caller]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        assert!(!self.name.contains('\0'), "a thread's name has no nul byte");
        self
    }

    /// The longest wait after failures, before jitter; a minute, or the period if that is longer, if not set. May be
    /// shorter than the period.
    ///
    /// # Panics
    /// If it is zero.
    #[track_caller]
    pub fn backoff_up_to(mut self, cap: Duration) -> Self {
        self.pace.set_cap(cap);
        self
    }

    /// How much shorter or longer than told each wait is, at random, as a share from 0 to 1: so that many processes
    /// that were started at once do not go on asking a server at once. 0.1 if not set, which is up to a tenth both
    /// ways; 0 is none.
    ///
    /// # Panics
    /// If it is not from 0 to 1.
    #[track_caller]
    pub fn jitter(mut self, share: f64) -> Self {
        self.pace.set_jitter(share);
        self
    }

    /// Starts the thread, which fetches at once and then goes on until the poller is stopped or dropped. Does not wait
    /// for the first fetch; [`Poller::wait_until_fresh`] does.
    ///
    /// The poller holds the map: it lives until the poller has stopped, also if nobody else has it any more.
    ///
    /// # Errors
    /// If the operating system cannot create a thread.
    #[track_caller]
    pub fn start<K, V, H>(self, map: &Arc<Map<K, V, H>>) -> io::Result<Poller>
    where
        K: Eq + Hash + Clone + Send + Sync + 'static,
        V: Clone + PartialEq + Send + Sync + 'static,
        H: BuildHasher + Clone + Send + Sync + 'static,
        S: Source<Entries: IntoIterator<Item = (K, V)>> + Send + 'static,
    {
        let Self { source, name, pace } = self;
        let shared = Arc::new(Shared::new(pace, map.revision()));
        let thread = {
            let (shared, map) = (Arc::clone(&shared), Arc::clone(map));
            try_spawn(name, move || thread::run(&shared, map, source))?
        };
        Ok(Poller::new(shared, thread))
    }
}
