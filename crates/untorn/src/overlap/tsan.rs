//! What ThreadSanitizer is told: which accesses there are, and nothing of how they are watched.
//!
//! In a build with `--cfg untorn_tsan` an entrance makes the calls that Go's map makes under `raceenabled`: each access is
//! one byte read or written at one address, whatever is looked at, before it enters. Two accesses that nothing orders, one of
//! them a write, are then a race in ThreadSanitizer's eyes, however far apart they were in time. An access lasts: what comes
//! after has to be ordered after its end, so that is told, too, when it has left.
//!
//! The gate would keep it from seeing that, since each access is ordered after the write before it. So what the gate does
//! is *hidden*: its atomics make no order that ThreadSanitizer knows of. On the machine they are what they always are, so a
//! program with a race goes on as well as without ThreadSanitizer. Each part of the gate hides itself, and nothing stays
//! hidden when a call is over: guards may be dropped in any order, or never, and what is done under them is seen.
//!
//! The memory of a `GoMap`'s table is not looked at: all of that is the one location. What is foreign in there is *shown*
//! again: closures with all that they do; `Clone`, `Eq` and `Debug` in a read with what they order, so that nothing correct
//! is taken for a race. (`Hash` and `Eq` inside a write stay hidden, too.) The value of an `OverlapCell` is the program's own
//! memory, which is looked at as ever.
//!
//! In every other build all of this is empty.

