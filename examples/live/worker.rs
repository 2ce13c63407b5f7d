//! Threads that take their limits from a Kubernetes mount, for each unit of work anew.
//!
//! A unit of work pins the configuration once and reads all limits from that pin, however long it
//! takes. So the limits of a unit belong together, while the next unit gets the newest ones. A pin
//! delays no update; a revision that is pinned stays in memory until then.
//!
//! ```text
//! $ mkdir limits; echo 4 > limits/rows; echo 400 > limits/bytes
//! $ cargo run -p untorn-live-examples --example worker -- limits
//! revision 1: 4 rows, 400 bytes
//! $ echo 8 > limits/rows
//! revision 2: 8 rows, 400 bytes
//! ```

use std::error::Error;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Deserialize;
use untorn_live::{ConfigError, Live, Store};

/// The limits of a unit of work. The contents of the files are parsed as the types here.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
struct Limits {
    rows: u64,
    bytes: u64,
}

/// What a unit of work has used.
#[derive(Debug)]
struct Done {
    limits: Limits,
    revision: u64,
}

/// A thread of the pool.
#[derive(Clone)]
struct Worker {
    store: Store,
    limits: Live<Limits>,
    /// The units of work that wait; here a unit is nothing but its turn.
    units: Arc<Mutex<Receiver<()>>>,
    done: Sender<Done>,
}

impl Worker {
    fn run(&self) {
        loop {
            let unit = self.units.lock().unwrap_or_else(PoisonError::into_inner);
            let Ok(()) = unit.recv() else { return };
            drop(unit);
            if self.done.send(self.work()).is_err() {
                return;
            }
        }
    }

    fn work(&self) -> Done {
        let config = self.store.pin();
        let rows = self.limits.at(&config).rows;
        read_rows(rows);
        // Much later, but the same revision.
        let bytes = self.limits.at(&config).bytes;
        Done {
            limits: Limits { rows, bytes },
            revision: config.revision().get(),
        }
    }
}

/// Simulates the slow part of a unit of work.
fn read_rows(_: u64) {
    thread::sleep(Duration::from_millis(1));
}

fn open(mount: &Path) -> Result<Store, ConfigError> {
    let store = Store::builder()
        .mount(mount)
        .require::<Limits>("")
        .on_refusal(|refusal| eprintln!("refused: {}", refusal.error))
        .start()?;
    store.ready(Duration::from_secs(10))?;
    Ok(store)
}

/// Starts threads, which end when the sender of units is dropped.
fn start(
    threads: usize,
    store: &Store,
    units: Receiver<()>,
) -> Result<(Vec<JoinHandle<()>>, Receiver<Done>), ConfigError> {
    let (sender, done) = mpsc::channel();
    let worker = Worker {
        store: store.clone(),
        limits: store.typed("")?,
        units: Arc::new(Mutex::new(units)),
        done: sender,
    };
    let spawn = |_| {
        let worker = worker.clone();
        thread::spawn(move || worker.run())
    };
    Ok(((0..threads).map(spawn).collect(), done))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mount = std::env::args_os()
        .nth(1)
        .unwrap_or_else(|| "limits".into());
    let store = open(Path::new(&mount))?;
    let (sender, units) = mpsc::channel();
    let (_threads, done) = start(4, &store, units)?;
    loop {
        sender.send(())?;
        let Done { limits, revision } = done.recv()?;
        let Limits { rows, bytes } = limits;
        println!("revision {revision}: {rows} rows, {bytes} bytes");
        thread::sleep(Duration::from_secs(1));
    }
}

#[cfg(all(test, unix))]
#[path = "../../crates/untorn/examples/poll_mount/kubelet.rs"]
mod kubelet;

#[cfg(all(test, unix))]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Instant;

    use super::kubelet::Kubelet;
    use super::*;

    /// Far more than the test takes.
    const TIMEOUT: Duration = Duration::from_secs(60);
    const THREADS: usize = 4;
    /// The generations that the units of work must have met.
    const GENERATIONS: usize = 50;

    fn files(generation: u64) -> [(&'static str, String); 2] {
        [
            ("rows", format!("{generation}\n")),
            ("bytes", format!("{}\n", 100 * generation)),
        ]
    }

    fn is_mixed(limits: Limits) -> bool {
        limits.bytes != 100 * limits.rows
    }

    /// A faulty unit of work, which reads each limit from the newest revision at that moment.
    fn two_loads(limits: &Live<Limits>) -> Limits {
        let rows = limits.load().rows;
        read_rows(rows);
        let bytes = limits.load().bytes;
        Limits { rows, bytes }
    }

    #[test]
    fn no_unit_of_work_mixes_two_generations() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kubelet = Kubelet::new(folder.path());
        kubelet.swap(&files(1)).expect("swapped");
        let store = open(folder.path()).expect("limits");
        let (sender, units) = mpsc::channel();
        let (threads, done) = start(THREADS, &store, units).expect("limits");
        for _ in 0..THREADS {
            sender.send(()).expect("the threads run");
        }

        let limits: Live<Limits> = store.typed("").expect("limits");
        let (mut met, mut faulty) = (BTreeSet::new(), 0);
        let (mut units, mut last, began) = (0, 1, Instant::now());
        while met.len() < GENERATIONS || faulty == 0 {
            assert!(began.elapsed() < TIMEOUT, "swaps make no generations");
            last += 1;
            kubelet.swap(&files(last)).expect("swapped");
            faulty += u64::from(is_mixed(two_loads(&limits)));
            while let Ok(Done { limits, revision }) = done.try_recv() {
                assert!(!is_mixed(limits), "{limits:?} in revision {revision}");
                met.insert(limits.rows);
                units += 1;
                sender.send(()).expect("the threads run");
            }
        }
        drop(sender);
        for thread in threads {
            thread.join().expect("no panic");
        }
        store.refresh(TIMEOUT).expect("a generation");
        assert_eq!(limits.load().rows, last);
        println!(
            "{last} swaps, {units} units of work, {} generations",
            met.len()
        );
        println!("mixed: 0, and {faulty} of {last} that read without a pin");
    }
}
