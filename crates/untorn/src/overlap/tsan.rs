//! Annotations for ThreadSanitizer: each access of a detector, and nothing of the gate's protocol.
//!
//! In a build with `--cfg untorn_tsan` a detector makes the calls that Go's map makes under
//! `raceenabled`: before it enters, each access is annotated as one byte read or written at one
//! address, whichever part of the map or cell it uses. ThreadSanitizer then reports two accesses,
//! one of them a write, as a race if the program does not order them, however far apart in time
//! they were. An access has a duration, and later accesses have to be ordered after its end: so the
//! end is annotated too, after the access has left.
//!
//! The gate's own synchronization would suppress these reports, since it orders each access after
//! the write before it. So the gate is *hidden*: ThreadSanitizer ignores its memory accesses and
//! the happens-before edges of its atomics. The atomics themselves are unchanged, so a program with
//! a race runs as it does without ThreadSanitizer. Each function of the gate hides itself, and
//! nothing stays hidden after a call: guards may be dropped in any order, or leaked, and
//! ThreadSanitizer observes all accesses of the program made while they are held.
//!
//! The memory of a `GoMap`'s table is not observed: all of it is the one location. User code that
//! runs inside is *shown* again: closures completely; `Clone`, `Eq` and `Debug` in a read with
//! their synchronization only, so that no correct program is reported. (`Hash` and `Eq` inside a
//! write stay hidden.) The value of an `OverlapCell` is the program's own memory and is observed as
//! usual.
//!
//! In every other build all of this is empty.

#![cfg_attr(
    untorn_tsan,
    allow(unsafe_code, reason = "the runtime of ThreadSanitizer is C")
)]

#[cfg(not(untorn_tsan))]
pub(crate) use self::off::*;
#[cfg(untorn_tsan)]
pub(crate) use self::on::*;

#[cfg(not(untorn_tsan))]
mod off {
    use std::ffi::CStr;
    use std::marker::PhantomData;

    use super::super::site::Name;

    /// The annotated location of one map or cell.
    pub(crate) struct Location;

    /// An annotated access.
    pub(crate) struct Annotation<'l>(PhantomData<&'l Location>);

    impl Location {
        #[inline(always)]
        pub(crate) const fn new() -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn read(&self, _kind: &CStr, _name: Option<&Name>) -> Annotation<'_> {
            Annotation(PhantomData)
        }

        #[inline(always)]
        pub(crate) fn write(&self, _kind: &CStr, _name: Option<&Name>) -> Annotation<'_> {
            Annotation(PhantomData)
        }
    }

    /// Restores the previous visibility when it is dropped.
    #[must_use = "the visibility is restored when this is dropped"]
    pub(crate) struct Restore;

    /// Makes ThreadSanitizer ignore this thread: its memory accesses and its synchronization.
    #[inline(always)]
    pub(crate) fn hide() -> Restore {
        Restore
    }

    /// Makes ThreadSanitizer observe the synchronization of this thread, but not its memory
    /// accesses.
    #[inline(always)]
    pub(crate) fn show_order() -> Restore {
        Restore
    }

    /// Makes ThreadSanitizer observe everything on this thread.
    #[inline(always)]
    pub(crate) fn show() -> Restore {
        Restore
    }

    /// Prepares the end of the process.
    #[inline(always)]
    pub(crate) fn end() {}

    /// Set if a signal handler may be deferred, possibly forever, while a report is being printed.
    pub(crate) const DEFERS_SIGNALS: bool = false;
}

#[cfg(untorn_tsan)]
mod on {
    use std::cell::Cell;
    use std::ffi::{CStr, CString, c_char, c_int, c_void};
    use std::marker::PhantomData;
    use std::ptr;
    use std::sync::{Mutex, PoisonError};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::super::site::Name;
    use crate::mutants::mutant;
    use crate::sync::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

