//! Suppresses the output of reports that panic, only on the threads that expect many of them.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    static SILENT: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether the message of a panic is a report.
pub(crate) fn is_report(message: &str) -> bool {
    message.starts_with("concurrent ")
}

/// Suppresses the reports that this thread panics with from now on; other panics are printed.
pub(crate) fn silence_reports() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let message = info.payload().downcast_ref::<String>();
            if !(SILENT.get() && message.is_some_and(|message| is_report(message))) {
                before(info);
            }
        }));
    });
    SILENT.set(true);
}
