//! A lock or a `sync.Map` that was copied, so that each copy protects itself only.

use super::Cause;
use super::stacks::{Stacks, call_at};
use crate::candidates::Certainty;
use crate::frame::Frame;

pub(super) fn sync_map(stacks: &Stacks<'_>) -> Option<Cause> {
    let mut between = stacks.between();
    let frame = between.rfind(|frame| frame.function.starts_with("sync.(*Map)."))?;
    Some(Cause {
        id: "sync_map_copied",
        title: "a sync.Map was copied, or overwritten, after its first use".into(),
        certainty: Certainty::Likely,
        matched: format!("inside a sync.Map there are two users: {}", call_at(frame)),
        change: &[
            "pass the sync.Map by pointer, keep structs that hold one behind a pointer, and never assign to it: `go vet` \
             finds the copies.",
        ],
    })
}

/// Returns `true` if the receiver seems to contain a mutex: a state and a semaphore of 0 or 1 in
/// braces of their own, inside of others.
fn looks_like_a_lock(receiver: &str) -> bool {
    let mut rest = receiver;
    while let Some(open) = rest.rfind('{').filter(|open| *open > 0) {
        let inner = &rest[open + 1..];
        let end = inner.find('}').unwrap_or(inner.len());
        let words = inner[..end].split(", ").map(|word| {
            let digits = word.trim_end_matches('?').strip_prefix("0x")?;
            u64::from_str_radix(digits, 16).ok()
        });
        let words: Option<Vec<_>> = words.collect();
        if matches!(words.as_deref(), Some([state, semaphore]) if *state < 0x1000 && *semaphore < 2)
        {
            return true;
        }
        rest = &rest[..open];
    }
    false
}

pub(super) fn lock(stacks: &Stacks<'_>) -> Option<Cause> {
    // A receiver that is a map is one word; an inlined call does not show its receiver.
    let is_copy = |frame: &Frame| {
        !frame.is_standard()
            && frame.value_receiver().is_some()
            && looks_like_a_lock(frame.first_argument())
    };
    let here = stacks.here.iter().find(|frame| is_copy(frame));
    let frame = here.or_else(|| Some(stacks.find_other(is_copy)?.0))?;
    let of = frame.value_receiver().unwrap_or("");
    Some(Cause {
        id: "lock_copied",
        title: "the lock is copied with each call, so it excludes no other goroutine".into(),
        certainty: Certainty::Likely,
        matched: format!(
            "{} takes its receiver {of} by value, and two small words in it look like a mutex",
            call_at(frame)
        ),
        change: &[
            "give every method of the type a pointer receiver, and pass the type by pointer: `go vet` (copylocks) finds \
             each copy.",
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::looks_like_a_lock;

    #[test]
    fn copied_lock_is_distinguished_from_a_string() {
        for (receiver, lock) in [
            ("{{0x0, 0x0}, 0xc00008ab40}", true),
            ("{{{}, {0x0, 0x0}}, 0x302d3e2795c0}", true),
            ("{{{0x1, 0x0}, 0x0, 0x0, 0x0, 0x0}, 0xc00008ab40}", true),
            ("{{0x5d5690, 0x1}, 0xc00008ab40}", false),
            ("{{0x5, 0x3}, 0xc00008ab40}", false),
            ("{0xc00008ab40, 0x1}", false),
            ("{0x0, 0x0}", false),
            ("0xc00008ab40", false),
            ("...", false),
        ] {
            assert_eq!(looks_like_a_lock(receiver), lock, "{receiver}");
        }
    }
}
