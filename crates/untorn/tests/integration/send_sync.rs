//! What may be sent to another thread and what may be shared: a table, checked by the compiler.
//!
//! The programs that must not compile for their lifetimes are in `untorn-lab`, below `tests/integration/compile_fail`.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};

use untorn::gomap::{
    Cursor, FlagSet, Float32, Float64, FoldHash, Iter, Lookup, MapCursor, Seeded, Step, Table,
    TableStats,
};
use untorn::map;
use untorn::{
    AccessKind, Batch, BatchOutcome, Change, GoMap, Map, MapStats, OnOverlap, Overlap, OverlapCell,
    OverlapKind, Pinned, Published, ReadGuard, Reader, RecvError, RecvTimeoutError, Refreshed,
    Revision, RevisionMismatch, Site, Snapshot, Subscription, SubscriptionHandle, Transition,
    TryRecvError, View, WaitError, WriteGuard,
};

/// Says yes or no at compile time: an inherent constant, which the bound selects, goes before the trait's.
macro_rules! asserted {
    ($type:ty: $trait:ident = $expected:literal) => {
        const _: () = {
            struct Asked<T: ?Sized>(PhantomData<T>);
            #[allow(dead_code, reason = "where the answer is yes, this one is not asked")]
            trait No {
                const ANSWER: bool = false;
            }
            impl<T: ?Sized> No for Asked<T> {}
            #[allow(dead_code, reason = "where the answer is no, this one is not asked")]
            impl<T: ?Sized + $trait> Asked<T> {
                const ANSWER: bool = true;
            }
            assert!(<Asked<$type>>::ANSWER == $expected);
        };
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

// Send and Sync, as a `RwLock` of the entries would have it: sent if they can be sent, shared if they can be both.
table! {
    GoMap<u8, u8>: true true;
    GoMap<String, Vec<String>>: true true;
    GoMap<&'static str, Arc<Mutex<u8>>>: true true;

    // Send, not Sync.
    GoMap<u8, Cell<u8>>: true false;
    GoMap<u8, RefCell<u8>>: true false;
    GoMap<Cell<u8>, u8>: true false;
    GoMap<u8, u8, Seeded<Cell<u8>>>: true false;

    // Sync, not Send. Whoever shares the map can take such a value out on another thread.
    GoMap<u8, SyncOnly>: false false;
    GoMap<SyncOnly, u8>: false false;
    GoMap<u8, u8, Seeded<SyncOnly>>: false false;

    // Neither.
    GoMap<u8, Rc<u8>>: false false;
    GoMap<Rc<u8>, u8>: false false;
    GoMap<u8, u8, Seeded<Rc<u8>>>: false false;
    GoMap<u8, *const u8>: false false;
}

// As a `RwLock`: read by many threads at once, and whoever shares it can take the value out on another thread.
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

// A guard stays on its thread, where its access is written down; a reference to one may go where the value's may.
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

// The entries of a table are under its borrow: as a `HashMap` of the entries.
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

/// A view of such values.
type Values<V> = View<u8, V>;
/// A view of what can be sent and shared.
type Pairs = View<String, Vec<String>>;
/// A view that hashes so.
type Hashes<S> = View<u8, u8, S>;

// Whoever shares a map or a published value can keep a snapshot of it on another thread: that takes both.
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

// A pin stays on its thread, whatever it shows; a reference to one may go where the value may.
table! {
    Pinned<'static, Pairs>: false true;
    Pinned<'static, Values<Cell<u8>>>: false false;
    Pinned<'static, Values<SyncOnly>>: false false;
    Pinned<'static, Values<Rc<u8>>>: false false;
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

// The entries of a batch are shared with the map that it is for, and its lock is released by the
// thread that took it.
table! {
    Batch<'static, String, Vec<String>>: false true;
    Batch<'static, u8, Cell<u8>>: false false;
    Batch<'static, u8, Rc<u8>>: false false;
    Batch<'static, u8, SyncOnly>: false false;
}

// What is told of a map or a write may be kept anywhere.
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
// A map is copied by `fork`, where it is seen; a batch, a pin and what follows or reads are used where they are.
asserted!(Map<u8, u8>: Clone = false);
asserted!(Published<u8>: Clone = false);
asserted!(View<u8, u8>: Clone = false);
asserted!(Batch<'static, u8, u8>: Clone = false);
asserted!(Pinned<'static, u8>: Clone = false);
asserted!(Reader<Rc<u8>>: Clone = true);
asserted!(Subscription<u8>: Clone = false);
asserted!(Subscription<Rc<u8>>: Unpin = true);

// A panic publishes nothing, so all of these may be seen after one.
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

// What is told of an overlap or a table may be kept anywhere.
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
// A map is not cloned by accident: that is an access, and a long one.
asserted!(GoMap<u8, u8>: Clone = false);

// A map survives a panic inside an access, so it may be seen after one.
asserted!(GoMap<u8, u8>: UnwindSafe = true);
asserted!(GoMap<u8, u8>: RefUnwindSafe = true);
asserted!(Arc<GoMap<String, String>>: UnwindSafe = true);
asserted!(GoMap<u8, RefCell<u8>>: RefUnwindSafe = false);
asserted!(Table<u8, u8>: UnwindSafe = true);
asserted!(Table<u8, u8>: RefUnwindSafe = true);

// A panic may leave the value half changed, as that of a `RefCell`, so a reference is not taken across one unawares.
asserted!(OverlapCell<u8>: UnwindSafe = true);
asserted!(OverlapCell<u8>: RefUnwindSafe = false);
// As that of a `RefCell`: a cell of its own, made in one read.
asserted!(OverlapCell<u8>: Clone = true);
// What is one access is not two.
asserted!(ReadGuard<'static, u8>: Clone = false);
asserted!(WriteGuard<'static, u8>: Clone = false);

/// The table above can say no: the macro is not a constant yes, nor a constant no.
#[test]
fn the_assertions_can_tell() {
    asserted!(Rc<u8>: Send = false);
    asserted!(Cell<u8>: Sync = false);
    asserted!(Cell<u8>: Send = true);
    asserted!(SyncOnly: Sync = true);
    asserted!(SyncOnly: Send = false);
}

#[test]
fn what_can_go_wrong_is_an_error() {
    fn is_error<T: std::error::Error + Send + Sync + 'static>() {}
    is_error::<Overlap>();
    is_error::<RevisionMismatch>();
    is_error::<WaitError>();
    is_error::<RecvError>();
    is_error::<RecvTimeoutError>();
    is_error::<TryRecvError>();
}
