//! Servers and folders that the command has made: they are removed also when it ends early, by a
//! signal or since its output cannot be written.

use std::io;
use std::process;
use std::sync::{Mutex, Once, PoisonError};

type Cleanup = Box<dyn FnOnce() + Send>;

static CLEANUPS: Mutex<Vec<Cleanup>> = Mutex::new(Vec::new());

/// Registers what is to be done if the command ends early. It must be harmless after the normal
/// end, since it may run then too.
pub(crate) fn on_early_exit(cleanup: impl FnOnce() + Send + 'static) -> io::Result<()> {
    static SIGNALS: Once = Once::new();
    let mut started = Ok(());
    SIGNALS.call_once(|| started = clean_up_on_signals());
    let mut cleanups = CLEANUPS.lock().unwrap_or_else(PoisonError::into_inner);
    cleanups.push(Box::new(cleanup));
    started
}

/// Cleans up, and ends the process.
pub(crate) fn exit(status: i32) -> ! {
    clean_up();
    process::exit(status)
}

fn clean_up() {
    let mut cleanups = CLEANUPS.lock().unwrap_or_else(PoisonError::into_inner);
    // Under the lock, so that another end of the process waits.
    cleanups.drain(..).for_each(|cleanup| cleanup());
}

/// Starts the thread that cleans up at a signal that ends the process. The process then ends as
/// without this. A process that is killed cleans up nothing.
#[cfg(unix)]
fn clean_up_on_signals() -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let wait = move || {
        for signal in signals.forever() {
            clean_up();
            _ = emulate_default_handler(signal);
        }
    };
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(wait)?;
    Ok(())
}

/// Does nothing: other systems end the process at once.
#[cfg(not(unix))]
fn clean_up_on_signals() -> io::Result<()> {
    Ok(())
}
