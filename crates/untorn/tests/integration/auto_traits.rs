//! The auto traits, the variance and the drop check of every public type of `map`, `published` and
//! `poller`, checked by the compiler. Programs that must not compile are in `untorn-lab`.

use std::cell::{Cell, RefCell};
use std::marker::PhantomPinned;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::MutexGuard;

use untorn::map::{self, DefaultHashBuilder, DefaultHasher, KeysWhere};
use untorn::poller::{
    Activity, Delta, Failure, FailureKind, FetchedAfter, NoDeltas, PollerBuilder, PollerHandle,
    RefreshError, Refusal, ResumeToken, Status, Success,
};
use untorn::{
    Batch, BatchOutcome, Change, Fetched, FilteredSubscription, KeySubscription, KeyTransition,
    Map, MapStats, MappedPinned, MappedSnapshot, Pinned, Poller, Published, Reader, RecvError,
    RecvTimeoutError, Refreshed, Revision, RevisionMismatch, Snapshot, Subscription,
    SubscriptionHandle, Transition, TryRecvError, View, WaitError,
};

use crate::implements::implements;

/// Returns whether a name is in a list of names, each of which ends with a space.
const fn contains(names: &str, name: &str) -> bool {
    let (names, name) = (names.as_bytes(), name.as_bytes());
    let (mut start, mut same) = (0, true);
    let mut i = 0;
    while i < names.len() {
        if names[i] == b' ' {
            if same && i - start == name.len() {
                return true;
            }
            (start, same) = (i + 1, true);
        } else {
            same = same && i - start < name.len() && names[i] == name[i - start];
        }
        i += 1;
    }
    false
}

/// Checks that each type has exactly these of the five auto traits.
macro_rules! table {
    ($($type:ty: $($trait:ident)*;)+) => {$(
        const _: () = {
            let names = concat!($(stringify!($trait), " "),*);
            assert!(implements!($type: Send) == contains(names, "Send"));
            assert!(implements!($type: Sync) == contains(names, "Sync"));
            assert!(implements!($type: Unpin) == contains(names, "Unpin"));
            assert!(implements!($type: UnwindSafe) == contains(names, "UnwindSafe"));
            assert!(implements!($type: RefUnwindSafe) == contains(names, "RefUnwindSafe"));
        };
    )+};
}

/// `Sync` but not `Send`.
type SyncOnly = MutexGuard<'static, u8>;
/// Not `Unpin`.
type Fixed = PhantomPinned;
/// A view with these values.
type Of<V> = View<u8, V>;

