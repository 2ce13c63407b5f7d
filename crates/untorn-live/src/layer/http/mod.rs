//! Documents of HTTP servers.
//!
//! | file | contents |
//! |---|---|
//! | `fetch.rs` | requests, with their conditions and redirects |
//! | `tags.rs` | the `ETag`s of responses that were taken |
//! | `answer.rs` | what a response says |
//! | `fuzz.rs` | responses from any bytes, for the fuzzer |

mod answer;
mod fetch;
#[cfg(any(test, untorn_fuzzing))]
pub(crate) mod fuzz;
mod tags;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::{HeaderMap, HeaderName, HeaderValue, header};

use self::fetch::{Request, Source};
use super::remote::{Client, ClientOptions, Credential, Tls, Url, name_of};
use super::{Fetch, Layer, Opening, Polled, RemoteState, Setup};
use crate::document::Format;
use crate::error::{ConfigError, ErrorKind, Place};

/// The default for the time between two requests.
const PERIOD: Duration = Duration::from_secs(30);

/// The shortest time between two requests, unless the period is shorter.
const MIN_GAP: Duration = Duration::from_secs(1);

/// The longest time between two requests after failures.
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// The default for the longest time for a response.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest time between two parts of a response.
const IDLE: Duration = Duration::from_secs(10);

/// The default for the largest document.
const MAX_SIZE: u64 = 64 << 20;

/// The headers that the layer sets itself.
const RESERVED: &[HeaderName] = &[
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_RANGE,
    header::RANGE,
    header::TRANSFER_ENCODING,
];

/// A layer of a document of an HTTP server, fetched every 30 seconds (feature `http`; `https` needs
/// the feature `tls`).
///
/// A request has the `ETag` of the last response that was taken, so an unchanged document costs a
/// few bytes. Every tenth request has none, since an `ETag` can be wrong: that of nginx is the
/// second and the length of the last change.
///
/// A response takes effect only if it is complete. Any status but 200, an empty response, one that
/// is shorter than announced, and one that cannot be parsed leave the last good contents, and
/// [`Store::status`](crate::Store::status) says why. A response that only the end of the connection
/// ends is fetched twice, since half of it would look the same. After a `Retry-After` the next
/// request comes at its end, at most an hour later, or after the backoff if that is longer; it is
/// then up to a tenth later, so that not all clients come at once.
///
/// A proxy that the environment names, by `HTTPS_PROXY` for example, is used unless the server is
/// this machine.
///
/// # Examples
/// ```
/// # use std::io::{Read, Write};
/// # use std::net::TcpListener;
/// use std::time::Duration;
/// use untorn_live::Store;
/// use untorn_live::layer::Http;
///
/// # let listener = TcpListener::bind("127.0.0.1:0").unwrap();
/// # let address = listener.local_addr().unwrap();
/// # std::thread::spawn(move || {
/// #     for stream in listener.incoming() {
/// #         let mut stream = stream.unwrap();
/// #         stream.read(&mut [0; 4096]).unwrap();
/// #         let head = "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n";
/// #         write!(stream, "{head}{{\"port\": 80}}").unwrap();
/// #     }
/// # });
/// # let url = format!("http://{address}/app.json");
/// // let url = "http://config.example/app.json";
/// let http = Http::at(url).period(Duration::from_secs(10));
/// let store = Store::builder().layer(http).start().unwrap();
/// store.ready(Duration::from_secs(60)).unwrap();
/// assert_eq!(store.pin().get("port").unwrap().as_integer(), Some(80));
/// ```
#[derive(Clone)]
pub struct Http {
    url: String,
    format: Option<Format>,
    period: Duration,
    max_size: u64,
    tls: Tls,
    bearer: Option<Credential>,
    headers: Vec<(String, String)>,
    max_redirects: u32,
    timeout: Duration,
    initial_delay: Duration,
}

