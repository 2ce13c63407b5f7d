//! Transactions of etcd that many threads read while the server is killed, compacted and emptied.

use std::io;
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde::Serialize;
use untorn_live::layer::Etcd;
use untorn_live::{ConfigSubscription, ErrorKind, Live, Refusal, Store};

use super::readers::{self, Pair, READS, while_reading};
use super::server::{self, Server};
use super::{Args, PATIENCE};
use crate::escaped::Escaped;
use crate::live::Problem;
use crate::output::{Output, counted, grouped};

/// The name of the layer.
const LAYER: &str = "etcd:/demo/";

/// The transactions that no watch sees, before the history is compacted.
const UNSEEN: u64 = 100;

/// The pause of each reader, which leaves the processors to the server.
const PAUSE: Duration = Duration::from_millis(5);

/// The result, for scripts.
#[derive(Default, Serialize)]
struct Document {
    readers: u16,
    seconds: f64,
    etcd: String,
    revisions: u64,
    transactions: u64,
    /// The median time from the answer to a transaction until it is served.
    visible_after_microseconds: f64,
    resyncs: u64,
    refusals: Vec<Refused>,
    reads: u64,
    reads_per_second: f64,
    torn: u64,
}

/// A refusal, and what led to it.
#[derive(Serialize)]
struct Refused {
    event: &'static str,
    /// The revision that stayed in force.
    revision: u64,
    error: Problem,
}

pub(super) fn show(output: &Output, options: &Args, server: Server) -> io::Result<()> {
    put(&server, 1)?;
    let (sender, refusals) = mpsc::channel();
    let etcd = Etcd::prefix("/demo/")
        .endpoints([server.url()])
        .timeout(Duration::from_secs(2))
        .probe_after(Duration::from_secs(2));
    let store = Store::builder()
        .layer(etcd)
        .require::<Pair>("pair")
        // The receiver is gone only after the run.
        .on_refusal(move |refusal| _ = sender.send(refusal.clone()))
        .start()
        .map_err(io::Error::other)?;
    store.ready(PATIENCE).map_err(io::Error::other)?;
    let pair: Live<Pair> = store.typed("pair").map_err(io::Error::other)?;
    let readers = counted(options.readers.into(), "thread");
    output.heading(format_args!(
        "An etcd that {readers} read while it is written, killed, compacted and emptied"
    ));
    output.aside(format_args!(
        "etcd {} at {}: each transaction sets /demo/pair/one and /demo/pair/two to its number. Each\n\
         read pins a revision and compares the two keys and the two fields of a typed value: all\n\
         four must be of one transaction. Readers pause for {PAUSE:?} after {READS} reads, which leaves\n\
         the processors to etcd.",
        Escaped(server.version()),
        server.url()
    ));
    let began = Instant::now();
    let mut stage = Stage {
        output,
        document: Document {
            etcd: server.version().into(),
            readers: options.readers,
            ..Document::default()
        },
        server,
        store: &store,
        refusals,
        changes: store.subscribe(),
        last: 1,
    };
    let end = began + Duration::from_secs_f64(options.seconds);
    let played = while_reading(&store, &pair, options.readers, PAUSE, || stage.play(end))?;
    let mut document = stage.document;
    (document.reads, document.torn) = played;
    document.seconds = began.elapsed().as_secs_f64();
    document.reads_per_second = document.reads as f64 / document.seconds;
    document.revisions = store.pin().revision().get();
    document.resyncs = resyncs(&store);
    output.line(format_args!(
        "Ran {:.1} s: {}, {} reads per second, {} torn; {} seen, {} of the server.",
        document.seconds,
        counted(document.revisions, "revision"),
        readers::rate(document.reads_per_second),
        grouped(document.torn),
        counted(document.transactions, "transaction"),
        counted(document.refusals.len() as u64, "failure"),
    ));
    output.document(&document)?;
    readers::check(document.torn)
}

/// Sets both keys to a number, in one transaction.
fn put(server: &Server, number: u64) -> io::Result<u64> {
    let text = number.to_string();
    server.put(&[("/demo/pair/one", &text), ("/demo/pair/two", &text)])
}

fn resyncs(store: &Store) -> u64 {
    let status = store.status();
    let mut remotes = status
        .layers
        .iter()
        .filter_map(|layer| layer.remote.as_ref());
    remotes.next().map_or(0, |remote| remote.resyncs)
}

/// The side that changes etcd.
struct Stage<'s> {
    output: &'s Output,
    store: &'s Store,
    server: Server,
    refusals: Receiver<Refusal>,
    changes: ConfigSubscription,
    /// The number of the last transaction.
    last: u64,
    document: Document,
}