table! {
    Map<u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Map<u8, Cell<u8>>: Unpin;
    Map<u8, SyncOnly>: Unpin UnwindSafe RefUnwindSafe;
    Map<u8, Fixed>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Map<Cell<u8>, u8>: Unpin;
    Map<u8, u8, Cell<u8>>: Unpin;
    Map<u8, RefCell<u8>>: Unpin;
    View<u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    View<u8, Cell<u8>>: Unpin;
    View<u8, SyncOnly>: Unpin UnwindSafe RefUnwindSafe;
    View<u8, Fixed>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    View<u8, u8, Cell<u8>>: Send Unpin UnwindSafe;
    View<u8, u8, Fixed>: Send Sync UnwindSafe RefUnwindSafe;
    Published<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Published<Cell<u8>>: Unpin;
    Published<SyncOnly>: Unpin UnwindSafe RefUnwindSafe;
    Published<Fixed>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Pinned<'static, u8>: Sync Unpin UnwindSafe RefUnwindSafe;
    Pinned<'static, Cell<u8>>: Unpin;
    Pinned<'static, SyncOnly>: Unpin UnwindSafe RefUnwindSafe;
    Pinned<'static, Fixed>: Sync Unpin UnwindSafe RefUnwindSafe;
    Pinned<'static, Of<u8>>: Sync Unpin UnwindSafe RefUnwindSafe;
    Pinned<'static, Of<Cell<u8>>>: Unpin;
    MappedPinned<'static, u8>: Sync Unpin UnwindSafe RefUnwindSafe;
    MappedPinned<'static, str>: Sync Unpin UnwindSafe RefUnwindSafe;
    MappedPinned<'static, Cell<u8>>: Unpin;
    MappedPinned<'static, SyncOnly>: Sync Unpin UnwindSafe RefUnwindSafe;
    MappedPinned<'static, Fixed>: Sync Unpin UnwindSafe RefUnwindSafe;
    Snapshot<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Snapshot<Cell<u8>>: Unpin;
    Snapshot<SyncOnly>: Unpin UnwindSafe RefUnwindSafe;
    Snapshot<Fixed>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Snapshot<Of<u8>>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    MappedSnapshot<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    MappedSnapshot<str>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    MappedSnapshot<Cell<u8>>: Unpin;
    MappedSnapshot<SyncOnly>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    MappedSnapshot<Fixed>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Reader<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Reader<Cell<u8>>: Unpin;
    Reader<SyncOnly>: Unpin UnwindSafe RefUnwindSafe;
    Reader<Fixed>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Reader<Of<u8>>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Subscription<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Subscription<Cell<u8>>: Unpin;
    Subscription<SyncOnly>: Unpin UnwindSafe RefUnwindSafe;
    Subscription<Fixed>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Transition<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Transition<Cell<u8>>: Unpin;
    Transition<SyncOnly>: Unpin UnwindSafe RefUnwindSafe;
    Transition<Fixed>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    KeySubscription<u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    KeySubscription<u8, Cell<u8>>: Unpin;
    FilteredSubscription<u8, u8, KeysWhere<fn(&u8) -> bool>>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    FilteredSubscription<u8, u8, KeysWhere<Cell<u8>>>: Unpin;
    KeyTransition<u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    KeyTransition<u8, Cell<u8>>: Unpin;
    SubscriptionHandle: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Batch<'static, u8, u8>: Sync Unpin UnwindSafe RefUnwindSafe;
    Batch<'static, u8, Cell<u8>>: Unpin;
    Batch<'static, u8, SyncOnly>: Unpin UnwindSafe RefUnwindSafe;
    Batch<'static, u8, Fixed>: Sync UnwindSafe RefUnwindSafe;
    Batch<'static, u8, u8, Fixed>: Sync UnwindSafe RefUnwindSafe;
    map::Iter<'static, u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    map::Iter<'static, u8, Cell<u8>>: Unpin;
    map::Iter<'static, u8, Fixed>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    map::IntoIter<u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    map::IntoIter<u8, Cell<u8>>: Unpin;
    map::Keys<'static, u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    map::Values<'static, u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    map::Changes<'static, u8, u8, DefaultHashBuilder>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    map::Changes<'static, u8, Cell<u8>, DefaultHashBuilder>: Unpin;
    Change<'static, u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Change<'static, u8, Cell<u8>>: Unpin;
    Poller: Send Sync Unpin UnwindSafe RefUnwindSafe;
    PollerHandle: Send Sync Unpin UnwindSafe RefUnwindSafe;
    PollerBuilder<u8>: Send Sync Unpin;
    PollerBuilder<Cell<u8>>: Send Unpin;
    PollerBuilder<SyncOnly>: Sync Unpin;
    PollerBuilder<Fixed>: Send Sync;
    Fetched<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Fetched<Cell<u8>>: Send Unpin UnwindSafe;
    Status: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Activity: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Success: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Failure: Send Sync Unpin UnwindSafe RefUnwindSafe;
    FailureKind: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Refusal: Send Sync Unpin UnwindSafe RefUnwindSafe;
    RefreshError: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Delta<u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Delta<u8, Cell<u8>>: Send Unpin UnwindSafe;
    FetchedAfter<u8, u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    FetchedAfter<u8, Cell<u8>>: Send Unpin UnwindSafe;
    NoDeltas: Send Sync Unpin UnwindSafe RefUnwindSafe;
    ResumeToken: Send Sync Unpin UnwindSafe RefUnwindSafe;
    MapStats: Send Sync Unpin UnwindSafe RefUnwindSafe;
    BatchOutcome<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    BatchOutcome<Cell<u8>>: Send Unpin UnwindSafe;
    Refreshed: Send Sync Unpin UnwindSafe RefUnwindSafe;
    RevisionMismatch: Send Sync Unpin UnwindSafe RefUnwindSafe;
    WaitError: Send Sync Unpin UnwindSafe RefUnwindSafe;
    Revision: Send Sync Unpin UnwindSafe RefUnwindSafe;
    RecvError: Send Sync Unpin UnwindSafe RefUnwindSafe;
    RecvTimeoutError: Send Sync Unpin UnwindSafe RefUnwindSafe;
    TryRecvError: Send Sync Unpin UnwindSafe RefUnwindSafe;
    DefaultHashBuilder: Send Sync Unpin UnwindSafe RefUnwindSafe;
    DefaultHasher: Send Sync Unpin UnwindSafe RefUnwindSafe;
}

