//! A watch: a thread reads its answer, and leaves complete revisions for the source.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use ureq::Body;
use ureq::http::Response;

use super::super::Trigger;
use super::super::remote::Connection;
use super::assemble::{Assembler, Batch, End};
use super::wire::WatchLine;

/// The most bytes that wait for the source, unless one revision has more.
const MAX_WAITING: usize = 64 << 20;

/// The longest line. Parts of answers are about as long as a request may be, 1.5 MB by default.
const MAX_LINE: u64 = 64 << 20;

/// A watch that is being read. Dropping it ends the thread.
pub(super) struct Stream {
    queue: Arc<Queue>,
    /// Its drop interrupts the read.
    _connection: Connection,
}

struct Queue {
    state: Mutex<State>,
    /// Notified when the source has taken a batch, and when it has dropped the stream.
    taken: Condvar,
}

struct State {
    batches: VecDeque<Batch>,
    size: usize,
    end: Option<End>,
    is_dropped: bool,
    /// When the last line came.
    heard: Instant,
}

/// What a stream has for its source.
pub(super) enum Next {
    Batch(Batch),
    /// Nothing since this time.
    Quiet(Instant),
    End(End),
}

impl Stream {
    /// Starts the thread for an answer. It triggers polls for what comes.
    pub(super) fn start(
        connection: Connection,
        response: Response<Body>,
        assembler: Assembler,
        trigger: Arc<Trigger>,
        name: &str,
    ) -> std::io::Result<Self> {
        let queue = Arc::new(Queue {
            state: Mutex::new(State {
                batches: VecDeque::new(),
                size: 0,
                end: None,
                is_dropped: false,
                heard: Instant::now(),
            }),
            taken: Condvar::new(),
        });
        let reading = Arc::clone(&queue);
        let reader = BufReader::new(response.into_body().into_reader());
        thread::Builder::new()
            .name(format!("{} watch", name.replace('\0', "")))
            .spawn(move || {
                let end = read(reader, assembler, &reading, &trigger);
                reading.lock().end = Some(end);
                trigger.fire();
            })?;
        Ok(Self {
            queue,
            _connection: connection,
        })
    }

    /// Takes the next revision after `last`.
    pub(super) fn next(&self, last: u64) -> Next {
        let mut state = self.queue.lock();
        while let Some(batch) = state.batches.pop_front() {
            state.size -= batch.size();
            self.queue.taken.notify_all();
            // A listing had it already.
            if batch.revision > last {
                return Next::Batch(batch);
            }
        }
        match &state.end {
            Some(end) => Next::End(end.clone()),
            None => Next::Quiet(state.heard),
        }
    }

    /// Returns whether there is something to take.
    pub(super) fn has_more(&self) -> bool {
        let state = self.queue.lock();
        !state.batches.is_empty() || state.end.is_some()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.queue.lock().is_dropped = true;
        self.queue.taken.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds batches, once there is room. Returns whether the source still has the stream.
    fn push(&self, batches: Vec<Batch>) -> bool {
        let mut state = self.lock();
        state.heard = Instant::now();
        for batch in batches {
            let size = batch.size();
            while !state.is_dropped && state.size > 0 && state.size + size > MAX_WAITING {
                state = self
                    .taken
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            state.size += size;
            state.batches.push_back(batch);
        }
        !state.is_dropped
    }
}

/// Reads lines until the answer ends, or the source drops the stream.
fn read(
    mut reader: impl BufRead,
    mut assembler: Assembler,
    queue: &Queue,
    trigger: &Trigger,
) -> End {
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
            Ok(0) => return End::Broken("the server closed the connection".into()),
            Ok(length) if length as u64 == MAX_LINE && line.last() != Some(&b'\n') => {
                return End::Broken(format!("a line has more than {MAX_LINE} bytes"));
            }
            Ok(_) => {}
            Err(error) => return End::Broken(format!("the connection was cut: {error}")),
        }
        let batches = match push(&line, &mut assembler) {
            Ok(batches) => batches,
            Err(end) => return end,
        };
        let are_any = !batches.is_empty();
        if !queue.push(batches) {
            return End::Broken("the source has dropped the watch".into());
        }
        if are_any {
            trigger.fire();
        }
    }
}

/// Adds a line of the answer to a watch, and returns the revisions that are complete with it.
pub(super) fn push(line: &[u8], assembler: &mut Assembler) -> Result<Vec<Batch>, End> {
    let line = serde_json::from_slice(line)
        .map_err(|error| End::Broken(format!("an answer cannot be parsed: {error}")))?;
    match line {
        WatchLine {
            error: Some(failure),
            ..
        } => Err(End::Canceled(failure.message)),
        WatchLine {
            result: Some(answer),
            ..
        } => assembler.push(answer),
        _ => Err(End::Broken(
            "an answer is neither a result nor an error".into(),
        )),
    }
}
