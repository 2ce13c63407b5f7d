//! The handles of a map, each with the version that it references.

use std::rc::Rc;

use untorn::{Reader, Revision, Snapshot, Subscription, TryRecvError};

use super::contents::{Contents, Maker, ViewOf, assert_view};
use super::filtered::HeldFiltered;
use super::operation::HANDLES;
use crate::fuzz::kind::Kind;

/// The contents at a revision.
#[derive(Clone)]
pub(super) struct State {
    pub(super) contents: Rc<Contents>,
    pub(super) revision: Revision,
}

/// A snapshot with its expected contents.
pub(super) struct HeldSnapshot<K: Kind> {
    pub(super) snapshot: Snapshot<ViewOf<K>>,
    pub(super) state: State,
    /// Taken from this map, not from the map that it was forked from.
    pub(super) own: bool,
}

/// A reader and the revision that it references.
pub(super) struct HeldReader<K: Kind> {
    pub(super) reader: Reader<ViewOf<K>>,
    pub(super) shown: Option<Revision>,
}

/// A subscription and the last version that it received.
pub(super) struct HeldSubscription<K: Kind> {
    pub(super) subscription: Subscription<ViewOf<K>>,
    pub(super) shown: State,
}

pub(super) type Slots<T> = [Option<T>; HANDLES as usize];

impl<K: Kind> HeldSnapshot<K> {
    pub(super) fn check_and_drop(self, maker: &Maker<'_>) {
        assert_eq!(self.snapshot.revision(), self.state.revision);
        assert_view::<K>(&self.snapshot, &self.state.contents, maker);
    }
}

impl<K: Kind> HeldSubscription<K> {
    /// Receives and compares; without a new version the result must be `otherwise`.
    pub(super) fn receive(&mut self, now: &State, otherwise: TryRecvError, maker: &Maker<'_>) {
        let received = self.subscription.try_recv();
        if self.shown.revision == now.revision {
            assert_eq!(received.err(), Some(otherwise), "nothing is new");
            return;
        }
        let change = received.expect("something new");
        let step = now.revision.get() - self.shown.revision.get();
        assert_eq!(change.missed + 1, step, "missed");
        assert_eq!(change.from.revision(), self.shown.revision);
        assert_eq!(change.to.revision(), now.revision);
        assert_view::<K>(&change.from, &self.shown.contents, maker);
        assert_view::<K>(&change.to, &now.contents, maker);
        self.shown = now.clone();
    }

    pub(super) fn assert_ended(&mut self) {
        let received = self.subscription.try_recv();
        assert_eq!(received.err(), Some(TryRecvError::Closed));
    }
}

/// Checks the handles of a dropped map: subscriptions return the last version and close, readers
/// continue to return it.
pub(super) fn check_after_drop<K: Kind>(
    readers: &mut Slots<HeldReader<K>>,
    subscriptions: &mut Slots<HeldSubscription<K>>,
    filtered: &mut Slots<HeldFiltered<K>>,
    last: &State,
    maker: &Maker<'_>,
) {
    for mut held in subscriptions.iter_mut().filter_map(Option::take) {
        held.receive(last, TryRecvError::Closed, maker);
        held.assert_ended();
    }
    for mut held in filtered.iter_mut().filter_map(Option::take) {
        held.receive(None, last, TryRecvError::Closed);
        held.assert_ended();
    }
    for mut held in readers.iter_mut().filter_map(Option::take) {
        assert_view::<K>(held.reader.latest(), &last.contents, maker);
    }
}
