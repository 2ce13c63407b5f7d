//! A source that does nothing until the test says what.

use std::error::Error;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use untorn::poller::{PollerBuilder, RefreshError};
use untorn::{Fetched, Map, Poller, Revision, Source};

/// A period that no test sees the end of.
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
/// Longer than anything takes, unless it hangs.
pub(crate) const LONG: Duration = Duration::from_secs(60);

type Entries<K, V> = Box<dyn Iterator<Item = (K, V)>>;
type Came<K, V> = Result<Fetched<Entries<K, V>>, Box<dyn Error + Send + Sync>>;
/// What a fetch comes to; runs on the poller's thread.
pub(crate) type Answer<K, V> = Box<dyn FnOnce() -> Came<K, V> + Send>;

pub(crate) fn contents<K, V, I>(entries: I) -> Answer<K, V>
where
    I: IntoIterator<Item = (K, V), IntoIter: 'static> + Send + 'static,
{
    Box::new(|| Ok(Fetched::Contents(Box::new(entries.into_iter()))))
}

pub(crate) fn unchanged<K, V>() -> Answer<K, V> {
    Box::new(|| Ok(Fetched::Unchanged))
}

pub(crate) fn error<K, V>(message: &'static str) -> Answer<K, V> {
    Box::new(move || Err(message.into()))
}

/// The source.
pub(crate) struct Steered<K, V> {
    entered: Sender<()>,
    answers: Receiver<Answer<K, V>>,
    lost: Arc<AtomicUsize>,
}

impl<K, V> Source for Steered<K, V> {
    type Entries = Entries<K, V>;
    type Error = Box<dyn Error + Send + Sync>;

    fn fetch(&mut self) -> Came<K, V> {
        _ = self.entered.send(());
        let answer = self.answers.recv_timeout(LONG);
        answer.map_err(|_| "nobody said what this comes to")?()
    }

    fn reset(&mut self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

/// The test's side. Each fetch takes one answer, and is told once.
pub(crate) struct Steering<K, V> {
    entered: Mutex<Receiver<()>>,
    answers: Sender<Answer<K, V>>,
    lost: Arc<AtomicUsize>,
}

pub(crate) fn steered<K, V>() -> (Steered<K, V>, Steering<K, V>) {
    let (entered, enters) = mpsc::channel();
    let (answers, answered) = mpsc::channel();
    let lost = Arc::new(AtomicUsize::new(0));
    let source = Steered {
        entered,
        answers: answered,
        lost: Arc::clone(&lost),
    };
    let steering = Steering {
        entered: Mutex::new(enters),
        answers,
        lost,
    };
    (source, steering)
}

/// A poller with a period of an hour whose first fetch has come to `first`.
pub(crate) fn started<K, V>(
    config: &Arc<Map<K, V>>,
    first: Answer<K, V>,
    set_up: impl FnOnce(PollerBuilder<Steered<K, V>>) -> PollerBuilder<Steered<K, V>>,
) -> (Poller, Steering<K, V>)
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + PartialEq + Send + Sync + 'static,
{
    let (source, steering) = steered();
    steering.let_go(first);
    let setup = set_up(Poller::every(HOUR, source));
    let poller = setup.start(config).expect("a thread");
    steering.wait_for_a_fetch();
    wait_for_polls(&poller, 1);
    (poller, steering)
}

/// Waits until so many polls have ended.
pub(crate) fn wait_for_polls(poller: &Poller, polls: u64) {
    let start = std::time::Instant::now();
    while poller.status().polls < polls {
        assert!(start.elapsed() < LONG, "{:?}", poller.status());
        std::thread::yield_now();
    }
}

impl<K, V> Steering<K, V> {
    /// Returns when the source has been asked.
    pub(crate) fn wait_for_a_fetch(&self) {
        let entered = self.entered.lock().expect("not poisoned");
        entered.recv_timeout(LONG).expect("a fetch");
    }

    /// What the fetch that is going on, or else the next one, comes to.
    pub(crate) fn let_go(&self, answer: Answer<K, V>) {
        self.answers.send(answer).expect("there is a source");
    }

    /// Pokes, and waits for what that comes to.
    pub(crate) fn poll(
        &self,
        poller: &Poller,
        answer: Answer<K, V>,
    ) -> Result<Revision, RefreshError> {
        self.let_go(answer);
        let came = poller.refresh_now(LONG);
        self.wait_for_a_fetch();
        came
    }

    /// How often the source was told that what it brought was lost.
    pub(crate) fn resets(&self) -> usize {
        self.lost.load(Ordering::Relaxed)
    }
}

/// Whether the source was dropped, which is the last that the thread does with it.
pub(crate) fn wait_until_dropped<K, V>(steering: &Steering<K, V>) {
    let entered = steering.entered.lock().expect("not poisoned");
    while entered.recv_timeout(LONG) != Err(mpsc::RecvTimeoutError::Disconnected) {}
}
