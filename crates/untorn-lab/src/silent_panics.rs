//! Panics on purpose, without a report on stderr.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Suppresses or restores the panic reports of the current thread.
pub(crate) fn set_silent(silent: bool) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !SILENT.get() {
                default(info);
            }
        }));
    });
    SILENT.set(silent);
}
