//! A table of the types that can be sent to another thread or shared, checked by the compiler.
//!
//! Programs that must not compile because of lifetimes are in `untorn-lab`, below
//! `tests/integration/compile_fail`.

use std::cell::{Cell, RefCell};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};

use untorn::gomap::{
    Cursor, FlagSet, Float32, Float64, FoldHash, Iter, Lookup, MapCursor, Seeded, Step, Table,
    TableStats,
};
use untorn::map;
use untorn::{
    AccessKind, Batch, BatchOutcome, Change, GoMap, Map, MapStats, MappedPinned, MappedSnapshot,
    OnOverlap, Overlap, OverlapCell, OverlapKind, Pinned, Published, ReadGuard, Reader, RecvError,
    RecvTimeoutError, Refreshed, Revision, RevisionMismatch, Site, Snapshot, Subscription,
    SubscriptionHandle, Transition, TryRecvError, View, WaitError, WriteGuard,
};

use crate::implements::implements;

/// Asserts at compile time whether a type implements a trait.
macro_rules! asserted {
    ($type:ty: $trait:ident = $expected:literal) => {
const _: () = assert!(implements!($type: $trait) == $expected);
    };
}

macro_rules! table {
    ($($type:ty: $send:literal $sync:literal;)+) => {$(
        asserted!($type: Send = $send);
        asserted!($type: Sync = $sync);
    )+};
}

/// `Sync` but not `Send`, which few types are.
type SyncOnly = MutexGuard<'static, u8>;

// Send and Sync as for a `RwLock` of the entries: `Send` if the entries are `Send`, `Sync` if they
// are both.
table! {
    GoMap<u8, u8>: true true;
    GoMap<String, Vec<String>>: true true;
    GoMap<&'static str, Arc<Mutex<u8>>>: true true;

    // Send, not Sync.
    GoMap<u8, Cell<u8>>: true false;
    GoMap<u8, RefCell<u8>>: true false;
    GoMap<Cell<u8>, u8>: true false;
    GoMap<u8, u8, Seeded<Cell<u8>>>: true false;

    // Sync, not Send. A thread that shares the map can remove such a value on another thread.
    GoMap<u8, SyncOnly>: false false;
    GoMap<SyncOnly, u8>: false false;
    GoMap<u8, u8, Seeded<SyncOnly>>: false false;

    // Neither.
    GoMap<u8, Rc<u8>>: false false;
    GoMap<Rc<u8>, u8>: false false;
    GoMap<u8, u8, Seeded<Rc<u8>>>: false false;
    GoMap<u8, *const u8>: false false;
}

// As for a `RwLock`: many threads may read, and a thread that shares the cell can take the value
// out.
table! {
    OverlapCell<u8>: true true;
    OverlapCell<String>: true true;
    OverlapCell<[String]>: true true;
    OverlapCell<dyn Fn() + Send + Sync>: true true;
    OverlapCell<Arc<Mutex<u8>>>: true true;

    OverlapCell<Cell<u8>>: true false;
    OverlapCell<RefCell<u8>>: true false;
    OverlapCell<dyn Fn() + Send>: true false;

    OverlapCell<SyncOnly>: false false;
    OverlapCell<Rc<u8>>: false false;
    OverlapCell<*const u8>: false false;
    OverlapCell<dyn Fn()>: false false;
}

// A guard stays on its thread, which owns the record of the access; a reference to it is sent as
// one to the value.
table! {
    ReadGuard<'static, String>: false true;
    ReadGuard<'static, [u8]>: false true;
    ReadGuard<'static, SyncOnly>: false true;
    ReadGuard<'static, Cell<u8>>: false false;
    ReadGuard<'static, Rc<u8>>: false false;
    WriteGuard<'static, String>: false true;
    WriteGuard<'static, [u8]>: false true;
    WriteGuard<'static, SyncOnly>: false true;
    WriteGuard<'static, Cell<u8>>: false false;
    WriteGuard<'static, Rc<u8>>: false false;
}

