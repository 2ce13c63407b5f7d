//! A source that the test controls: each fetch blocks until the test supplies its answer.

use std::error::Error;
use std::hash::Hash;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use untorn::poller::{PollerBuilder, RefreshError};
use untorn::{Fetched, Map, Poller, Revision, Source};

/// A period that no test waits for.
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
/// A timeout that only a hanging test reaches.
pub(crate) const LONG: Duration = Duration::from_secs(60);

type Entries<K, V> = Box<dyn Iterator<Item = (K, V)>>;
type FetchResult<K, V> = Result<Fetched<Entries<K, V>>, Box<dyn Error + Send + Sync>>;
/// The answer of a fetch; runs on the poller's thread.
pub(crate) type Answer<K, V> = Box<dyn FnOnce() -> FetchResult<K, V> + Send>;

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

/// The source, on the poller's side.
pub(crate) struct ControlledSource<K, V> {
    entered: Sender<()>,
    answers: Receiver<Answer<K, V>>,
    resets: Arc<AtomicUsize>,
    /// True if the last fetch failed, or its contents did not get into the map.
    failed: bool,
}

impl<K, V> Source for ControlledSource<K, V> {
    type Contents = Entries<K, V>;
    type Error = Box<dyn Error + Send + Sync>;

    fn fetch(&mut self) -> FetchResult<K, V> {
        self.failed = true; // also if the answer panics
        _ = self.entered.send(());
        let answer = self.answers.recv_timeout(LONG);
        let fetched = answer.map_err(|_| "the test supplied no answer")?()?;
        self.failed = false;
        Ok(fetched)
    }

    fn reset(&mut self) {
        self.failed = true;
        self.resets.fetch_add(1, Ordering::Relaxed);
    }

    /// Delays the retry after a failure, which would take the answer of the test's next poll.
    fn next_delay(&self) -> Option<Duration> {
        self.failed.then_some(HOUR)
    }
}

/// A closure that is fetched only when the test asks for it, also after a failure.
pub(crate) struct OnDemand<F>(pub(crate) F);

impl<F, C, R> Source for OnDemand<F>
where
    F: FnMut() -> Result<C, R>,
    R: Into<Box<dyn Error + Send + Sync>>,
{
    type Contents = C;
    type Error = R;

    fn fetch(&mut self) -> Result<Fetched<C>, R> {
        self.0().map(Fetched::Contents)
    }

    fn next_delay(&self) -> Option<Duration> {
        Some(HOUR)
    }
}

/// The test's side. Each fetch takes one answer and signals its start once.
pub(crate) struct SourceControl<K, V> {
    entered: Mutex<Receiver<()>>,
    answers: Sender<Answer<K, V>>,
    resets: Arc<AtomicUsize>,
}

pub(crate) fn controlled_source<K, V>() -> (ControlledSource<K, V>, SourceControl<K, V>) {
    let (entered, enters) = mpsc::channel();
    let (answers, answered) = mpsc::channel();
    let resets = Arc::new(AtomicUsize::new(0));
    let source = ControlledSource {
        entered,
        answers: answered,
        resets: Arc::clone(&resets),
        failed: false,
    };
    let control = SourceControl {
        entered: Mutex::new(enters),
        answers,
        resets,
    };
    (source, control)
}

/// Starts a poller with a period of an hour and waits until its first fetch has returned `first`.
pub(crate) fn started<K, V>(
    config: &Arc<Map<K, V>>,
    first: Answer<K, V>,
    configure: impl FnOnce(
        PollerBuilder<ControlledSource<K, V>>,
    ) -> PollerBuilder<ControlledSource<K, V>>,
) -> (Poller, SourceControl<K, V>)
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + PartialEq + Send + Sync + 'static,
{
    let (source, control) = controlled_source();
    control.supply(first);
    // Without a gap, so that requested polls do not wait.
    let builder = configure(Poller::every(HOUR, source).min_gap(Duration::ZERO));
    let poller = builder.start(config).expect("a thread");
    control.wait_for_a_fetch();
    wait_for_polls(&poller, 1);
    (poller, control)
}

/// Starts a poller with a period of an hour and waits until its first fetch has started.
pub(crate) fn fetching<K, V>(config: &Arc<Map<K, V>>) -> (Poller, SourceControl<K, V>)
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + PartialEq + Send + Sync + 'static,
{
    let (source, control) = controlled_source();
    let poller = Poller::every(HOUR, source).start(config);
    control.wait_for_a_fetch();
    (poller.expect("a thread"), control)
}

/// Waits until `polls` polls have ended.
pub(crate) fn wait_for_polls(poller: &Poller, polls: u64) {
    let start = std::time::Instant::now();
    while poller.status().polls < polls {
        assert!(start.elapsed() < LONG, "{:?}", poller.status());
        std::thread::yield_now();
    }
}

impl<K, V> SourceControl<K, V> {
    /// Waits until a fetch has started.
    pub(crate) fn wait_for_a_fetch(&self) {
        let entered = self.entered.lock().expect("not poisoned");
        entered.recv_timeout(LONG).expect("a fetch");
    }

    /// Supplies the answer of the current fetch, or of the next one.
    pub(crate) fn supply(&self, answer: Answer<K, V>) {
        self.answers.send(answer).expect("the source is alive");
    }

    /// Triggers a poll with this answer and waits for its result.
    pub(crate) fn poll(
        &self,
        poller: &Poller,
        answer: Answer<K, V>,
    ) -> Result<Revision, RefreshError> {
        self.supply(answer);
        let result = poller.refresh_now(LONG);
        self.wait_for_a_fetch();
        result
    }

    /// Returns how often the source was reset.
    pub(crate) fn resets(&self) -> usize {
        self.resets.load(Ordering::Relaxed)
    }
}

/// Waits until the source was dropped, the last step of the poller's thread.
pub(crate) fn wait_until_dropped<K, V>(control: &SourceControl<K, V>) {
    let entered = control.entered.lock().expect("not poisoned");
    while entered.recv_timeout(LONG) != Err(mpsc::RecvTimeoutError::Disconnected) {}
}
