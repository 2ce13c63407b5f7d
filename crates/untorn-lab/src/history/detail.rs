//! Details of an operation that its steps cannot express: they concern several states, or moments
//! inside the call.

use super::model::{Contents, KEYS, Key, Value};

/// The keys that a subscription follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follows {
    /// All keys: a subscription to the map.
    All,
    /// One key.
    One(Key),
    /// The keys with this remainder modulo two, by a filter.
    Rest(Key),
}

impl Follows {
    /// Returns whether the key is among them.
    #[must_use]
    pub fn includes(self, key: Key) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => key == one,
            Self::Rest(rest) => key % 2 == rest,
        }
    }

    /// Returns the changes of these keys from one state to another.
    #[must_use]
    pub fn changes(self, from: &Contents, to: &Contents) -> Changes {
        let mut changes = Changes::default();
        for (key, (&old, &new)) in (0..).zip(from.iter().zip(to)) {
            if old != new && self.includes(key) {
                changes[usize::from(key)] = Some((old, new));
            }
        }
        changes
    }
}

/// The old and the new value of each key that has changed.
pub type Changes = [Option<(Option<Value>, Option<Value>)>; KEYS];

/// A step that a subscription returned; it leads to the revision of its operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The revision of the view before.
    pub from: u64,
    /// The contents of that view.
    pub before: Contents,
    /// The reported changes of the keys that the subscription follows.
    pub changes: Changes,
    /// The reported number of revisions that were not compared.
    pub missed: u64,
}

/// A detail of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Detail {
    /// An initializer ran for a key.
    Initializer {
        /// The key.
        key: Key,
        /// A moment after its beginning.
        began: u64,
        /// A moment before its end.
        ended: u64,
    },
    /// A subscription was created; the revision of the operation is the first that it compared.
    Subscribed {
        /// The number of the subscription.
        subscriber: usize,
        /// Its keys.
        follows: Follows,
    },
    /// A call that receives returned; the revision of the operation is the last that was compared.
    Received {
        /// The number of the subscription.
        subscriber: usize,
        /// The call may have compared several versions, since it waited.
        waited: bool,
        /// The step; `None` if the call returned none.
        step: Option<Box<Transition>>,
        /// The number of revisions since the last step that were not compared.
        pending: u64,
    },
}
