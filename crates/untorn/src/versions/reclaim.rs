//! Reclamation: which replaced versions nothing references any more, and when to look.
//!
//! ```text
//!   replaced ──▶ retired ──scan: no slot, no handle──▶ free ──some at each commit──▶ dropped
//!                   ▲│
//!                   └┘ referenced: looked at again by a later scan
//! ```
//!
//! A scan costs a heavy fence, which interrupts the other threads of the process, so it is made
//! once for many commits. All of this is under the writer lock of one cell; nothing here drops a
//! version, which is foreign code.

use std::collections::VecDeque;

use arrayvec::ArrayVec;

use super::fence;
use super::newest::Newest;
use super::slots::Registry;
use crate::mutants::mutant;
use crate::sync::Arc;

/// The most versions that a commit drops: one more than it retires, so that they become fewer.
pub(crate) const MAX_FREED_PER_COMMIT: usize = 2;

/// Bytes that may be retired between two scans, if nothing else allows more.
const BYTES_BETWEEN_SCANS: usize = 1 << 20;

/// The factor by which commits between two scans grow while scans free nothing.
const PATIENCE: usize = 4;

/// The versions that a scan checks again, besides as many as were retired since the last one. It
/// bounds the cost of a commit while many versions stay referenced.
const MAX_CHECKED_AGAIN: usize = 8;

/// The versions that a commit drops, after the writer lock has been released.
pub(crate) type Freed<C> = ArrayVec<Arc<C>, MAX_FREED_PER_COMMIT>;

/// The size of a version that is about to be retired, and of the newest.
#[derive(Clone, Copy)]
pub(crate) struct Weight {
    /// The bytes that only the retired version references, at most.
    pub(crate) retired: usize,
    /// The bytes of the newest version.
    pub(crate) newest: usize,
    /// The commits after which a scan is due.
    pub(crate) commits: usize,
}

/// A version that was replaced.
struct Retired<C> {
    version: Arc<C>,
    bytes: usize,
}

/// The replaced versions of a cell.
pub(crate) struct Reclaim<C> {
    /// Versions that may be referenced. The ones retired last are in front.
    retired: VecDeque<Retired<C>>,
    /// Versions that nothing references.
    free: VecDeque<Arc<C>>,
    /// The words in the slots, as the last scan found them.
    shown: Vec<usize>,
    /// The commits since the last scan, and the bytes that they retired.
    commits: usize,
    bytes: usize,
    /// The bytes of the versions that the last scan found referenced.
    referenced_bytes: usize,
    /// Set if the last scan freed nothing.
    freed_nothing: bool,
    /// The number of scans, and of those whose heavy fence failed.
    scans: u64,
    failed_fences: u64,
}

/// Counts of a cell, for statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReclaimStats {
    /// The versions that have been retired and not dropped, and of these the ones known to be free.
    pub(crate) retained: usize,
    pub(crate) free: usize,
    pub(crate) scans: u64,
    pub(crate) failed_fences: u64,
}

impl<C> Reclaim<C> {
    pub(crate) fn new() -> Self {
        Self {
            retired: VecDeque::new(),
            free: VecDeque::new(),
            shown: Vec::new(),
            commits: 0,
            bytes: 0,
            referenced_bytes: 0,
            freed_nothing: false,
            scans: 0,
            failed_fences: 0,
        }
    }

    /// Makes room for the next version, so that [`retire`](Self::retire) allocates nothing.
    pub(crate) fn reserve(&mut self) {
        self.retired.reserve(1);
    }