// The entries of a table are under its borrow, as in a `HashMap`.
table! {
    Table<u8, u8>: true true;
    Table<String, Vec<String>>: true true;
    Table<u8, Cell<u8>>: true false;
    Table<Cell<u8>, u8>: true false;
    Table<u8, u8, Seeded<Cell<u8>>>: true false;
    Table<u8, SyncOnly>: false true;
    Table<SyncOnly, u8>: false true;
    Table<u8, Rc<u8>>: false false;
    Table<Rc<u8>, u8>: false false;
    Table<u8, u8, Seeded<Rc<u8>>>: false false;

    Iter<'static, u8, Cell<u8>>: false false;
    Iter<'static, u8, Rc<u8>>: false false;

    // A cursor holds no entry and borrows no table.
    Cursor: true true;
    MapCursor<'static, u8, u8>: true true;
    MapCursor<'static, u8, Cell<u8>>: false false;
    MapCursor<'static, u8, Rc<u8>>: false false;
    Float64: true true;
    Float32: true true;
}

/// A view with these values.
type Values<V> = View<u8, V>;
/// A view whose entries can be sent and shared.
type Pairs = View<String, Vec<String>>;
/// A view with this hasher.
type Hashes<S> = View<u8, u8, S>;

// A thread that shares a map or a published value can keep a snapshot on another thread, so both
// bounds are needed.
table! {
    Map<u8, u8>: true true;
    Map<String, Vec<String>>: true true;
    Map<&'static str, Arc<Mutex<u8>>>: true true;
    Map<u8, Cell<u8>>: false false;
    Map<Cell<u8>, u8>: false false;
    Map<u8, SyncOnly>: false false;
    Map<SyncOnly, u8>: false false;
    Map<u8, Rc<u8>>: false false;
    Map<Rc<u8>, u8>: false false;
    Map<u8, *const u8>: false false;
    Map<u8, u8, Cell<u8>>: false false;
    Map<u8, u8, SyncOnly>: false false;

    Published<String>: true true;
    Published<Cell<u8>>: false false;
    Published<SyncOnly>: false false;
    Published<Rc<u8>>: false false;

    Snapshot<Pairs>: true true;
    Snapshot<Values<Cell<u8>>>: false false;
    Snapshot<Values<SyncOnly>>: false false;
    Snapshot<Hashes<Rc<u8>>>: false false;

    // The whole value is `Send` and `Sync` where one is made; the part is shared only.
    MappedSnapshot<[String]>: true true;
    MappedSnapshot<dyn Fn() + Sync>: true true;
    MappedSnapshot<dyn Fn() + Send>: false false;
    MappedSnapshot<Rc<u8>>: false false;

    Reader<Pairs>: true true;
    Reader<Values<Cell<u8>>>: false false;
    Reader<Values<SyncOnly>>: false false;

    Subscription<Pairs>: true true;
    Subscription<Values<Cell<u8>>>: false false;
    Subscription<Values<SyncOnly>>: false false;

    Transition<Pairs>: true true;
    Transition<Values<Cell<u8>>>: false false;
    Transition<Values<SyncOnly>>: false false;

    SubscriptionHandle: true true;
}

// A pin stays on its thread; a reference to it is sent as one to the value.
table! {
    Pinned<'static, Pairs>: false true;
    Pinned<'static, Values<Cell<u8>>>: false false;
    Pinned<'static, Values<SyncOnly>>: false false;
    Pinned<'static, Values<Rc<u8>>>: false false;
    MappedPinned<'static, [String]>: false true;
    MappedPinned<'static, dyn Fn() + Sync>: false true;
    MappedPinned<'static, dyn Fn() + Send>: false false;
    MappedPinned<'static, Rc<u8>>: false false;
}

// As references to the entries.
table! {
    map::Iter<'static, String, Vec<String>>: true true;
    map::Iter<'static, u8, Cell<u8>>: false false;
    map::Iter<'static, u8, Rc<u8>>: false false;
    Change<'static, String, Vec<String>>: true true;
    Change<'static, u8, Cell<u8>>: false false;
    Change<'static, u8, SyncOnly>: true true;
}

// A batch shares its entries with its map, and the thread that acquired the lock releases it.
table! {
    Batch<'static, String, Vec<String>>: false true;
    Batch<'static, u8, Cell<u8>>: false false;
    Batch<'static, u8, Rc<u8>>: false false;
    Batch<'static, u8, SyncOnly>: false false;
}

// Statistics and results can be stored anywhere.
table! {
    MapStats: true true;
    BatchOutcome<u8>: true true;
    BatchOutcome<Rc<u8>>: false false;
    Refreshed: true true;
    RevisionMismatch: true true;
    WaitError: true true;
    Revision: true true;
    RecvError: true true;
    RecvTimeoutError: true true;
    TryRecvError: true true;
}

