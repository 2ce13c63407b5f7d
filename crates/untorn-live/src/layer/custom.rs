//! Closures and sources of the program.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};

use super::fixed::from_serialize;
use super::{Answer, Contents, Entry, Fetch, Layer, Polled, Setup};
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::value::Value;

/// The longest time between two fetches after failures, unless the period is longer.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// A layer that the program fetches itself: by a closure, or by a
/// [`DeltaSource`](untorn::poller::DeltaSource) that returns changes.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use untorn_live::Store;
/// use untorn_live::layer::Custom;
///
/// #[derive(serde::Serialize)]
/// struct Flags {
///     dark_mode: bool,
/// }
///
/// let fetch = || Ok::<_, std::io::Error>(Flags { dark_mode: true }); // a request, for example
/// let flags = Custom::closure("flags", Duration::from_secs(10), fetch);
/// let store = Store::builder().layer(flags).start().unwrap();
/// store.ready(Duration::from_secs(60)).unwrap();
/// assert_eq!(store.pin().get("dark_mode").unwrap().as_bool(), Some(true));
/// ```
pub struct Custom {
    name: Arc<str>,
    period: Duration,
    open: Box<dyn FnOnce(Place) -> Box<dyn Fetch> + Send>,
}

impl Custom {
    /// Creates a layer of a closure that returns all contents, as a struct or a map. It runs on a
    /// thread of the store, at once and then after each `period`.
    ///
    /// # Panics
    /// If the period is zero, when the store is started.
    ///
    /// # Examples
    /// See [`Custom`].
    pub fn closure<F, C, E>(name: &str, period: Duration, mut fetch: F) -> Self
    where
        F: FnMut() -> Result<C, E> + Send + 'static,
        C: Serialize,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let fetch = move |place: &Place| {
            let value = fetch().map_err(|error| described(error, place))?;
            from_serialize(&value, place)
        };
        Self {
            name: name.into(),
            period,
            open: Box::new(move |place| Box::new(Closure { fetch, place })),
        }
    }

    /// Creates a layer of a source that can return the changes since a position: the cost of a poll
    /// is that of its changes.
    ///
    /// Keys are dotted paths, in which segments are quoted that are empty or have a dot or a quote:
    /// `hosts."a.example"`. Another key is an error of the source.
    ///
    /// # Panics
    /// If the period is zero, when the store is started.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
    /// use untorn_live::layer::Custom;
    /// use untorn_live::{Store, Value};
    ///
    /// /// A server whose revision grows by one with each fetch.
    /// struct Server;
    ///
    /// impl DeltaSource for Server {
    ///     type Contents = Vec<(String, Value)>;
    ///     type Deltas = Vec<Delta<String, Value>>;
    ///     type Error = String;
    ///
    ///     fn fetch_after(
    ///         &mut self,
    ///         token: Option<&ResumeToken>,
    ///     ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, String> {
    ///         Ok(match token.and_then(ResumeToken::to_u64) {
    ///             None => FetchedAfter::Contents {
    ///                 contents: vec![
    ///                     ("limits.low".into(), 0.into()),
    ///                     ("limits.high".into(), 9.into()),
    ///                 ],
    ///                 token: Some(0.into()),
    ///             },
    ///             Some(revision) => FetchedAfter::Deltas {
    ///                 deltas: vec![Delta::Put("limits.low".into(), (revision as i64 + 1).into())],
    ///                 token: (revision + 1).into(),
    ///             },
    ///         })
    ///     }
    /// }
    ///
    /// let server = Custom::source("server", Duration::from_millis(10), Server);
    /// let store = Store::builder().layer(server).start().unwrap();
    /// let mut changes = store.subscribe_key("limits.low");
    /// store.ready(Duration::from_secs(60)).unwrap();
    /// changes.recv().unwrap();
    /// assert!(store.pin().contains_key("limits.high"));
    /// ```
    pub fn source<S, K>(name: &str, period: Duration, source: S) -> Self
    where
        S: DeltaSource + Send + 'static,
        S::Contents: IntoIterator<Item = (K, Value)>,
        S::Deltas: IntoIterator<Item = Delta<K, Value>>,
        K: Into<Arc<str>>,
    {
        Self {
            name: name.into(),
            period,
            open: Box::new(move |place| {
                Box::new(Adapter {
                    source,
                    place,
                    position: None,
                })
            }),
        }
    }
}