#![cfg_attr(
    untorn_tsan,
    allow(
        unsafe_code,
        reason = "named for it: the runtime of ThreadSanitizer is C"
    )
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

    /// What ThreadSanitizer takes for the thing behind a gate.
    pub(crate) struct Location;

    /// An access that ThreadSanitizer was told of.
    pub(crate) struct Told<'l>(PhantomData<&'l Location>);

    impl Location {
        #[inline(always)]
        pub(crate) const fn new() -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn read(&self, _kind: &CStr, _name: Option<&Name>) -> Told<'_> {
            Told(PhantomData)
        }

        #[inline(always)]
        pub(crate) fn write(&self, _kind: &CStr, _name: Option<&Name>) -> Told<'_> {
            Told(PhantomData)
        }
    }

    /// What it was that ThreadSanitizer saw before.
    #[must_use = "it is restored when this is dropped"]
    pub(crate) struct Before;

    /// From here on ThreadSanitizer sees nothing of this thread: no memory, and no order.
    #[inline(always)]
    pub(crate) fn hide() -> Before {
        Before
    }

    /// From here on it sees what orders this thread and others, but no memory.
    #[inline(always)]
    pub(crate) fn show_order() -> Before {
        Before
    }

    /// From here on it sees everything.
    #[inline(always)]
    pub(crate) fn show() -> Before {
        Before
    }

    /// The process is about to end.
    #[inline(always)]
    pub(crate) fn end() {}

    /// Whether a handler of a signal may have to wait for a report that is being printed, perhaps for ever.
    pub(crate) const KEEPS_SIGNALS_BACK: bool = false;
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

    // SAFETY: as compiler-rt declares them, in `tsan_external.cpp`, `tsan_interface.h` and `tsan_interface_ann.cpp`; those that
    // are safe take no pointer that they follow.
    unsafe extern "C" {
        /// A name for things that are raced on; the process ends if there are too many.
        fn __tsan_external_register_tag(object_type: *const c_char) -> *const c_void;
        /// One byte read, from the line of the call.
        fn __tsan_external_read(address: *const c_void, caller: *const c_void, tag: *const c_void);
        fn __tsan_external_write(address: *const c_void, caller: *const c_void, tag: *const c_void);
        // These count, for this thread; more ends than begins would end the process.
        safe fn __tsan_ignore_thread_begin();
        safe fn __tsan_ignore_thread_end();
        safe fn AnnotateIgnoreSyncBegin(file: *const c_char, line: c_int);
        safe fn AnnotateIgnoreSyncEnd(file: *const c_char, line: c_int);
    }

    /// Of the 1024 names that there can be in a process, those that maps and cells may use up.
    const NAMES_AT_MOST: usize = 500;

    /// What ThreadSanitizer takes for the thing behind a gate: an address, and a name.
    pub(crate) struct Location {
        /// Eight bytes that nothing else is in: it remembers few accesses to so many.
        place: u64,
        /// What `__tsan_external_register_tag` returned; null until the first access, since a cell may be in a static.
        tag: AtomicPtr<c_void>,
    }

    /// An access that ThreadSanitizer was told of: that it lasted until here is told when this is dropped.
    pub(crate) struct Told<'l> {
        location: &'l Location,
        writes: bool,
    }

    impl Drop for Told<'_> {
        #[inline(always)]
        fn drop(&mut self) {
            // If the thread has released nothing since the beginning, to ThreadSanitizer this is the same access, and the
            // line that it knows stays that of the beginning.
            if !mutant("tsan_is_not_told_of_the_end") {
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

        /// A read begins, of a thing that reports call by its kind and name.
        #[inline(always)]
        pub(crate) fn read(&self, kind: &CStr, name: Option<&Name>) -> Told<'_> {
            self.begin(false, kind, name)
        }

        #[inline(always)]
        pub(crate) fn write(&self, kind: &CStr, name: Option<&Name>) -> Told<'_> {
            self.begin(true, kind, name)
        }

        #[inline(always)]
        fn begin(&self, writes: bool, kind: &CStr, name: Option<&Name>) -> Told<'_> {
            // Relaxed, here and below: no order may come of this.
            if self.tag.load(Ordering::Relaxed).is_null() {
                self.tag.store(tag(kind, name), Ordering::Relaxed);
            }
            if !mutant("tsan_knows_old_accesses_only") {
                // Release: with nothing. Accesses between two releases are one to ThreadSanitizer; it knows the line of
                // the first, and after some thousand calls not even that.
                RELEASED.with(|released| released.store(true, Ordering::Release));
            }
            self.access(writes);
            Told {
                location: self,
                writes,
            }
        }

        #[inline(always)]
        fn access(&self, writes: bool) {
            if mutant("tsan_is_told_nothing") {
                return;
            }
            // An access from inside a hidden part of another one counts as well.
            let _shown = see(Sight::Everything);
            let mut place = (&raw const self.place).cast();
            if mutant("tsan_takes_all_for_one") {
                place = ptr::from_ref(&UNDER_WAY).cast();
            }
            let tag = self.tag.load(Ordering::Relaxed);
            UNDER_WAY.fetch_add(1, Ordering::Relaxed);
            if writes {
                // SAFETY: the address is that of a live value, whose bytes are not touched; the tag is a registered one.
                unsafe { __tsan_external_write(place, ptr::null(), tag) }
            } else {
                // SAFETY: as above.
                unsafe { __tsan_external_read(place, ptr::null(), tag) }
            }
            UNDER_WAY.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Accesses that are being told of: each may be printing a report just now.
    static UNDER_WAY: AtomicU64 = AtomicU64::new(0);

    /// How long a report may take: the first one waits for the symbolizer to read the program.
    const REPORT_AT_MOST: Duration = Duration::from_secs(10);

    /// Waits for the reports that other threads are printing, and shows this one, which otherwise would not be let go
    /// without a complaint.
    pub(crate) fn end() {
        change(Sight::Everything);
        let start = Instant::now();
        while UNDER_WAY.load(Ordering::Relaxed) > 0 && start.elapsed() < REPORT_AT_MOST {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// It has locks that every thread needs now and then, and keeps them while it prints.
    pub(crate) const KEEPS_SIGNALS_BACK: bool = true;

    /// The tag for things of this kind and name: things of the same name share one.
    #[cold]
    fn tag(kind: &CStr, name: Option<&Name>) -> *mut c_void {
        // As numbers, which is what they are.
        static TAGS: Mutex<Vec<(CString, usize)>> = Mutex::new(Vec::new());
        // Two threads that meet here are not thereby ordered.
        let _hidden = hide();
        let mut tags = TAGS.lock().unwrap_or_else(PoisonError::into_inner);
        let named = name.filter(|_| tags.len() < NAMES_AT_MOST).map(|name| {
            // As a literal, so without nul bytes.
            CString::new(format!("{} {:?}", kind.to_string_lossy(), &**name))
        });
        let text = named.and_then(Result::ok).unwrap_or_else(|| kind.into());
        if let Some((_, tag)) = tags.iter().find(|(known, _)| *known == text) {
            return ptr::without_provenance_mut(*tag);
        }
        // SAFETY: a text that ends with a nul byte, of which a copy is made.
        let tag = unsafe { __tsan_external_register_tag(text.as_ptr()) };
        tags.push((text, tag.addr()));
        tag.cast_mut()
    }

    /// What ThreadSanitizer sees of this thread.
    #[derive(Clone, Copy, PartialEq)]
    enum Sight {
        Everything,
        /// What orders it and others.
        Order,
        Nothing,
    }

    thread_local! {
        static SIGHT: Cell<Sight> = const { Cell::new(Sight::Everything) };
        static RELEASED: AtomicBool = const { AtomicBool::new(false) };
    }

    /// What it was that ThreadSanitizer saw before.
    #[must_use = "it is restored when this is dropped"]
    pub(crate) struct Before {
        sight: Sight,
        _not_send: PhantomData<*const ()>,
    }

    impl Drop for Before {
        #[inline(always)]
        fn drop(&mut self) {
            if self.sight != Sight::Everything || !mutant("tsan_is_not_shown_again") {
                change(self.sight);
            }
        }
    }

    #[inline(always)]
    fn see(sight: Sight) -> Before {
        Before {
            sight: change(sight),
            _not_send: PhantomData,
        }
    }

    pub(crate) fn hide() -> Before {
        see(if mutant("tsan_sees_the_gate") {
            Sight::Order
        } else {
            Sight::Nothing
        })
    }

    pub(crate) fn show_order() -> Before {
        see(if mutant("tsan_sees_no_clone") {
            Sight::Nothing
        } else {
            Sight::Order
        })
    }

    pub(crate) fn show() -> Before {
        see(if mutant("tsan_sees_no_closures") {
            SIGHT.get()
        } else {
            Sight::Everything
        })
    }

    fn change(sight: Sight) -> Sight {
        let before = SIGHT.replace(sight);
        match (before == Sight::Nothing, sight == Sight::Nothing) {
            (false, true) => AnnotateIgnoreSyncBegin(ptr::null(), 0),
            (true, false) => AnnotateIgnoreSyncEnd(ptr::null(), 0),
            _ => {}
        }
        match (before == Sight::Everything, sight == Sight::Everything) {
            (true, false) => __tsan_ignore_thread_begin(),
            (false, true) => __tsan_ignore_thread_end(),
            _ => {}
        }
        before
    }
}
