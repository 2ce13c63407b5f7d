//! Subscriptions to some keys, each beside a model that counts what it skips.

use untorn::map::{
    FilteredSubscription, FilteredTransition, KeySubscription, KeyTransition, KeysWhere,
};
use untorn::{Change, Revision, TryRecvError};

use super::after::{MapOf, keeps};
use super::contents::{Differences, Maker};
use super::handles::State;
use super::operation::Filter;
use crate::fuzz::kind::{Kind, Value};
use crate::fuzz::user_code::{BadHash, PanicAfter, catch_expected_panic};

type Selects<K> = Box<dyn Fn(&<K as Kind>::Key) -> bool>;

enum Subscription<K: Kind> {
    Key(KeySubscription<K::Key, K::Value, BadHash>),
    Where(FilteredSubscription<K::Key, K::Value, KeysWhere<Selects<K>>, BadHash>),
}

/// A step as it was received.
enum Received<K: Kind> {
    Key(KeyTransition<K::Key, K::Value, BadHash>),
    Where(FilteredTransition<K::Key, K::Value, KeysWhere<Selects<K>>, BadHash>),
}

/// A subscription to some keys and the last version that it compared.
pub(super) struct HeldFiltered<K: Kind> {
    subscription: Subscription<K>,
    selects: Box<dyn Fn(u16) -> bool>,
    shown: State,
    /// The number of versions since the last step that were not compared.
    missed: u64,
}

/// A received step: the two revisions, the number of missed ones, and the changes.
struct Step {
    revisions: [Revision; 2],
    missed: u64,
    changes: Differences,
}

impl<K: Kind> HeldFiltered<K> {
    pub(super) fn new(map: &MapOf<K>, now: State, filter: Filter, maker: &Maker<'_>) -> Self {
        let (subscription, selects): (_, Box<dyn Fn(u16) -> bool>) = match filter {
            Filter::One(id) => {
                let id = maker.id(id);
                let (key, _) = maker.key::<K>(id);
                let subscription = Subscription::Key(map.subscribe_key(key));
                (subscription, Box::new(move |other| other == id))
            }
            Filter::Without(divisor, remainder) => {
                let keep = keeps(divisor, remainder);
                let selects: Selects<K> = Box::new(move |key| keep(K::id(key)));
                let subscription = Subscription::Where(map.subscribe_where(selects));
                (subscription, Box::new(keeps(divisor, remainder)))
            }
        };
        Self {
            subscription,
            selects,
            shown: now,
            missed: 0,
        }
    }

    /// Returns the revision of the version that it references.
    pub(super) fn shown(&self) -> Revision {
        self.shown.revision
    }

    pub(super) fn close(&self) {
        match &self.subscription {
            Subscription::Key(subscription) => subscription.handle().close(),
            Subscription::Where(subscription) => subscription.handle().close(),
        }
    }

    /// Receives and compares; without a change of its keys the result must be `otherwise`. If user
    /// code panics, nothing is received.
    pub(super) fn receive(
        &mut self,
        panic_after: Option<PanicAfter>,
        now: &State,
        otherwise: TryRecvError,
    ) {
        let Some(received) = catch_expected_panic(panic_after, || self.subscription.try_recv())
        else {
            return;
        };
        let received = received.map(|received| received.step());
        let mut expected = self.shown.contents.differences(&now.contents);
        expected.retain(|id, _| (self.selects)(*id));
        let revisions = now.revision.get() - self.shown.revision.get();
        let missed = self.missed + revisions.saturating_sub(1);
        match received {
            Err(error) => {
                assert_eq!(error, otherwise, "received from some keys");
                assert!(expected.is_empty(), "not received: {expected:?}");
                self.missed = missed;
            }
            Ok(step) => {
                assert_eq!(step.changes, expected, "changes of some keys");
                assert!(!expected.is_empty(), "a step without a change");
                assert_eq!(step.revisions, [self.shown.revision, now.revision]);
                assert_eq!(step.missed, missed, "missed, of some keys");
                self.missed = 0;
            }
        }
        self.shown = now.clone();
    }

    pub(super) fn assert_ended(&mut self) {
        let received = self.subscription.try_recv();
        assert_eq!(received.err(), Some(TryRecvError::Closed));
    }
}

impl<K: Kind> Subscription<K> {
    fn try_recv(&mut self) -> Result<Received<K>, TryRecvError> {
        match self {
            Self::Key(subscription) => subscription.try_recv().map(Received::Key),
            Self::Where(subscription) => subscription.try_recv().map(Received::Where),
        }
    }
}

impl<K: Kind> Received<K> {
    fn step(&self) -> Step {
        match self {
            Self::Key(step) => {
                let values = (step.old().map(Value::number), step.new().map(Value::number));
                Step {
                    revisions: [step.from.revision(), step.to.revision()],
                    missed: step.missed,
                    changes: [(K::id(step.key()), values)].into(),
                }
            }
            Self::Where(step) => {
                let changes = step.changes().map(|change| match change {
                    Change::Added { key, new } => (K::id(key), (None, Some(new.number()))),
                    Change::Changed { key, old, new } => {
                        (K::id(key), (Some(old.number()), Some(new.number())))
                    }
                    Change::Removed { key, old } => (K::id(key), (Some(old.number()), None)),
                });
                Step {
                    revisions: [step.from.revision(), step.to.revision()],
                    missed: step.missed,
                    changes: changes.collect(),
                }
            }
        }
    }
}
