//! The keys below a prefix of etcd.
//!
//! | file | contents |
//! |---|---|
//! | `source.rs` | the source: when to list, to watch, to ask again |
//! | `listing.rs` | all keys at one revision, by pages |
//! | `pace.rs` | the pauses between watches that end at once |
//! | `stream.rs` | the thread that reads a watch |
//! | `assemble.rs` | the answers of a watch, put together to revisions |
//! | `keys.rs` | keys and values of etcd as those of a configuration |
//! | `gateway.rs` | calls: endpoints, authentication, errors |
//! | `wire.rs` | the messages |
//! | `model.rs` | tests: random histories and damage |
//! | `fuzz.rs` | answers from any bytes, for the fuzzer |

mod assemble;
#[cfg(any(test, untorn_fuzzing))]
pub(crate) mod fuzz;
mod gateway;
mod keys;
mod listing;
#[cfg(test)]
mod model;
mod pace;
mod source;
mod stream;
mod wire;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::gateway::Gateway;
use self::keys::Naming;
use self::listing::Range;
use self::pace::Pace;
use self::source::{Progress, Source};
use super::remote::{Client, ClientOptions, Credential, Url, name_of};
use super::{Fetch, Layer, Opening, Polled, RemoteState, Setup, Tls, Trigger};
use crate::error::{ConfigError, ErrorKind, Place};

/// The period of polls that look at the state of the watch.
const PERIOD: Duration = Duration::from_secs(5);

/// The longest time between two attempts after failures.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The longest time for a page of keys.
const WHOLE: Duration = Duration::from_secs(60);

/// A layer of the keys below a prefix of etcd. Each revision of etcd is one revision of the store:
/// a transaction is never seen in part. The cost of a change is that of its keys.
///
/// It speaks to the JSON gateway that etcd itself has, by a watch. Where changes may have been
/// missed, since etcd has compacted them, was restored from a backup or has begun anew, all keys
/// are listed again and compared; the configuration in force stays until then, and if the listing
/// is refused. Tested with etcd 3.4 and 3.5; not with 3.6.
///
/// With the prefix `/app/`, the key `/app/http/port` is `http.port`. Values are
/// [texts](crate::Value::Text), which are parsed by the type that reads them. A key that ends with
/// the separator and has no value is a directory of another tool, and left out.
///
/// # Limits
/// A watch that is alive delivers a change at once. How old the keys can be otherwise:
///
/// | what happens | found within |
/// |---|---|
/// | the connection is closed | at once; then attempts with growing pauses of up to 30 s |
/// | the server is gone without a sign | 45 s: after 30 s of silence it is asked |
/// | the watch is dead without a sign, or lost a change and is silent | 45 s: another is opened |
/// | the watch lost a change, and is never silent | the [sweep](Self::sweep): five minutes |
///
/// With [`documents`](Self::documents) each change lists all keys.
///
/// A watch that ends is opened again at once, and after pauses if it ends again within seconds. A
/// layer has two threads, and two connections to one server: one for the watch, and one for other
/// requests. What that means for many processes: [`fleet`](crate::fleet).
///
/// # Examples
/// ```no_run
/// use std::time::Duration;
/// use untorn_live::Store;
/// use untorn_live::layer::Etcd;
///
/// let etcd = Etcd::prefix("/app/").endpoints(["http://127.0.0.1:2379"]);
/// let store = Store::builder().layer(etcd).start().unwrap();
/// let config = store.ready(Duration::from_secs(10)).unwrap();
/// println!("{:?}", config.get("http.port"));
/// ```
#[derive(Clone)]
pub struct Etcd {
    prefix: String,
    separator: String,
    endpoints: Vec<String>,
    user: Option<(String, Credential)>,
    tls: Tls,
    are_documents_parsed: bool,
    max_size: usize,
    sweep: Duration,
    timeout: Duration,
    probe_after: Duration,
    initial_delay: Duration,
}

