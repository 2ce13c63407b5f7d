//! The policy on overlaps, and the settings from the environment.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::{self, Write};
use std::sync::OnceLock;

use super::fatal;
use super::report::Overlap;
use super::stretch::{InvalidStretch, Stretch};

/// The policy of an access that detects an overlap.
///
/// The other access, which began first, is not stopped. The access that detects the overlap does
/// not proceed under any policy, so two sides never touch the map or cell at once. The default is
/// [`Exit`](Self::Exit) for maps and [`Panic`](Self::Panic) for cells. An overlap that is detected
/// while a panic unwinds, by a `Drop` that uses the map again for example, ends the process, as a
/// panic during unwinding does.
///
/// With the feature `tracing`, each overlap that ends in a panic is also an event of level `ERROR`
/// with the target `untorn`, before the panic and before the function of `Call` runs. `Exit` emits
/// no event, since a subscriber may lock, allocate or write, which could delay the report.
///
/// # Examples
/// ```
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use untorn::{GoMap, OnOverlap, Overlap};
///
/// static OVERLAPS: AtomicUsize = AtomicUsize::new(0);
///
/// fn count(overlap: &Overlap) {
///     OVERLAPS.fetch_add(1, Ordering::Relaxed);
///     eprintln!("{}", overlap.message());
///     for side in [&overlap.here, &overlap.other] {
///         match side.location {
///             Some(location) => eprintln!("{} at {location}", side.operation),
///             None => eprintln!("{} at an unknown line", side.operation), // it had just ended
///         }
///     }
/// }
///
/// let map = GoMap::from([(1, 10)]).on_overlap(OnOverlap::Call(count));
/// // A write from inside a read of the same map overlaps with it.
/// let caught = std::panic::catch_unwind(|| map.get_with(&1, |_| map.clear()));
/// assert!(caught.is_err());
/// assert_eq!(OVERLAPS.load(Ordering::Relaxed), 1);
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum OnOverlap {
    /// Go's policy: writes the report to stderr and ends the process with exit status 2. No
    /// destructor, no `catch_unwind` and no `atexit` function runs. That takes a Unix; elsewhere,
    /// and under Miri, exit handlers run. On `wasm32-unknown-unknown`, which has neither stderr nor
    /// an exit status, the report is the message of a panic, which the panic hook gets, and the
    /// module traps.
    Exit,
    /// Panics with the report as the message, a `String`. The map or cell stays usable.
    ///
    /// A test can assert on the message, by `catch_unwind`, by the result of `join`, or by
    /// `#[should_panic(expected = "concurrent map read and map write")]`. For the [`Overlap`]
    /// itself take [`Call`](Self::Call), or [`try_write`](crate::OverlapCell::try_write) of a cell.
    Panic,
    /// Calls the function on the detecting thread, then panics with the report, since the access
    /// cannot proceed. The function is a plain `fn`, not a closure, so that a policy is `Copy` and
    /// can be set for the cell of a `static`. It keeps its state in statics, as in the example
    /// above.
    ///
    /// The function may use the map or cell, but the other access may still be in progress; an
    /// overlap that the function itself detects only panics.
    Call(fn(&Overlap)),
}

impl fmt::Debug for OnOverlap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exit => "Exit",
            Self::Panic => "Panic",
            Self::Call(_) => "Call(..)",
        })
    }
}

/// The settings from the environment, read once: a report must not wait for the environment's lock.
pub(super) struct Environment {
    pub(super) on_overlap: Option<OnOverlap>,
    pub(super) stretch: Stretch,
    pub(super) backtrace: bool,
}

static READ: OnceLock<Environment> = OnceLock::new();

impl Environment {
    /// Returns the settings if they were read already.
    #[inline]
    pub(super) fn known() -> Option<&'static Self> {
        READ.get()
    }

    /// Reads the settings at the first call, which also reports values that cannot be parsed.
    pub(super) fn get() -> &'static Self {
        Self::known().unwrap_or_else(Self::read_first)
    }

    /// Reads before the initialization, which must not begin inside itself: reading allocates, and
    /// a global allocator may use a cell.
    #[cold]
    fn read_first() -> &'static Self {
        let mut complaints = String::new();
        let read = Self::read(&mut complaints);
        let mut is_first = false;
        let environment = READ.get_or_init(|| {
            is_first = true;
            read
        });
        // After the initialization: a thread blocked in `get_or_init` may hold the stderr lock.
        if is_first && !complaints.is_empty() {
            fatal::write_stderr(&complaints);
        }
        environment
    }

    fn read(complaints: &mut String) -> Self {
        let mut complain = |name, value: &OsString, wrong: &dyn fmt::Display| {
            let _ = writeln!(complaints, "untorn: ignoring {name}={value:?}: {wrong}");
        };
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let on_overlap = set("UNTORN_ON_OVERLAP").and_then(|value| {
            let parsed = parse(&value);
            if parsed.is_none() {
                complain(
                    "UNTORN_ON_OVERLAP",
                    &value,
                    &"neither \"exit\" nor \"panic\"; set one of the two",
                );
            }
            parsed
        });
        let stretch = set("UNTORN_STRETCH").map_or(Stretch::OFF, |value| {
            let parsed = value.to_str().unwrap_or_default().parse();
            parsed.unwrap_or_else(|invalid: InvalidStretch| {
                complain("UNTORN_STRETCH", &value, &invalid);
                Stretch::OFF
            })
        });
        Self {
            on_overlap,
            stretch,
            backtrace: env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0"),
        }
    }
}

/// Parses a value of `UNTORN_ON_OVERLAP`.
fn parse(value: &OsStr) -> Option<OnOverlap> {
    match value.to_str()? {
        "exit" => Some(OnOverlap::Exit),
        "panic" => Some(OnOverlap::Panic),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{OnOverlap, parse};

    #[test]
    fn exit_and_panic_are_accepted() {
        assert!(matches!(parse("exit".as_ref()), Some(OnOverlap::Exit)));
        assert!(matches!(parse("panic".as_ref()), Some(OnOverlap::Panic)));
        assert!(parse("abort".as_ref()).is_none());
    }
}