    // SAFETY: as declared by compiler-rt in `tsan_external.cpp`, `tsan_interface.h` and
    // `tsan_interface_ann.cpp`; the safe ones dereference no pointer.
    unsafe extern "C" {
        /// Registers a name for objects in race reports; the process ends if there are too many.
        fn __tsan_external_register_tag(object_type: *const c_char) -> *const c_void;
        /// Annotates one byte as read, at the line of the call.
        fn __tsan_external_read(address: *const c_void, caller: *const c_void, tag: *const c_void);
        fn __tsan_external_write(address: *const c_void, caller: *const c_void, tag: *const c_void);
        // Counters per thread; more ends than begins would end the process.
        safe fn __tsan_ignore_thread_begin();
        safe fn __tsan_ignore_thread_end();
        safe fn AnnotateIgnoreSyncBegin(file: *const c_char, line: c_int);
        safe fn AnnotateIgnoreSyncEnd(file: *const c_char, line: c_int);
    }

    /// The maximum number of names that maps and cells register, of the 1024 possible in a process.
    const MAX_NAMES: usize = 500;

    /// The annotated location of one map or cell: an address and a name.
    pub(crate) struct Location {
        /// Eight bytes used for nothing else: ThreadSanitizer has few shadow cells for each eight
        /// bytes.
        place: u64,
        /// The tag from `__tsan_external_register_tag`; null until the first access, since a cell
        /// may be in a static.
        tag: AtomicPtr<c_void>,
    }