impl Etcd {
    /// Creates a layer of the keys that begin with `prefix`, such as `/app/`: with the
    /// [separator](Self::separator) at its end, since `/app` has `/apple` too. The empty prefix has
    /// all keys.
    ///
    /// # Examples
    /// See [`Etcd`].
    pub fn prefix(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            separator: "/".into(),
            endpoints: vec!["http://127.0.0.1:2379".into()],
            user: None,
            tls: Tls::new(),
            are_documents_parsed: false,
            max_size: 1 << 30,
            sweep: Duration::from_secs(300),
            timeout: Duration::from_secs(10),
            probe_after: Duration::from_secs(30),
            initial_delay: Duration::ZERO,
        }
    }

    /// Sets the addresses of the servers: `http://host:port` or, with the feature `tls`,
    /// `https://host:port`. One that answers is used; the next when it fails. The default is
    /// `http://127.0.0.1:2379`.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Etcd;
    ///
    /// let etcd = Etcd::prefix("/app/").endpoints(["http://one:2379", "http://two:2379"]);
    /// ```
    #[must_use]
    pub fn endpoints<E: Into<String>>(mut self, endpoints: impl IntoIterator<Item = E>) -> Self {
        self.endpoints = endpoints.into_iter().map(Into::into).collect();
        self
    }

    /// Sets what separates the parts of a key. The default is `/`.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Etcd;
    ///
    /// let etcd = Etcd::prefix("app.").separator(".");
    /// ```
    #[must_use]
    pub fn separator(mut self, separator: impl Into<String>) -> Self {
        self.separator = separator.into();
        self
    }

    /// Authenticates as a user, with a password from a file, which is read at each authentication.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Etcd;
    ///
    /// let etcd = Etcd::prefix("/app/").user_with_password_file("app", "/run/secrets/etcd");
    /// ```
    #[must_use]
    pub fn user_with_password_file(
        mut self,
        name: impl Into<String>,
        path: impl Into<PathBuf>,
    ) -> Self {
        self.user = Some((name.into(), Credential::file(path)));
        self
    }

    /// Authenticates as a user, with a password from an environment variable.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Etcd;
    ///
    /// let etcd = Etcd::prefix("/app/").user_with_password_variable("app", "ETCD_PASSWORD");
    /// ```
    #[must_use]
    pub fn user_with_password_variable(
        mut self,
        name: impl Into<String>,
        variable: impl Into<String>,
    ) -> Self {
        self.user = Some((name.into(), Credential::Variable(variable.into())));
        self
    }

    /// Authenticates as a user.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Etcd;
    ///
    /// # let password = String::new();
    /// let etcd = Etcd::prefix("/app/").user("app", password);
    /// ```
    #[must_use]
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some((name.into(), Credential::Text(password.into())));
        self
    }

    /// Sets the certificates (feature `tls`). A user is not taken from a certificate: etcd's
    /// gateway does not support that. Where users are enabled, it refuses certificates of clients
    /// that have a common name.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::{Etcd, Tls};
    ///
    /// let etcd = Etcd::prefix("/app/")
    ///     .endpoints(["https://etcd:2379"])
    ///     .tls(Tls::new().ca_file("/etc/etcd/ca.crt"));
    /// ```
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Parses the values of keys that end in `.toml`, `.json`, `.yaml` or `.yml` as documents:
    /// their keys take the place of the key of etcd, below its directory. A key that two of them
    /// have is an error. Each change lists all keys then.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Etcd;
    ///
    /// let etcd = Etcd::prefix("/app/").documents();
    /// ```
    #[must_use]
    pub fn documents(mut self) -> Self {
        self.are_documents_parsed = true;
        self
    }

    /// Sets the largest size of all keys and values in bytes; more is an error. The default is
    /// 1 GiB.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Etcd;
    ///
    /// let etcd = Etcd::prefix("/app/").max_size(64 << 20);
    /// ```
    #[must_use]
    pub fn max_size(mut self, bytes: usize) -> Self {
        self.max_size = bytes;
        self
    }

    /// Sets the time after which all keys are listed and compared, for changes that the watch may
    /// have lost: some versions of etcd do lose some. It varies by a fifth. The default is five
    /// minutes.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::layer::Etcd;
    ///
    /// let etcd = Etcd::prefix("/app/").sweep(Duration::from_secs(3600));
    /// ```
    #[must_use]
    pub fn sweep(mut self, period: Duration) -> Self {
        self.sweep = period;
        self
    }

    /// Sets the longest time for an answer to begin, and for its next part. The default is ten
    /// seconds. The answer to a watch has no limit.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::layer::Etcd;
    ///
    /// let etcd = Etcd::prefix("/app/").timeout(Duration::from_secs(3));
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the time of silence after which the server is asked whether it still answers. The
    /// default is 30 seconds.
    ///
    /// # Panics
    /// If it is zero, when the store is started.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::layer::Etcd;
    ///
    /// let etcd = Etcd::prefix("/app/").probe_after(Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn probe_after(mut self, silence: Duration) -> Self {
        self.probe_after = silence;
        self
    }

    /// Sets the longest delay of the first listing, which is a random part of it: for fleets whose
    /// processes start at once. [`Store::ready`](crate::Store::ready) waits for it too. The default
    /// is none. [`fleet`](crate::fleet) has the numbers.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::layer::Etcd;
    ///
    /// let etcd = Etcd::prefix("/app/").initial_delay(Duration::from_secs(10));
    /// ```
    #[must_use]
    pub fn initial_delay(mut self, max: Duration) -> Self {
        self.initial_delay = max;
        self
    }

    fn check(&self) -> Result<Vec<Arc<str>>, ConfigError> {
        let wrong = |message: String| Err(ConfigError::new(ErrorKind::Source, message));
        if self.separator.is_empty() {
            return wrong("the separator is empty".into());
        }
        if !self.prefix.is_empty() && !self.prefix.ends_with(&self.separator) {
            return wrong(format!(
                "the prefix `{}` has other keys too, such as `{0}le`; let it end with `{}`",
                self.prefix, self.separator
            ));
        }
        if self.endpoints.is_empty() {
            return wrong("there are no endpoints".into());
        }
        let mut endpoints = Vec::new();
        for endpoint in &self.endpoints {
            let url = Url::parse(endpoint)?;
            url.check_tls()?;
            if !url.is_of_server() {
                return wrong(format!(
                    "the endpoint {} has a path; write http://host:port",
                    url.name()
                ));
            }
            endpoints.push(url.origin().into());
        }
        Ok(endpoints)
    }
}