impl Http {
    /// Creates a layer of the document at a URL. Its format is that of the extension of the path,
    /// or of the `Content-Type`. The name of the layer is the URL without its query.
    ///
    /// # Errors
    /// [`StoreBuilder::start`](crate::StoreBuilder::start) returns one for a wrong URL, one with a
    /// password, and, without the feature `tls`, one with `https`.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Store;
    /// use untorn_live::layer::Http;
    ///
    /// let http = Http::at("http://user:secret@config.example/app.toml");
    /// let error = Store::builder().layer(http).start().unwrap_err();
    /// assert!(!error.to_string().contains("secret"));
    /// ```
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            format: None,
            period: PERIOD,
            max_size: MAX_SIZE,
            tls: Tls::new(),
            bearer: None,
            headers: Vec::new(),
            max_redirects: 0,
            timeout: TIMEOUT,
            initial_delay: Duration::ZERO,
        }
    }

    /// Sets the format, whatever the path and the `Content-Type` say.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::Format;
    /// use untorn_live::layer::Http;
    ///
    /// let http = Http::at("https://config.example/app").format(Format::Toml);
    /// ```
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// Sets the time between two requests. The default is 30 seconds; each is up to a tenth shorter
    /// or longer, so that many processes do not ask together. After failures it is up to a minute.
    ///
    /// # Panics
    /// If it is zero, when the store is started.
    ///
    /// # Examples
    /// See [`Http`].
    #[must_use]
    pub fn period(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// Sets the size in bytes beyond which a document is refused. The default is 64 MiB.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Http;
    ///
    /// let http = Http::at("https://config.example/app.toml").max_size(1 << 20);
    /// ```
    #[must_use]
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = bytes;
        self
    }

    /// Sets the certificates for `https`: those that the server may have, and one of this process.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::{Http, Tls};
    ///
    /// let tls = Tls::new().ca_file("/etc/app/ca.crt");
    /// let http = Http::at("https://config.example/app.toml").tls(tls);
    /// ```
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Sends a bearer token, which is in a file, as `Authorization`. The file is read before each
    /// request, so the token can be replaced. A redirect to another server does not get it.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Http;
    ///
    /// let http = Http::at("https://config.example/app.toml").bearer_file("/run/secrets/token");
    /// ```
    #[must_use]
    pub fn bearer_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.bearer = Some(Credential::file(path));
        self
    }

    /// Sends a bearer token, which is in an environment variable, as
    /// [`bearer_file`](Self::bearer_file) does.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Http;
    ///
    /// let http = Http::at("https://config.example/app.toml").bearer_variable("APP_TOKEN");
    /// ```
    #[must_use]
    pub fn bearer_variable(mut self, name: impl Into<String>) -> Self {
        self.bearer = Some(Credential::Variable(name.into()));
        self
    }

    /// Sends a bearer token that the program has, as [`bearer_file`](Self::bearer_file) does.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Http;
    ///
    /// # let token = "t";
    /// let http = Http::at("https://config.example/app.toml").bearer(token);
    /// ```
    #[must_use]
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.bearer = Some(Credential::Text(token.into()));
        self
    }

    /// Sends a header with each request. A redirect to another server does not get it, since it may
    /// be a secret.
    ///
    /// # Errors
    /// [`StoreBuilder::start`](crate::StoreBuilder::start) returns one for a name or value that no
    /// header can have, and for a header that the layer sets itself, such as `If-None-Match`.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Http;
    ///
    /// let http = Http::at("https://config.example/app.toml").header("X-Environment", "staging");
    /// ```
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Follows up to `max` redirects of a request, but none from `https` to `http`. By default a
    /// redirect is an error that names its target, since a configuration from an unexpected place
    /// should not take effect.
    ///
    /// # Examples
    /// ```
    /// use untorn_live::layer::Http;
    ///
    /// let http = Http::at("https://config.example/latest.toml").follow_redirects(3);
    /// ```
    #[must_use]
    pub fn follow_redirects(mut self, max: u32) -> Self {
        self.max_redirects = max;
        self
    }

    /// Sets the longest time for a request and its whole response. The default is 30 seconds. A
    /// response that pauses for ten seconds has failed before.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::layer::Http;
    ///
    /// let http = Http::at("https://config.example/app.toml").timeout(Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets the longest delay of the first request, which is a random part of it: for fleets whose
    /// processes start at once. [`Store::ready`](crate::Store::ready) waits for it too. The default
    /// is none.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use untorn_live::layer::Http;
    ///
    /// let http = Http::at("https://config.example/app.toml");
    /// let http = http.initial_delay(Duration::from_secs(10));
    /// ```
    #[must_use]
    pub fn initial_delay(mut self, max: Duration) -> Self {
        self.initial_delay = max;
        self
    }

    /// Returns the request, and the settings of its connections.
    fn checked(self) -> Result<(Request, ClientOptions), ConfigError> {
        let url = Url::parse(&self.url)?;
        url.check_tls()?;
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let refuse = |why: &str| {
                let message = format!("cannot send the header {name:?}: {why}");
                Err(ConfigError::new(ErrorKind::Unreadable, message))
            };
            let Ok(name) = HeaderName::try_from(name) else {
                return refuse("no header can have this name");
            };
            if RESERVED.contains(&name) {
                return refuse("the layer sets it itself");
            }
            if name == header::AUTHORIZATION && self.bearer.is_some() {
                return refuse("there is a bearer token too; use one of the two");
            }
            let Ok(mut value) = HeaderValue::try_from(value) else {
                return refuse("no header can have its value");
            };
            value.set_sensitive(true);
            headers.append(name, value);
        }
        let options = ClientOptions {
            tls: self.tls,
            max_redirects: 0,
            idle: IDLE.min(self.timeout),
            whole: self.timeout,
            is_proxy_used: !url.is_loopback(),
        };
        let request = Request {
            url,
            format: self.format,
            max_size: self.max_size,
            bearer: self.bearer,
            headers,
            max_redirects: self.max_redirects,
        };
        Ok((request, options))
    }
}

/// Without values of headers, which may be secrets.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("Http")
            .field("url", &name_of(&self.url))
            .field("format", &self.format)
            .field("period", &self.period)
            .field("max_size", &self.max_size)
            .field("tls", &self.tls)
            .field("bearer", &self.bearer)
            .field("headers", &headers)
            .field("max_redirects", &self.max_redirects)
            .field("timeout", &self.timeout)
            .field("initial_delay", &self.initial_delay)
            .finish()
    }
}

impl From<Http> for Layer {
    fn from(http: Http) -> Self {
        let name: Arc<str> = name_of(&http.url).into();
        let (period, initial_delay) = (http.period, http.initial_delay);
        let (request, options) = match http.checked() {
            Ok(checked) => checked,
            Err(error) => {
                let error = error.at(Place::of_layer(&name));
                return Self {
                    name,
                    setup: Setup::Fixed(Err(error)),
                };
            }
        };
        let remote = Arc::new(RemoteState::default());
        let state = Arc::clone(&remote);
        let open = move |opening: &Opening| -> Box<dyn Fetch> {
            let client = Client::new(options, &opening.closing);
            let place = opening.place.clone();
            Box::new(Source::new(request, client, place, state))
        };
        Self {
            name,
            setup: Setup::Polled(Polled {
                period,
                min_gap: MIN_GAP.min(period),
                max_backoff: MAX_BACKOFF,
                open: Box::new(open),
                initial_delay,
                trigger: None,
                #[cfg(any(feature = "file", feature = "mount"))]
                route: None,
                reads: None,
                remote: Some(remote),
            }),
        }
    }
}