#[cfg(feature = "stream")]
table! {
    untorn::SubscriptionStream<u8>: Send Sync Unpin UnwindSafe RefUnwindSafe;
    untorn::SubscriptionStream<Cell<u8>>: Unpin;
    map::FilteredSubscriptionStream<u8, u8, map::OneKey<u8>>: Send Sync Unpin UnwindSafe RefUnwindSafe;
}

/// Names functions that the compiler has to accept.
macro_rules! covariant {
    ($($name:ident: $long:ty => $short:ty;)+) => {$(
        const _: () = {
            fn $name<'l, 's>(long: $long) -> $short
            where
                'l: 's,
            {
                long
            }
            _ = $name;
        };
    )+};
}

// What only gives out references to its contents may be used for shorter ones.
covariant! {
    view: &'s View<u8, &'l str> => &'s View<u8, &'s str>;
    pinned: Pinned<'s, &'l str> => Pinned<'s, &'s str>;
    pinned_view: Pinned<'s, View<u8, &'l str>> => Pinned<'s, View<u8, &'s str>>;
    pinned_shorter: Pinned<'l, u8> => Pinned<'s, u8>;
    mapped_pinned: MappedPinned<'s, &'l str> => MappedPinned<'s, &'s str>;
    mapped_shorter: MappedPinned<'l, str> => MappedPinned<'s, str>;
    snapshot: Snapshot<&'l str> => Snapshot<&'s str>;
    transition: Transition<&'l str> => Transition<&'s str>;
    iter: map::Iter<'s, u8, &'l str> => map::Iter<'s, u8, &'s str>;
    into_iter: map::IntoIter<&'l str, u8> => map::IntoIter<&'s str, u8>;
    keys: map::Keys<'s, &'l str, u8> => map::Keys<'s, &'s str, u8>;
    values: map::Values<'s, u8, &'l str> => map::Values<'s, u8, &'s str>;
    diff: map::Changes<'s, u8, &'l str, u8> => map::Changes<'s, u8, &'s str, u8>;
    change: Change<'s, u8, &'l str> => Change<'s, u8, &'s str>;
    batch_shorter: Batch<'l, u8, u8> => Batch<'s, u8, u8>;
    builder: PollerBuilder<&'l str> => PollerBuilder<&'s str>;
    fetched: Fetched<&'l str> => Fetched<&'s str>;
    delta: Delta<&'l str, u8> => Delta<&'s str, u8>;
    outcome: BatchOutcome<&'l str> => BatchOutcome<&'s str>;
}

/// A snapshot of a borrowed value may be dropped after that value, as an `Arc` may.
#[test]
#[allow(clippy::needless_late_init, reason = "the order of drops is tested")]
fn snapshot_may_be_dropped_after_what_it_borrows() {
    let snapshot: Snapshot<&str>;
    let text = String::from("265");
    let value = Published::new(text.as_str());
    snapshot = value.snapshot();
    assert_eq!(*snapshot, "265");
}

/// A pin that is not used any more may be dropped after its value.
#[test]
fn pin_may_be_dropped_after_its_value() {
    let pin: Pinned<'_, String>;
    let value = Published::new(String::from("265"));
    pin = value.pin();
    assert_eq!(*pin, "265");
}