/// Returns the error of a source with its causes.
fn described(error: impl Into<Box<dyn Error + Send + Sync>>, place: &Place) -> ConfigError {
    let error = error.into();
    let error = match error.downcast::<ConfigError>() {
        Ok(error) => *error,
        Err(error) => {
            let mut message = error.to_string();
            let mut cause = error.source();
            // A chain of causes may have no end.
            for _ in 0..16 {
                let Some(error) = cause else { break };
                message.push_str(": ");
                message.push_str(&error.to_string());
                cause = error.source();
            }
            ConfigError::new(ErrorKind::Source, message)
        }
    };
    error.or_place(|| Some(place.clone()))
}

struct Closure<F> {
    fetch: F,
    place: Place,
}

impl<F> Fetch for Closure<F>
where
    F: FnMut(&Place) -> Result<Contents, ConfigError> + Send,
{
    fn fetch(&mut self, _: Option<&ResumeToken>) -> Result<Answer, ConfigError> {
        let contents = (self.fetch)(&self.place)?;
        Ok(FetchedAfter::Contents {
            contents,
            token: None,
        })
    }
}

struct Adapter<S> {
    source: S,
    place: Place,
    /// The position of the last answer, if it is a number.
    position: Option<u64>,
}

impl<S> Adapter<S> {
    fn checked(&self, key: Arc<str>) -> Result<Arc<str>, ConfigError> {
        match key::is_canonical(&key) {
            true => Ok(key),
            false => {
                let message = format!(
                    "not a dotted path of at most {} segments, in which only segments are quoted \
                     that are empty or have a dot or a quote",
                    key::MAX_DEPTH
                );
                let error = ConfigError::new(ErrorKind::Syntax, message).at_key(&key);
                Err(error.at(self.place.clone()))
            }
        }
    }
}

impl<S, K> Fetch for Adapter<S>
where
    S: DeltaSource + Send,
    S::Contents: IntoIterator<Item = (K, Value)>,
    S::Deltas: IntoIterator<Item = Delta<K, Value>>,
    K: Into<Arc<str>>,
{
    fn fetch(&mut self, token: Option<&ResumeToken>) -> Result<Answer, ConfigError> {
        let answer = self.source.fetch_after(token);
        self.position = match &answer {
            Ok(FetchedAfter::Contents { token, .. }) => token.as_ref(),
            Ok(FetchedAfter::Deltas { token, .. }) => Some(token),
            _ => token,
        }
        .and_then(ResumeToken::to_u64);
        Ok(
            match answer.map_err(|error| described(error, &self.place))? {
                FetchedAfter::Contents { contents, token } => {
                    let entries = contents.into_iter().map(|(key, value)| {
                        let key = self.checked(key.into())?;
                        Ok(Entry::new(key, value, 0))
                    });
                    FetchedAfter::Contents {
                        contents: Contents {
                            entries: entries.collect::<Result<_, ConfigError>>()?,
                        },
                        token,
                    }
                }
                FetchedAfter::Deltas { deltas, token } => {
                    let deltas = deltas.into_iter().map(|delta| {
                        Ok(match delta {
                            Delta::Put(key, value) => {
                                let key = self.checked(key.into())?;
                                Delta::Put(Arc::clone(&key), Entry::new(key, value, 0))
                            }
                            Delta::Delete(key) => Delta::Delete(self.checked(key.into())?),
                        })
                    });
                    FetchedAfter::Deltas {
                        deltas: deltas.collect::<Result<_, ConfigError>>()?,
                        token,
                    }
                }
                FetchedAfter::Unchanged => FetchedAfter::Unchanged,
                FetchedAfter::Gap => FetchedAfter::Gap,
                _ => {
                    let message = "an answer that this version of untorn-live does not support";
                    return Err(ConfigError::new(ErrorKind::Source, message).at(self.place.clone()));
                }
            },
        )
    }

    fn reset(&mut self) {
        self.source.reset_contents();
    }

    fn position(&self) -> Option<u64> {
        self.position
    }

    fn wanted_delay(&self) -> Option<Duration> {
        self.source.wanted_delay()
    }
}

impl From<Custom> for Layer {
    fn from(custom: Custom) -> Self {
        let open = custom.open;
        Self {
            name: custom.name,
            setup: Setup::Polled(Polled {
                period: custom.period,
                min_gap: Duration::from_millis(100).min(custom.period),
                max_backoff: MAX_BACKOFF.max(custom.period),
                initial_delay: Duration::ZERO,
                open: Box::new(move |opening| open(opening.place.clone())),
                trigger: None,
                remote: None,
                #[cfg(any(feature = "file", feature = "mount"))]
                route: None,
                reads: None,
            }),
        }
    }
}

impl std::fmt::Debug for Custom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Custom")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
