//! The payloads of panics of foreign code.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Calls code of the program. The panic hook reports its panic, which is no failure of the source.
pub(crate) fn contain(f: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(f)) {
        // Its drop is foreign code too.
        _ = text_of(payload);
    }
}

/// Returns the text of a panic. The `Drop` of another payload is foreign code too.
pub(crate) fn text_of(payload: Box<dyn Any + Send>) -> String {
    let payload = match payload.downcast::<String>() {
        Ok(text) => return *text,
        Err(payload) => payload,
    };
    match payload.downcast::<&str>() {
        Ok(text) => (*text).into(),
        Err(payload) => {
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(payload)));
            // Its payload may panic as well.
            dropped.unwrap_or_else(std::mem::forget);
            "a value that is no text".into()
        }
    }
}
