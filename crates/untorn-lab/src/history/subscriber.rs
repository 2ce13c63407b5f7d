//! Subscriptions of `untorn::Map` as recorded ones.

use std::fmt;
use std::time::Duration;

use untorn::map::{
    DefaultHashBuilder, Filter, FilteredSubscription, FilteredTransition, KeySubscription,
    KeysWhere,
};
use untorn::{Change, RecvTimeoutError, Subscription, TryRecvError};

use super::detail::{Changes, Follows, Transition};
use super::model::{Contents, Key, Value, len};
use super::subject::Reception;
use super::untorn_map::{MapOf, ViewOf};

type Selects = Box<dyn Fn(&u32) -> bool + Send + Sync>;

/// A subscription of each kind.
pub enum Subscriber {
    /// To the map.
    Whole(Subscription<ViewOf>),
    /// To one key.
    Key(KeySubscription<u32, Value>),
    /// To the keys that a closure selects.
    Where(FilteredSubscription<u32, Value, KeysWhere<Selects>>),
}

impl Subscriber {
    /// Subscribes; returns the revision of the first view, too.
    pub(super) fn new(map: &MapOf, follows: Follows) -> (Self, u64) {
        let subscriber = match follows {
            Follows::All => Self::Whole(map.subscribe()),
            Follows::One(key) => Self::Key(map.subscribe_key(key.into())),
            Follows::Rest(_) => {
                let selects =
                    move |key: &u32| Key::try_from(*key).is_ok_and(|k| follows.includes(k));
                Self::Where(map.subscribe_where(Box::new(selects) as Selects))
            }
        };
        let (compared, _) = subscriber.progress();
        (subscriber, compared)
    }

    /// Receives; waits for at most `timeout`, or not at all.
    pub(super) fn receive(&mut self, timeout: Option<Duration>) -> Reception {
        let step = match self {
            Self::Whole(subscription) => {
                let received = match timeout {
                    None => without_wait(subscription.try_recv()),
                    Some(timeout) => with_wait(subscription.recv_timeout(timeout)),
                };
                received.map(|step| {
                    let views = [&*step.from, &*step.to];
                    received_step(views, step.missed, changes(step.changes()))
                })
            }
            Self::Key(subscription) => receive(subscription, timeout).map(|step| {
                let mut of_key = Changes::default();
                let change = (step.old().copied(), step.new().copied());
                of_key[*step.key() as usize] = Some(change);
                received_step([&step.from, &step.to], step.missed, of_key)
            }),
            Self::Where(subscription) => receive(subscription, timeout).map(|step| {
                let views = [&*step.from, &*step.to];
                received_step(views, step.missed, changes(step.changes()))
            }),
        };
        let (compared, pending) = self.progress();
        if let Some((_, to)) = &step {
            assert_eq!(*to, compared, "a step leads to the view compared last");
        }
        Reception {
            step: step.map(|(step, _)| step),
            compared,
            pending,
        }
    }

    /// Returns the revision of the view that was compared last, and the number of revisions since
    /// the last step that were not compared.
    fn progress(&self) -> (u64, u64) {
        match self {
            Self::Whole(subscription) => (subscription.last_received().revision().get(), 0),
            Self::Key(subscription) => progress_of(subscription),
            Self::Where(subscription) => progress_of(subscription),
        }
    }
}

/// Reads the progress of a filtered subscription, which only its `Debug` shows.
fn progress_of(subscription: &impl fmt::Debug) -> (u64, u64) {
    let text = format!("{subscription:?}");
    let field = |name: &str| {
        let (_, rest) = text.split_once(name)?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse().ok()
    };
    let fields = field("last_compared: ").zip(field("missed: "));
    fields.unwrap_or_else(|| panic!("no progress in {text}"))
}

fn receive<F: Filter<u32, Value, DefaultHashBuilder>>(
    subscription: &mut FilteredSubscription<u32, Value, F>,
    timeout: Option<Duration>,
) -> Option<FilteredTransition<u32, Value, F>> {
    match timeout {
        None => without_wait(subscription.try_recv()),
        Some(timeout) => with_wait(subscription.recv_timeout(timeout)),
    }
}

fn without_wait<T>(received: Result<T, TryRecvError>) -> Option<T> {
    received
        .map_err(|error| assert_eq!(error, TryRecvError::Empty))
        .ok()
}

fn with_wait<T>(received: Result<T, RecvTimeoutError>) -> Option<T> {
    received
        .map_err(|error| assert_eq!(error, RecvTimeoutError::Timeout))
        .ok()
}

fn contents(view: &ViewOf) -> Contents {
    let mut contents = Contents::default();
    for (key, value) in (0_u32..).zip(&mut contents) {
        *value = view.get(&key).copied();
    }
    contents
}

/// Returns a step with its contents, and the revision that it leads to.
fn received_step(
    [from, to]: [&ViewOf; 2],
    missed: u64,
    changes: Changes,
) -> ((Transition, (Contents, usize)), u64) {
    let step = Transition {
        from: from.revision().get(),
        before: contents(from),
        changes,
        missed,
    };
    let after = contents(to);
    ((step, (after, len(&after))), to.revision().get())
}

fn changes<'c>(changes: impl Iterator<Item = Change<'c, u32, Value>>) -> Changes {
    let mut all = Changes::default();
    for change in changes {
        let (key, values) = match change {
            Change::Added { key, new } => (key, (None, Some(*new))),
            Change::Changed { key, old, new } => (key, (Some(*old), Some(*new))),
            Change::Removed { key, old } => (key, (Some(*old), None)),
        };
        let before = all[*key as usize].replace(values);
        assert_eq!(before, None, "two changes of key {key}");
    }
    all
}