#[cfg(feature = "stream")]
table! {
    untorn::SubscriptionStream<Pairs>: true true;
    untorn::SubscriptionStream<Values<Cell<u8>>>: false false;
    untorn::SubscriptionStream<Values<SyncOnly>>: false false;
}

#[cfg(feature = "rayon")]
table! {
    map::ParIter<'static, String, Vec<String>, u8>: true true;
    map::ParIter<'static, u8, Rc<u8>, u8>: false false;
}

asserted!(MapStats: Copy = false);
asserted!(Revision: Copy = true);
asserted!(Snapshot<Pairs>: Clone = true);
asserted!(Transition<Rc<u8>>: Clone = true);
asserted!(SubscriptionHandle: Clone = true);
asserted!(map::Iter<'static, u8, Rc<u8>>: Clone = true);
// `fork` copies a map explicitly; batches, pins and subscriptions are not cloned.
asserted!(Map<u8, u8>: Clone = false);
asserted!(Published<u8>: Clone = false);
asserted!(View<u8, u8>: Clone = false);
asserted!(Batch<'static, u8, u8>: Clone = false);
asserted!(Pinned<'static, u8>: Clone = false);
asserted!(Reader<Rc<u8>>: Clone = true);
asserted!(Subscription<u8>: Clone = false);
asserted!(Subscription<Rc<u8>>: Unpin = true);

// A panic publishes nothing, so all of these may be observed after one.
asserted!(Map<u8, u8>: UnwindSafe = true);
asserted!(Map<u8, u8>: RefUnwindSafe = true);
asserted!(Arc<Map<String, Vec<String>>>: UnwindSafe = true);
asserted!(Published<String>: RefUnwindSafe = true);
asserted!(Snapshot<Pairs>: UnwindSafe = true);
asserted!(Reader<Pairs>: UnwindSafe = true);
asserted!(Subscription<Pairs>: UnwindSafe = true);
asserted!(Subscription<Pairs>: RefUnwindSafe = true);
asserted!(SubscriptionHandle: UnwindSafe = true);
asserted!(Map<u8, RefCell<u8>>: RefUnwindSafe = false);

// Reports and statistics can be stored anywhere.
table! {
    Overlap: true true;
    OverlapKind: true true;
    Site: true true;
    AccessKind: true true;
    OnOverlap: true true;
    TableStats: true true;
    FlagSet: true true;
    Lookup: true true;
    Step: true true;
    FoldHash: true true;
}

asserted!(Overlap: Copy = false);
asserted!(Site: Copy = false);
asserted!(OnOverlap: Copy = true);
// A clone of a map is a long access, so it is explicit.
asserted!(GoMap<u8, u8>: Clone = false);

// A map stays valid after a panic inside an access, so it may be observed after one.
asserted!(GoMap<u8, u8>: UnwindSafe = true);
asserted!(GoMap<u8, u8>: RefUnwindSafe = true);
asserted!(Arc<GoMap<String, String>>: UnwindSafe = true);
asserted!(GoMap<u8, RefCell<u8>>: RefUnwindSafe = false);
asserted!(Table<u8, u8>: UnwindSafe = true);
asserted!(Table<u8, u8>: RefUnwindSafe = true);

// A panic may leave the value half changed, as in a `RefCell`, so a reference is not `UnwindSafe`.
asserted!(OverlapCell<u8>: UnwindSafe = true);
asserted!(OverlapCell<u8>: RefUnwindSafe = false);
// As for a `RefCell`: a separate cell, made in one read.
asserted!(OverlapCell<u8>: Clone = true);
// A guard is one access and is not cloned implicitly.
asserted!(ReadGuard<'static, u8>: Clone = false);
asserted!(WriteGuard<'static, u8>: Clone = false);

/// The assertions can fail: the macro is neither constantly true nor constantly false.
#[test]
fn assertions_accept_both_answers() {
    asserted!(Rc<u8>: Send = false);
    asserted!(Cell<u8>: Sync = false);
    asserted!(Cell<u8>: Send = true);
    asserted!(SyncOnly: Sync = true);
    asserted!(SyncOnly: Send = false);
}

#[test]
fn error_types_implement_error() {
    fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    is_error::<Overlap>();
    is_error::<RevisionMismatch>();
    is_error::<WaitError>();
    is_error::<RecvError>();
    is_error::<RecvTimeoutError>();
    is_error::<TryRecvError>();
}
