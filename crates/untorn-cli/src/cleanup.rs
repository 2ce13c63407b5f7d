//! Servers and folders that the command has made: they are removed also when it ends early, by a
//! signal or since its output cannot be written.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::process;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

type Cleanup = Box<dyn FnOnce() + Send>;

/// The most attempts to remove a folder.
const ATTEMPTS: usize = 100;

static CLEANUPS: Mutex<Vec<Cleanup>> = Mutex::new(Vec::new());

/// Registers a function that is called if the command ends early. Calling it after the server or
/// folder is gone must do no harm.
pub(crate) fn on_early_exit(cleanup: impl FnOnce() + Send + 'static) -> io::Result<()> {
    static SIGNALS: Once = Once::new();
    let mut started = Ok(());
    SIGNALS.call_once(|| started = clean_up_on_signals());
    lock().push(Box::new(cleanup));
    started
}

/// Cleans up, and ends the process.
pub(crate) fn exit(status: i32) -> ! {
    let _ending = clean_up();
    process::exit(status)
}

/// Blocks for good if a signal is ending the process. Without this an error that the cleanup has
/// caused could end it first, with another status.
pub(crate) fn wait_for_signal() {
    drop(lock());
}

/// Removes a folder, in which other threads may still be creating files.
pub(crate) fn remove_folder(path: &Path) {
    for _ in 0..ATTEMPTS {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            _ => return,
        }
    }
}

/// Cleans up. Until the returned guard is dropped no other thread ends the process.
fn clean_up() -> MutexGuard<'static, Vec<Cleanup>> {
    let mut cleanups = lock();
    cleanups.drain(..).for_each(|cleanup| cleanup());
    cleanups
}

fn lock() -> MutexGuard<'static, Vec<Cleanup>> {
    CLEANUPS.lock().unwrap_or_else(PoisonError::into_inner)
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
            let _ending = clean_up();
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