/// Without passwords, which the address of an endpoint may have by mistake.
impl fmt::Debug for Etcd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoints = self.endpoints.iter();
        let endpoints: Vec<_> = endpoints.map(|endpoint| name_of(endpoint)).collect();
        f.debug_struct("Etcd")
            .field("prefix", &self.prefix)
            .field("separator", &self.separator)
            .field("endpoints", &endpoints)
            .field("user", &self.user)
            .field("tls", &self.tls)
            .field("are_documents_parsed", &self.are_documents_parsed)
            .field("max_size", &self.max_size)
            .field("sweep", &self.sweep)
            .field("timeout", &self.timeout)
            .field("probe_after", &self.probe_after)
            .field("initial_delay", &self.initial_delay)
            .finish()
    }
}

impl From<Etcd> for Layer {
    fn from(etcd: Etcd) -> Self {
        let name: Arc<str> = format!("etcd:{}", etcd.prefix).into();
        let endpoints = match etcd.check() {
            Ok(endpoints) => endpoints,
            Err(error) => {
                let error = error.or_place(|| Some(Place::of_layer(&name)));
                return Self {
                    name,
                    setup: Setup::Fixed(Err(error)),
                };
            }
        };
        let (period, initial_delay) = (PERIOD.min(etcd.probe_after), etcd.initial_delay);
        let trigger = Arc::new(Trigger::default());
        let state = Arc::new(RemoteState::default());
        let (source_trigger, source_state) = (Arc::clone(&trigger), Arc::clone(&state));
        let open = move |opening: &Opening| -> Box<dyn Fetch> {
            let options = ClientOptions {
                tls: etcd.tls,
                max_redirects: 0,
                idle: etcd.timeout,
                whole: WHOLE,
                is_proxy_used: false,
            };
            let client = Client::new(options, &opening.closing);
            Box::new(Source {
                gateway: Gateway::new(client, endpoints, etcd.user, Arc::clone(&source_state)),
                range: Range::of_prefix(&etcd.prefix),
                naming: Naming {
                    prefix: etcd.prefix.into(),
                    separator: etcd.separator.into(),
                    are_documents_parsed: etcd.are_documents_parsed,
                    place: opening.place.clone(),
                },
                max_size: etcd.max_size,
                sweep: etcd.sweep,
                probe_after: etcd.probe_after,
                trigger: source_trigger,
                state: source_state,
                place: opening.place.clone(),
                progress: Progress::default(),
                pace: Pace::new(MAX_BACKOFF),
            })
        };
        Self {
            name,
            setup: Setup::Polled(Polled {
                period,
                // Each revision is one poll.
                min_gap: Duration::ZERO,
                max_backoff: MAX_BACKOFF,
                initial_delay,
                open: Box::new(open),
                trigger: Some(trigger),
                #[cfg(any(feature = "file", feature = "mount"))]
                route: None,
                reads: None,
                remote: Some(state),
            }),
        }
    }
}
