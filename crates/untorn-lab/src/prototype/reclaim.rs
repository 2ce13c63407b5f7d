//! Which nodes no version can reach any more.
//!
//! A node is visible in the versions from the edit that made it until the edit that replaced it.
//! So no node is counted, and a copy of a directory block touches none of its children. A replaced
//! node is listed at the newest live version that can reach it. When that version ends, the node
//! goes to the next older live version, or is freed if that one is older than the node.

/// A replaced node, and the edit that made it.
pub(super) struct Retired<N> {
    pub(super) node: N,
    pub(super) birth: u64,
}

struct Live<N> {
    revision: u64,
    retired: Vec<Retired<N>>,
}

/// The live versions of one map, in ascending order, with the nodes that only they can reach.
pub(super) struct Reclaim<N> {
    live: Vec<Live<N>>,
    /// An empty list, for the next version.
    spare: Vec<Retired<N>>,
}

impl<N> Reclaim<N> {
    /// Creates the list with the first version.
    pub(super) fn new(revision: u64) -> Self {
        let first = Live {
            revision,
            retired: Vec::new(),
        };
        Self {
            live: vec![first],
            spare: Vec::new(),
        }
    }

    /// Adds a version, and the nodes that it replaced.
    pub(super) fn commit(&mut self, revision: u64, replaced: &mut Vec<Retired<N>>) {
        let before = self.live.last_mut().expect("the newest version is live");
        before.retired.append(replaced);
        self.live.push(Live {
            revision,
            retired: std::mem::take(&mut self.spare),
        });
    }

    /// Ends a version that is not the newest, and passes the nodes that no version can reach to
    /// `free`.
    pub(super) fn end(&mut self, revision: u64, mut free: impl FnMut(N)) {
        let found = self
            .live
            .binary_search_by_key(&revision, |live| live.revision);
        let i = found.expect("a version ends once");
        let mut ended = self.live.remove(i);
        let mut older = i.checked_sub(1).map(|i| &mut self.live[i]);
        for retired in ended.retired.drain(..) {
            match &mut older {
                Some(older) if retired.birth <= older.revision => older.retired.push(retired),
                _ => free(retired.node),
            }
        }
        self.spare = ended.retired;
    }

    /// Frees memory that lists do not use now.
    pub(super) fn trim(&mut self) {
        self.live.shrink_to_fit();
        self.spare = Vec::new();
    }

    /// Passes all replaced nodes to `free`.
    pub(super) fn end_all(&mut self, mut free: impl FnMut(N)) {
        for ended in self.live.drain(..) {
            ended.retired.into_iter().for_each(|it| free(it.node));
        }
    }
}
