//! What ThreadSanitizer is told: which accesses there are, and nothing of how they are watched.
//!
//! In a build with `--cfg untorn_tsan` a map makes the calls that Go's makes under `raceenabled`: each access is one
//! byte read or written at one address, whatever the key, before anything else is looked at. Two accesses that nothing
//! orders, one of them a write, are then a race in ThreadSanitizer's eyes, however far apart they were in time.
//!
//! The gate would keep it from seeing that, since each access is ordered after the write before it. So what the gate does
//! is *hidden*: its atomics make no order that ThreadSanitizer knows of. On the machine they are what they always are, so a
//! program with a race goes on as well as without ThreadSanitizer. Nor does it look at the table's memory: all of that is
//! the one location. What is foreign is *shown* again: closures with all that they do; `Clone`, `Eq` and `Debug` in a read
//! with what they order, so that nothing correct is taken for a race. (`Hash` and `Eq` inside a write stay hidden, too.)
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

    /// What ThreadSanitizer takes for the thing behind a gate.
    pub(crate) struct Location;

    impl Location {
        #[inline(always)]
        pub(crate) const fn new(_kind: &'static CStr) -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn set_name(&mut self, _name: &str) {}

        #[inline(always)]
        pub(crate) fn copy_name(&mut self, _other: &Self) {}

        #[inline(always)]
        pub(crate) fn read(&self) {}

        #[inline(always)]
        pub(crate) fn write(&self) {}
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

    use crate::planted::planted;
    use crate::sync::{AtomicBool, AtomicU64, Ordering};

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

    /// Of the 1024 names that there can be in a process, those that maps may use up.
    const NAMES_AT_MOST: usize = 500;

    /// What ThreadSanitizer takes for the thing behind a gate: an address, and a name.
    pub(crate) struct Location {
        /// Eight bytes that nothing else is in: it remembers few accesses to so many.
        place: u64,
        kind: &'static CStr,
        /// What `__tsan_external_register_tag` returned: a number.
        tag: usize,
    }

    impl Location {
        pub(crate) fn new(kind: &'static CStr) -> Self {
            let tag = tag(kind).unwrap_or(0);
            Self {
                place: 0,
                kind,
                tag,
            }
        }

        /// Gives it a name that the reports of ThreadSanitizer show, unless too many have one.
        pub(crate) fn set_name(&mut self, name: &str) {
            let kind = self.kind.to_string_lossy();
            // As a literal, so without nul bytes.
            let named = CString::new(format!("{kind} {name:?}"));
            if let Some(tag) = named.ok().and_then(|named| tag(&named)) {
                self.tag = tag;
            }
        }

        /// Takes over the name of another one.
        pub(crate) fn copy_name(&mut self, other: &Self) {
            self.tag = other.tag;
        }

        #[inline(always)]
        pub(crate) fn read(&self) {
            self.access(|address, tag| {
                // SAFETY: the address is that of a live value, whose bytes are not touched; the tag is a registered one.
                unsafe { __tsan_external_read(address, ptr::null(), tag) }
            });
        }

        #[inline(always)]
        pub(crate) fn write(&self) {
            self.access(|address, tag| {
                // SAFETY: as in `read`.
                unsafe { __tsan_external_write(address, ptr::null(), tag) }
            });
        }

        #[inline(always)]
        fn access(&self, tell: impl FnOnce(*const c_void, *const c_void)) {
            if planted("tsan_is_told_nothing") {
                return;
            }
            // An access from inside a hidden part of another one counts as well.
            let _shown = see(Sight::Everything);
            if !planted("tsan_knows_old_accesses_only") {
                // Release: with nothing. Accesses between two releases are one to ThreadSanitizer; it knows the line of
                // the first, and after some thousand calls not even that.
                RELEASED.with(|released| released.store(true, Ordering::Release));
            }
            // Relaxed, here and below: no order may come of this.
            UNDER_WAY.fetch_add(1, Ordering::Relaxed);
            tell(
                (&raw const self.place).cast(),
                ptr::without_provenance(self.tag),
            );
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

    /// The tag for a text: things of the same name share one.
    fn tag(text: &CStr) -> Option<usize> {
        static TAGS: Mutex<Vec<(CString, usize)>> = Mutex::new(Vec::new());
        // Two threads that make maps are not thereby ordered.
        let _hidden = hide();
        let mut tags = TAGS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, tag)) = tags.iter().find(|(known, _)| known.as_c_str() == text) {
            return Some(*tag);
        }
        if tags.len() == NAMES_AT_MOST {
            return None;
        }
        // SAFETY: a text that ends with a nul byte, of which a copy is made.
        let tag = unsafe { __tsan_external_register_tag(text.as_ptr()) }.addr();
        tags.push((text.to_owned(), tag));
        Some(tag)
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
            change(self.sight);
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
        see(if planted("tsan_sees_the_gate") {
            Sight::Order
        } else {
            Sight::Nothing
        })
    }

    pub(crate) fn show_order() -> Before {
        see(if planted("tsan_sees_no_clone") {
            SIGHT.get()
        } else {
            Sight::Order
        })
    }

    pub(crate) fn show() -> Before {
        see(if planted("tsan_sees_no_closures") {
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