    /// Adds a version that was just replaced; its count is that of the word.
    pub(crate) fn retire(&mut self, version: Arc<C>, weight: Weight) {
        let bytes = weight.retired;
        self.retired.push_front(Retired { version, bytes });
        self.commits += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Returns whether a scan is due.
    fn is_due(&self, weight: Weight) -> bool {
        let patience = if self.freed_nothing && weight.commits > 1 {
            PATIENCE
        } else {
            1
        };
        let bytes = (weight.newest / 16)
            .max(BYTES_BETWEEN_SCANS)
            .max(self.referenced_bytes);
        self.commits >= weight.commits * patience || self.bytes > bytes
    }

    /// Scans if that is due, and returns some versions to be dropped.
    pub(crate) fn after_commit(
        &mut self,
        newest: &Newest<C>,
        registry: &Registry,
        weight: Weight,
    ) -> Freed<C> {
        if self.is_due(weight) {
            let checked = 2 * self.commits + MAX_CHECKED_AGAIN;
            self.scan(newest, registry, checked);
        }
        let mut freed = Freed::new();
        while !freed.is_full()
            && let Some(version) = self.next_free()
        {
            freed.push(version);
        }
        freed
    }

    /// Removes a version that nothing references. Statistics may have counted one that the scan
    /// found free: that one is retired again.
    fn next_free(&mut self) -> Option<Arc<C>> {
        for _ in 0..self.free.len() {
            let version = self.free.pop_front()?;
            if Arc::strong_count(&version) == 1 || mutant("readers_free_versions") {
                return Some(version);
            }
            self.retired.push_back(Retired { version, bytes: 0 });
        }
        None
    }

    /// Scans, and returns every version that nothing references.
    pub(crate) fn take_all_free(&mut self, newest: &Newest<C>, registry: &Registry) -> Vec<Arc<C>> {
        if !mutant("reclaim_frees_nothing") {
            self.scan(newest, registry, self.retired.len());
        }
        std::iter::from_fn(|| self.next_free()).collect()
    }

    /// Moves versions that nothing references to the free ones. Checks this number of versions, the
    /// ones retired last and then the ones checked longest ago.
    fn scan(&mut self, newest: &Newest<C>, registry: &Registry, checked: usize) {
        let Some(shows) = self.collect(newest, registry) else {
            return;
        };
        self.referenced_bytes = 0;
        let checked = checked.min(self.retired.len());
        let free_before = self.free.len();
        for _ in 0..checked {
            let Some(next) = self.retired.pop_front() else {
                break;
            };
            // After the slots: a handle may have been counted since (newest.rs, 3).
            let is_counted = Arc::strong_count(&next.version) > 1;
            let is_counted = is_counted && !mutant("readers_free_versions");
            if shows(&self.shown, &next.version) || is_counted {
                self.referenced_bytes = self.referenced_bytes.saturating_add(next.bytes);
                self.retired.push_back(next);
            } else {
                self.free.push_back(next.version);
            }
        }
        self.freed_nothing = checked > 0 && self.free.len() == free_before;
    }

    /// Executes the heavy fence and collects the words in all slots. Returns the function that
    /// looks for a version among them, or `None` if the fence failed.
    fn collect(
        &mut self,
        newest: &Newest<C>,
        registry: &Registry,
    ) -> Option<impl Fn(&[usize], &Arc<C>) -> bool + use<C>> {
        self.commits = 0;
        self.bytes = 0;
        self.scans += 1;
        if !fence::heavy() {
            self.failed_fences += 1;
            self.freed_nothing = true;
            return None;
        }
        self.shown.clear();
        registry.collect(&mut self.shown);
        self.shown.sort_unstable();
        let announced = self.shown.binary_search(&newest.announcement()).is_ok();
        Some(move |shown: &[usize], version: &Arc<C>| {
            announced || shown.binary_search(&Arc::as_ptr(version).addr()).is_ok()
        })
    }

    /// Returns the retired versions that are referenced, by a scan that frees nothing. If its fence
    /// failed, returns all that may be.
    pub(crate) fn referenced(&mut self, newest: &Newest<C>, registry: &Registry) -> Vec<Arc<C>> {
        let pending = (self.commits, self.bytes);
        let shows = self.collect(newest, registry);
        // The versions have not been checked.
        (self.commits, self.bytes) = pending;
        let is_referenced = |retired: &&Retired<C>| match &shows {
            // After the slots, as in `scan`.
            Some(shows) => {
                shows(&self.shown, &retired.version) || Arc::strong_count(&retired.version) > 1
            }
            None => true,
        };
        let referenced = self.retired.iter().filter(is_referenced);
        referenced
            .map(|retired| Arc::clone(&retired.version))
            .collect()
    }

    /// Returns every version that has been retired and not dropped.
    pub(crate) fn retained(&self) -> impl ExactSizeIterator<Item = &Arc<C>> {
        Retained {
            retired: self.retired.iter(),
            free: self.free.iter(),
        }
    }

    pub(crate) fn stats(&self) -> ReclaimStats {
        ReclaimStats {
            retained: self.retained().len(),
            free: self.free.len(),
            scans: self.scans,
            failed_fences: self.failed_fences,
        }
    }

    /// Removes the versions whose count the cell may give back although handles have counted them:
    /// after the last commit, those that no slot shows. The others stay with the cell.
    pub(crate) fn end(&mut self, newest: &Newest<C>, registry: &Registry) -> Vec<Arc<C>> {
        let mut unneeded: Vec<_> = self.free.drain(..).collect();
        if !self.retired.is_empty()
            && let Some(shows) = self.collect(newest, registry)
        {
            let shown = std::mem::take(&mut self.shown);
            let all = std::mem::take(&mut self.retired).into_iter();
            let (stay, go) = all.partition(|retired| shows(&shown, &retired.version));
            self.retired = stay;
            let go: VecDeque<Retired<C>> = go;
            unneeded.extend(go.into_iter().map(|retired| retired.version));
        }
        unneeded
    }
}

/// An iterator over the versions of both lists.
struct Retained<'r, C> {
    retired: std::collections::vec_deque::Iter<'r, Retired<C>>,
    free: std::collections::vec_deque::Iter<'r, Arc<C>>,
}

impl<'r, C> Iterator for Retained<'r, C> {
    type Item = &'r Arc<C>;

    fn next(&mut self) -> Option<&'r Arc<C>> {
        let retired = self.retired.next().map(|retired| &retired.version);
        retired.or_else(|| self.free.next())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.retired.len() + self.free.len();
        (len, Some(len))
    }
}

impl<C> ExactSizeIterator for Retained<'_, C> {}