    /// An annotated access, whose end is annotated when this is dropped.
    pub(crate) struct Annotation<'l> {
        location: &'l Location,
        writes: bool,
    }

    impl Drop for Annotation<'_> {
        #[inline(always)]
        fn drop(&mut self) {
            // If the thread has performed no release since the beginning, ThreadSanitizer takes
            // this for the same access and keeps the line of the beginning.
            if !mutant("tsan_gets_no_end") {
                self.location.access(self.writes);
            }
        }
    }

    impl Location {
        pub(crate) const fn new() -> Self {
            Self {
                place: 0,
                tag: AtomicPtr::new(ptr::null_mut()),
            }
        }

        /// Annotates the beginning of a read of an object with this kind and name in reports.
        #[inline(always)]
        pub(crate) fn read(&self, kind: &CStr, name: Option<&Name>) -> Annotation<'_> {
            self.begin(false, kind, name)
        }

        #[inline(always)]
        pub(crate) fn write(&self, kind: &CStr, name: Option<&Name>) -> Annotation<'_> {
            self.begin(true, kind, name)
        }

        #[inline(always)]
        fn begin(&self, writes: bool, kind: &CStr, name: Option<&Name>) -> Annotation<'_> {
            // Relaxed, here and below: the annotation must not order threads.
            if self.tag.load(Ordering::Relaxed).is_null() {
                self.tag.store(tag(kind, name), Ordering::Relaxed);
            }
            if !mutant("tsan_knows_old_accesses_only") {
                // Release: with no Acquire. ThreadSanitizer merges accesses between two releases
                // into one; it has the line of the first only, and after some thousand calls not
                // even that.
                RELEASED.with(|released| released.store(true, Ordering::Release));
            }
            self.access(writes);
            Annotation {
                location: self,
                writes,
            }
        }

        #[inline(always)]
        fn access(&self, writes: bool) {
            if mutant("tsan_gets_no_annotation") {
                return;
            }
            // An access inside a hidden part of another access is annotated as well.
            let _shown = set_visibility(Visibility::All);
            let mut place = (&raw const self.place).cast();
            if mutant("tsan_takes_all_for_one") {
                place = ptr::from_ref(&IN_PROGRESS).cast();
            }
            let tag = self.tag.load(Ordering::Relaxed);
            IN_PROGRESS.fetch_add(1, Ordering::Relaxed);
            if writes {
                // SAFETY: the address is that of a live value, whose bytes are not accessed; the
                // tag is registered.
                unsafe { __tsan_external_write(place, ptr::null(), tag) }
            } else {
                // SAFETY: as above.
                unsafe { __tsan_external_read(place, ptr::null(), tag) }
            }
            IN_PROGRESS.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The number of annotation calls in progress: each may be printing a report.
    static IN_PROGRESS: AtomicU64 = AtomicU64::new(0);

    /// The maximum time of a report: the first one waits for the symbolizer to read the program.
    const REPORT_TIMEOUT: Duration = Duration::from_secs(10);

    /// Waits for the reports that other threads are printing, and shows this thread:
    /// ThreadSanitizer complains about a thread that ends while it is ignored.
    pub(crate) fn end() {
        replace_visibility(Visibility::All);
        let start = Instant::now();
        while IN_PROGRESS.load(Ordering::Relaxed) > 0 && start.elapsed() < REPORT_TIMEOUT {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Set: ThreadSanitizer holds locks that every thread may need while it prints.
    pub(crate) const DEFERS_SIGNALS: bool = true;

    /// Returns the tag for objects of this kind and name; objects with equal names share one.
    #[cold]
    fn tag(kind: &CStr, name: Option<&Name>) -> *mut c_void {
        // The tags are stored as addresses, since pointers are not `Send`.
        static TAGS: Mutex<Vec<(CString, usize)>> = Mutex::new(Vec::new());
        // The lock must not order two threads.
        let _hidden = hide();
        let mut tags = TAGS.lock().unwrap_or_else(PoisonError::into_inner);
        let named = name.filter(|_| tags.len() < MAX_NAMES).map(|name| {
            // Formatted as a literal, so without nul bytes.
            CString::new(format!("{} {:?}", kind.to_string_lossy(), &**name))
        });
        let text = named.and_then(Result::ok).unwrap_or_else(|| kind.into());
        if let Some((_, tag)) = tags.iter().find(|(known, _)| *known == text) {
            return ptr::without_provenance_mut(*tag);
        }
        // SAFETY: a nul-terminated text, which the call copies.
        let tag = unsafe { __tsan_external_register_tag(text.as_ptr()) };
        tags.push((text, tag.addr()));
        tag.cast_mut()
    }

    /// The part of this thread that ThreadSanitizer observes.
    #[derive(Clone, Copy, PartialEq)]
    enum Visibility {
        All,
        /// Synchronization, but no memory accesses.
        SyncOnly,
        Nothing,
    }

    thread_local! {
        static VISIBILITY: Cell<Visibility> = const { Cell::new(Visibility::All) };
        static RELEASED: AtomicBool = const { AtomicBool::new(false) };
    }

    /// Restores the previous visibility when it is dropped.
    #[must_use = "the visibility is restored when this is dropped"]
    pub(crate) struct Restore {
        visibility: Visibility,
        _not_send: PhantomData<*const ()>,
    }

    impl Drop for Restore {
        #[inline(always)]
        fn drop(&mut self) {
            if self.visibility != Visibility::All || !mutant("tsan_is_not_shown_again") {
                replace_visibility(self.visibility);
            }
        }
    }

    #[inline(always)]
    fn set_visibility(visibility: Visibility) -> Restore {
        Restore {
            visibility: replace_visibility(visibility),
            _not_send: PhantomData,
        }
    }

    pub(crate) fn hide() -> Restore {
        set_visibility(if mutant("tsan_sees_the_gate") {
            Visibility::SyncOnly
        } else {
            Visibility::Nothing
        })
    }

    pub(crate) fn show_order() -> Restore {
        set_visibility(if mutant("tsan_sees_no_clone") {
            Visibility::Nothing
        } else {
            Visibility::SyncOnly
        })
    }

    pub(crate) fn show() -> Restore {
        set_visibility(if mutant("tsan_sees_no_closures") {
            VISIBILITY.get()
        } else {
            Visibility::All
        })
    }

    fn replace_visibility(visibility: Visibility) -> Visibility {
        let before = VISIBILITY.replace(visibility);
        match (
            before == Visibility::Nothing,
            visibility == Visibility::Nothing,
        ) {
            (false, true) => AnnotateIgnoreSyncBegin(ptr::null(), 0),
            (true, false) => AnnotateIgnoreSyncEnd(ptr::null(), 0),
            _ => {}
        }
        match (before == Visibility::All, visibility == Visibility::All) {
            (true, false) => __tsan_ignore_thread_begin(),
            (false, true) => __tsan_ignore_thread_end(),
            _ => {}
        }
        before
    }
}