impl Stage<'_> {
    fn play(&mut self, end: Instant) -> io::Result<()> {
        self.write_until(Instant::now() + end.saturating_duration_since(Instant::now()) / 3)?;

        self.output.line("etcd is killed:");
        self.server.kill();
        self.wait_for_refusal("killed", ErrorKind::Unreachable)?;
        self.server.restart()?;
        let revision = self.write()?;
        self.output.line(format_args!(
            "etcd is up again, and the store resumes: {}",
            self.at(revision)
        ));

        self.output.line(format_args!(
            "etcd is stopped, commits {UNSEEN} transactions on another port, and compacts their history:"
        ));
        self.server.kill();
        self.wait_for_refusal("stopped", ErrorKind::Unreachable)?;
        let before = resyncs(self.store);
        self.last += UNSEEN;
        let text = self.last.to_string();
        self.server.change_unseen(|call| {
            let mut revision = 0;
            for _ in 0..UNSEEN {
                revision = server::put(
                    call,
                    &[("/demo/pair/one", &text), ("/demo/pair/two", &text)],
                )?;
            }
            Ok(revision)
        })?;
        self.server.restart()?;
        let revision = self.write()?;
        let listed = counted(resyncs(self.store) - before, "time");
        self.output.line(format_args!(
            "  all keys were listed again, {listed}, and compared: {}",
            self.at(revision)
        ));

        self.output.line("etcd restarts without its data:");
        self.server.restart_empty()?;
        self.wait_for_refusal("empty", ErrorKind::Guard)?;
        let revision = self.put()?;
        // Its revisions start again too, so that a small one says nothing.
        self.wait_until_served()?;
        self.output
            .line(format_args!("etcd has data again: {}", self.at(revision)));
        self.write_until(end)
    }

    /// Returns a text for the revisions in force.
    fn at(&self, revision: u64) -> String {
        let own = self.store.pin().revision();
        format!("revision {revision} of etcd is revision {own} here")
    }

    /// Writes a transaction, and waits until it is served. Returns its revision.
    fn write(&mut self) -> io::Result<u64> {
        let revision = self.put()?;
        let began = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(began.elapsed());
            match self
                .store
                .wait_for(LAYER, revision, left.min(Duration::from_secs(1)))
            {
                Ok(_) => break,
                Err(error) if left.is_zero() => return Err(io::Error::other(error)),
                Err(_) => {}
            }
        }
        Ok(revision)
    }

    fn put(&mut self) -> io::Result<u64> {
        self.last += 1;
        self.document.transactions += 1;
        put(&self.server, self.last)
    }

    /// Waits until the last transaction is served.
    fn wait_until_served(&mut self) -> io::Result<()> {
        let began = Instant::now();
        while self.store.pin().get_as("pair.one") != Ok(self.last) {
            let left = PATIENCE.saturating_sub(began.elapsed());
            if self.changes.recv_timeout(left).is_err() {
                return Err(unnoticed("the last transaction"));
            }
        }
        Ok(())
    }

    /// Writes transactions, at least one.
    fn write_until(&mut self, end: Instant) -> io::Result<()> {
        let (mut count, mut times) = (0, Vec::new());
        let mut revision = 0;
        while count == 0 || Instant::now() < end {
            let began = Instant::now();
            revision = self.write()?;
            times.push(began.elapsed());
            count += 1;
        }
        times.sort_unstable();
        let median = times[times.len() / 2];
        self.document.visible_after_microseconds = median.as_secs_f64() * 1e6;
        self.output.line(format_args!(
            "{}, put and served within {:.1} ms (median): {}",
            counted(count, "transaction"),
            median.as_secs_f64() * 1e3,
            self.at(revision)
        ));
        Ok(())
    }

    /// Waits for the store to report what has happened.
    fn wait_for_refusal(&mut self, event: &'static str, kind: ErrorKind) -> io::Result<()> {
        let refusal = loop {
            let refusal = self.refusals.recv_timeout(PATIENCE);
            let refusal = refusal.map_err(|_| unnoticed(event))?;
            // A server that starts cannot be reached either.
            if refusal.error.kind() == kind {
                break refusal;
            }
        };
        let revision = self.store.pin().revision().get();
        let error = Problem::without_advice(&refusal.error);
        self.output
            .failure(Escaped(format_args!("  refused: {error}")));
        self.output
            .line(format_args!("  revision {revision} stays in force"));
        self.document.refusals.push(Refused {
            event,
            revision,
            error,
        });
        Ok(())
    }
}

fn unnoticed(event: &str) -> io::Error {
    let message = format!("the store has not noticed within {PATIENCE:?}: {event}");
    io::Error::new(io::ErrorKind::TimedOut, message)
}
