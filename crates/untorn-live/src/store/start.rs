//! The start of a store, and of the pollers of its layers.

use std::sync::Arc;

use untorn::Poller;
use untorn::poller::FailureKind;

use super::engine::{Engine, Refused};
use super::poll::LayerSource;
use super::progress::Progress;
use super::target::LayerTarget;
use super::{Inner, Store, StoreBuilder};
use crate::cache::{self, Keeper, KeeperState};
use crate::config::{LayerInfo, Shared};
use crate::error::{ConfigError, ErrorKind, Place};
#[cfg(any(feature = "http", feature = "etcd"))]
use crate::layer::Closing;
#[cfg(any(feature = "file", feature = "mount"))]
use crate::layer::Watch;
use crate::layer::{Opening, Setup};

impl StoreBuilder {
    /// Starts the store: merges the layers that do not change, and starts a thread for each other
    /// one. Does not wait for them; [`Store::ready`] does.
    ///
    /// # Errors
    /// If a layer that does not change is wrong, the [cache](crate::Cache) is a file of a layer, the
    /// operating system cannot create a thread, or there is no layer.
    ///
    /// # Examples
    /// See [`Store`].
    pub fn start(self) -> Result<Store, ConfigError> {
        if self.layers.is_empty() {
            let error = ConfigError::new(ErrorKind::Source, "a store needs a layer");
            return Err(error.with_help("call `StoreBuilder::file`, for example"));
        }
        let names = || self.layers.iter().map(|layer| Arc::clone(&layer.name));
        let shared = Shared {
            layers: names().map(LayerInfo::new).collect(),
            secrets: self.secrets,
        };
        let progress = Progress::new(names(), self.callbacks);
        let engine = Arc::new(Engine::new(shared, self.rules, progress));
        #[cfg(any(feature = "file", feature = "mount"))]
        let watch = Arc::new(Watch::new());
        #[cfg(any(feature = "http", feature = "etcd"))]
        let closing = Arc::new(Closing::default());
        let mut inner = Inner {
            engine: Arc::clone(&engine),
            pollers: Vec::new(),
            manual: None,
            cache: None,
            #[cfg(any(feature = "file", feature = "mount"))]
            watch: Arc::clone(&watch),
            #[cfg(any(feature = "http", feature = "etcd"))]
            closing: Arc::clone(&closing),
            remotes: Vec::new(),
        };
        if let Some(cache) = &self.cache {
            cache.check_path(&self.layers)?;
            let polled = self.layers.iter().enumerate();
            let polled = polled.filter(|(_, layer)| matches!(layer.setup, Setup::Polled(_)));
            let polled: Vec<usize> = polled.map(|(number, _)| number).collect();
            cache::count(cache, &engine, &polled);
        }
        // A thread of its own writes the cache, from the first revision on.
        let subscription = engine.subscribe();
        // Those that do not change first: an error of one must not wait for a source that hangs.
        let mut layers: Vec<_> = self.layers.into_iter().enumerate().collect();
        layers.sort_by_key(|(_, layer)| matches!(layer.setup, Setup::Polled(_)));
        for (number, layer) in layers {
            let place = Place::of_layer(&layer.name);
            match layer.setup {
                Setup::Manual => inner.manual = Some(number),
                Setup::Fixed(contents) => {
                    let loaded = engine.load(number, contents?);
                    loaded
                        .map_err(|refused| Refused::into_error(refused).or_place(|| Some(place)))?;
                }
                Setup::Polled(polled) => {
                    let opening = Opening {
                        place: place.clone(),
                        #[cfg(any(feature = "file", feature = "mount"))]
                        watch: Arc::clone(&watch),
                        #[cfg(any(feature = "http", feature = "etcd"))]
                        closing: Arc::clone(&closing),
                    };
                    let source = LayerSource {
                        fetch: (polled.open)(&opening),
                        engine: Arc::clone(&engine),
                        layer: number,
                    };
                    #[cfg(any(feature = "file", feature = "mount"))]
                    if let Some(route) = &polled.route {
                        watch.add(route);
                    }
                    let target = Arc::new(LayerTarget {
                        engine: Arc::clone(&engine),
                        layer: number,
                    });
                    let (failing, succeeding) = (Arc::clone(&engine), Arc::clone(&engine));
                    let poller = Poller::every(polled.period, source)
                        .named(layer.name.replace('\0', ""))
                        .min_gap(polled.min_gap)
                        .max_backoff(polled.max_backoff)
                        .initial_delay(polled.initial_delay)
                        // The store has a guard of its own, for all kinds of layers.
                        .allow_empty()
                        .on_failure(move |failure| {
                            let kind = match failure.kind {
                                FailureKind::Panic => ErrorKind::Panic,
                                FailureKind::Deadline => ErrorKind::Deadline,
                                // Recorded where it occurred.
                                _ => return,
                            };
                            let place = Place::of_layer(&failing.shared.layers[number].name);
                            let error = ConfigError::new(kind, &*failure.message).at(place);
                            let error = failing.redacted(error);
                            failing.progress.refused(number, &error);
                        })
                        .on_success(move |_| succeeding.polled(number))
                        .start(&target)
                        .map_err(|error| cannot_start(error).at(place))?;
                    if let Some(trigger) = &polled.trigger {
                        trigger.connect(poller.handle());
                    }
                    inner
                        .remotes
                        .extend(polled.remote.map(|remote| (number, remote)));
                    inner.pollers.push((number, poller));
                }
            }
        }
        if let Some(cache) = self.cache {
            let layers = inner.pollers.iter().map(|(layer, _)| *layer).collect();
            let state = Arc::new(KeeperState::default());
            let keeper = Keeper::start(cache, &engine, layers, &state, subscription)
                .map_err(cannot_start)?;
            inner.cache = Some((keeper, state));
        }
        Ok(Store {
            inner: Arc::new(inner),
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "a function for `map_err`")]
pub(super) fn cannot_start(error: std::io::Error) -> ConfigError {
    ConfigError::new(ErrorKind::Source, format!("cannot start a thread: {error}"))
}
