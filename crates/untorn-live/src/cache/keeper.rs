//! The thread of the cache: it writes each revision, and takes the cache when a start finds no
//! source.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use untorn::mutants::mutant;
use untorn::{RecvTimeoutError, Revision, Subscription, SubscriptionHandle};

use super::file::Header;
use super::format::Body;
use super::{Cache, age_of, file};
use crate::config::Config;
use crate::error::{ConfigError, ErrorKind};
use crate::store::Engine;

/// The shortest time between two writes.
const MIN_GAP: Duration = Duration::from_millis(100);

/// The pause after a write, in times of its duration, so that a large cache does not occupy a disk.
const PAUSE: u32 = 10;

/// The pause before a write that failed is tried again.
const RETRY: Duration = Duration::from_secs(10);

/// The thread of a cache.
pub(crate) struct Keeper {
    handle: SubscriptionHandle,
    thread: JoinHandle<()>,
}

/// What a cache has done.
#[derive(Debug, Default)]
pub(crate) struct KeeperState(Mutex<State>);

#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) written: Option<Revision>,
    /// The time of the contents, while a layer has them from the cache.
    pub(crate) in_use_since: Option<SystemTime>,
    pub(crate) error: Option<ConfigError>,
}

impl KeeperState {
    pub(crate) fn get(&self) -> State {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keeper {
    /// Starts the thread for the layers that are polled. The subscription is older than their
    /// pollers.
    pub(crate) fn start(
        cache: Cache,
        engine: &Arc<Engine>,
        layers: Vec<usize>,
        state: &Arc<KeeperState>,
        subscription: Subscription<Config>,
    ) -> std::io::Result<Self> {
        let handle = subscription.handle();
        let run = Run {
            engine: Arc::clone(engine),
            layers,
            state: Arc::clone(state),
            written: Revision::default(),
            header: file::header(&cache.path),
            cache,
        };
        let thread = thread::Builder::new().name("untorn-live cache".into());
        let thread = thread.spawn(move || run.run(subscription))?;
        Ok(Self { handle, thread })
    }

    /// Makes the thread write the newest revision and end.
    pub(crate) fn close(&self) {
        self.handle.close();
    }

    /// Returns whether the current thread is that of the cache.
    pub(crate) fn is_current(&self) -> bool {
        self.thread.thread().id() == thread::current().id()
    }

    /// Waits for the end of the thread, for at most `timeout`: a disk may hang, or the callback
    /// that it has called. Returns whether it has ended.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let began = Instant::now();
        while !self.thread.is_finished() {
            if began.elapsed() > timeout && !mutant("live_end_waits_for_the_cache") {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    /// Joins the thread, which has ended.
    pub(crate) fn join(self) {
        // A panic has been reported by its hook.
        _ = self.thread.join();
    }
}

/// Stores how many keys the layers have in the cache, so that the guard refuses a source that was
/// emptied while the program did not run. A cache that cannot be read is reported when it is taken.
pub(crate) fn count(cache: &Cache, engine: &Engine, layers: &[usize]) {
    let Ok(Some(bytes)) = file::read(&cache.path) else {
        return;
    };
    let Ok(mut body) = Body::decode(&bytes) else {
        return;
    };
    for &layer in layers {
        engine.set_cached(layer, body.take_count(&engine.layer_name(layer)));
    }
}

struct Run {
    cache: Cache,
    engine: Arc<Engine>,
    layers: Vec<usize>,
    state: Arc<KeeperState>,
    written: Revision,
    /// What the file began with when this store started or wrote it last.
    header: Option<Header>,
}

impl Run {
    fn run(mut self, mut subscription: Subscription<Config>) {
        file::remove_left_behind(&self.cache.path);
        if let Err(RecvTimeoutError::Timeout) = subscription.recv_timeout(self.cache.after) {
            self.take();
        }
        loop {
            let began = Instant::now();
            self.write();
            let pause = (began.elapsed() * PAUSE).max(MIN_GAP);
            let has_failed = self.state.lock().error.is_some();
            let retry = if has_failed { RETRY } else { Duration::MAX };
            // Revisions within the pause are written together after it.
            let is_open = match subscription.recv_timeout(retry) {
                Ok(_) => sleep(&mut subscription, pause.saturating_sub(began.elapsed())),
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Closed) => false,
            };
            if !is_open {
                return self.write();
            }
        }
    }

    /// Writes the newest revision, unless it has been written or is that of the cache. Its time is
    /// that of the oldest contents: while a layer has them from the cache, that of the cache.
    fn write(&mut self) {
        // Loaded first: a source may answer meanwhile.
        let oldest = self.engine.oldest(&self.layers);
        let is_from_cache = self.engine.is_from_cache();
        let is_all_cached = self.engine.are_from_cache(&self.layers);
        let config = self.engine.snapshot();
        if config.revision == self.written || is_all_cached {
            return;
        }
        let since = self.state.lock().in_use_since.filter(|_| is_from_cache);
        let time = since.into_iter().chain(oldest).min();
        let time = time.unwrap_or_else(SystemTime::now);
        let found = file::header(&self.cache.path);
        let is_shared = found.is_some() && found != self.header && !mutant("live_cache_is_shared");
        let body = Body::of(&config, &self.layers, self.cache.are_secrets_stored, time);
        let written = body
            .encode()
            .and_then(|body| file::write(&self.cache.path, &body));
        match written {
            Ok(header) => {
                self.header = Some(header);
                self.written = config.revision;
                let mut state = self.state.lock();
                state.written = Some(config.revision);
                state.in_use_since = since;
                if !is_shared {
                    state.error = None;
                    return;
                }
                drop(state);
                let message = "another store writes this cache too; give each store a file of its \
                               own";
                let error = ConfigError::new(ErrorKind::Cache, message);
                self.report(&error.at(file::place(&self.cache.path)));
            }
            Err(error) => self.report(&error),
        }
    }

    /// Takes the layers that have not answered from the cache.
    fn take(&self) {
        if let Err(error) = self.try_take() {
            self.state.lock().in_use_since = None;
            self.report(&error);
        }
    }

    fn try_take(&self) -> Result<(), ConfigError> {
        let Some(bytes) = file::read(&self.cache.path)? else {
            return Ok(());
        };
        let place = || Some(file::place(&self.cache.path));
        let mut body = Body::decode(&bytes).map_err(|error| error.or_place(place))?;
        let mut taken = Vec::new();
        for &layer in &self.layers {
            let name = self.engine.layer_name(layer);
            let contents = body.take(&name).map_err(|error| error.or_place(place));
            match contents {
                Ok(Some(contents)) => taken.push((layer, contents)),
                _ if self.engine.has_loaded(layer) => {}
                Ok(None) => {
                    let message = format!("cannot use the cache: it has no layer {name}");
                    let place = file::place(&self.cache.path);
                    return Err(ConfigError::new(ErrorKind::Cache, message).at(place));
                }
                Err(error) => return Err(error),
            }
        }
        // Before the first revision, whose readers may ask for it.
        let written = body.written();
        self.state.lock().in_use_since = Some(written);
        self.engine.take_from_cache(taken)?;
        if age_of(written).is_none() {
            let message = "the cache was written in the future, so its age is unknown; check the \
                           clock of this machine";
            let error = ConfigError::new(ErrorKind::Cache, message);
            self.report(&error.at(file::place(&self.cache.path)));
        }
        Ok(())
    }

    /// Records an error, and reports it unless it is the last one.
    fn report(&self, error: &ConfigError) {
        let mut state = self.state.lock();
        let is_new = state.error.as_ref() != Some(error);
        state.error = Some(error.clone());
        drop(state);
        if is_new {
            self.engine.report_cache(error);
        }
    }
}

/// Sleeps, and returns whether the subscription is still open.
fn sleep(subscription: &mut Subscription<Config>, time: Duration) -> bool {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match subscription.recv_timeout(left) {
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Closed) => return false,
        }
    }
}
