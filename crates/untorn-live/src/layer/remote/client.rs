//! Connections, with their time limits and TLS.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use ureq::config::Config;
use ureq::{Agent, Timeout};

pub(in crate::layer) use super::closing::Connection;
use super::{Closing, Tls};
use crate::error::{ConfigError, ErrorKind};

/// The longest time to resolve a name, and to connect.
const CONNECT: Duration = Duration::from_secs(5);

/// Limits are capped at this, since ureq panics where an `Instant` overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The settings of the connections of a source.
#[derive(Clone, Debug)]
pub(in crate::layer) struct ClientOptions {
    pub(in crate::layer) tls: Tls,
    /// The most redirects that are followed.
    pub(in crate::layer) max_redirects: u32,
    /// The longest time between two parts of an answer, and for its first part.
    pub(in crate::layer) idle: Duration,
    /// The longest time for an answer as a whole.
    pub(in crate::layer) whole: Duration,
    /// Whether the proxy that the environment names is used.
    pub(in crate::layer) is_proxy_used: bool,
}

/// Opens connections, and does so anew when a file of certificates has changed.
pub(in crate::layer) struct Client {
    options: ClientOptions,
    closing: Arc<Closing>,
    current: Option<(Files, Connection)>,
}

impl Client {
    pub(in crate::layer) fn new(options: ClientOptions, closing: &Arc<Closing>) -> Self {
        Self {
            options,
            closing: Arc::clone(closing),
            current: None,
        }
    }

    /// Opens connections to what `connector` stands for, in place of a network.
    #[cfg(all(feature = "http", any(test, untorn_fuzzing)))]
    pub(in crate::layer) fn with_connector(
        options: ClientOptions,
        closing: &Arc<Closing>,
        connector: impl ureq::unversioned::transport::Connector,
        resolver: impl ureq::unversioned::resolver::Resolver,
    ) -> Self {
        let mut client = Self::new(options, closing);
        let files = Files::read(&client.options.tls).expect("no files");
        let config = client.config(&files, Some(client.options.whole));
        let agent = Agent::with_parts(config.expect("no files"), connector, resolver);
        client.current = Some((files, closing.add(agent)));
        client
    }

    /// Returns whether the store has ended.
    pub(in crate::layer) fn is_closed(&self) -> bool {
        self.closing.is_closed()
    }

    /// Returns the connections for requests with an answer of bounded length.
    pub(in crate::layer) fn connection(&mut self) -> Result<&Connection, ConfigError> {
        let files = Files::read(&self.options.tls)?;
        let is_current = matches!(&self.current, Some((current, _)) if *current == files);
        if !is_current {
            self.current = None;
        }
        let (_, connection) = match self.current.take() {
            Some(current) => self.current.insert(current),
            None => {
                let agent = self.agent(&files, Some(self.options.whole))?;
                self.current.insert((files, self.closing.add(agent)))
            }
        };
        Ok(connection)
    }

    /// Returns a connection for an answer that does not end. Nothing but its drop, and the end of
    /// the store, interrupts a read.
    #[cfg(feature = "etcd")]
    pub(in crate::layer) fn stream(&self) -> Result<Connection, ConfigError> {
        let files = Files::read(&self.options.tls)?;
        Ok(self.closing.add(self.agent(&files, None)?))
    }

    fn agent(&self, files: &Files, whole: Option<Duration>) -> Result<Agent, ConfigError> {
        Ok(self.config(files, whole)?.into())
    }

    fn config(&self, files: &Files, whole: Option<Duration>) -> Result<Config, ConfigError> {
        let options = &self.options;
        let idle = options.idle.min(LONGEST);
        let whole = whole.map(|whole| whole.min(LONGEST));
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(options.max_redirects)
            .max_redirects_will_error(false)
            .user_agent(concat!("untorn-live/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_send_request(Some(idle))
            .timeout_send_body(Some(idle))
            .timeout_recv_response(Some(idle))
            .timeout_per_read(whole.map(|_| idle))
            .timeout_global(whole);
        let config = match options.is_proxy_used {
            true => config,
            false => config.proxy(None),
        };
        #[cfg(feature = "tls")]
        let config = config.tls_config(files.config(&options.tls)?);
        #[cfg(not(feature = "tls"))]
        let Files = files;
        Ok(config.build())
    }
}

/// The texts of the files of certificates.
#[cfg(feature = "tls")]
#[derive(PartialEq)]
struct Files {
    ca: Option<Vec<u8>>,
    client: Option<(Vec<u8>, Vec<u8>)>,
}

#[cfg(feature = "tls")]
impl Files {
    fn read(tls: &Tls) -> Result<Self, ConfigError> {
        let read = |path: &std::path::PathBuf| {
            std::fs::read(path).map_err(|error| {
                let message = format!("cannot read {}: {error}", path.display());
                ConfigError::new(ErrorKind::Unreadable, message)
            })
        };
        let client = tls.client.as_ref();
        Ok(Self {
            ca: tls.ca_file.as_ref().map(read).transpose()?,
            client: client
                .map(|(chain, key)| Ok::<_, ConfigError>((read(chain)?, read(key)?)))
                .transpose()?,
        })
    }

    fn config(&self, tls: &Tls) -> Result<ureq::tls::TlsConfig, ConfigError> {
        use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

        let invalid = |path: &std::path::Path, what: &str| {
            let message = format!("{} has no {what} in PEM", path.display());
            ConfigError::new(ErrorKind::Syntax, message)
        };
        let mut config = TlsConfig::builder().root_certs(RootCerts::PlatformVerifier);
        if let (Some(path), Some(text)) = (&tls.ca_file, &self.ca) {
            let certificates = certificates(text);
            if certificates.is_empty() {
                return Err(invalid(path, "certificate"));
            }
            config = config.root_certs(certificates.into());
        }
        if let (Some((chain_path, key_path)), Some((chain, key))) = (&tls.client, &self.client) {
            let chain: Vec<Certificate<'static>> = certificates(chain);
            if chain.is_empty() {
                return Err(invalid(chain_path, "certificate"));
            }
            let key = PrivateKey::from_pem(key).map_err(|_| invalid(key_path, "private key"))?;
            config = config.client_cert(Some(ClientCert::new_with_certs(&chain, key)));
        }
        Ok(config.build())
    }
}

/// Returns the certificates in a text.
#[cfg(feature = "tls")]
fn certificates(pem: &[u8]) -> Vec<ureq::tls::Certificate<'static>> {
    let items = ureq::tls::parse_pem(pem).filter_map(Result::ok);
    let certificates = items.filter_map(|item| match item {
        ureq::tls::PemItem::Certificate(certificate) => Some(certificate),
        _ => None,
    });
    certificates.collect()
}

/// Without TLS there are no files.
#[cfg(not(feature = "tls"))]
#[derive(PartialEq)]
struct Files;

#[cfg(not(feature = "tls"))]
impl Files {
    fn read(_: &Tls) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

/// Sends a request. The client library panics at a key that is not that of its certificate, as
/// while one of the two files is replaced.
pub(in crate::layer) fn send<T>(
    request: impl FnOnce() -> Result<T, ureq::Error>,
) -> Result<Result<T, ureq::Error>, ConfigError> {
    catch_unwind(AssertUnwindSafe(request)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map_or("", String::as_str);
        if !text.contains("InconsistentKeys") {
            resume_unwind(panic);
        }
        let message = "the private key is not that of the certificate of the client";
        let help = "give files that belong together to `Tls::client_certificate`";
        ConfigError::new(ErrorKind::Unreadable, message).with_help(help)
    })
}

/// The next step for a server that asks for a certificate.
pub(in crate::layer) const CERTIFICATE: &str =
    "if it asks for a certificate, give one with `Tls::client_certificate`";

/// Returns the error of a request.
pub(in crate::layer) fn describe(error: &ureq::Error) -> ConfigError {
    let mut help = None;
    let mut with_reason = |error: String, otherwise: &str| match security(&error) {
        Some((why, advice)) => {
            help = advice;
            format!("{why}: {error}")
        }
        None => format!("{otherwise}: {error}"),
    };
    let message = match error {
        ureq::Error::Timeout(timeout) => format!("the server did not answer: {}", phase(*timeout)),
        ureq::Error::HostNotFound => "the name of the server cannot be resolved".into(),
        ureq::Error::Io(error) => with_reason(error.to_string(), "cannot reach the server"),
        error => with_reason(error.to_string(), "the request failed"),
    };
    let error = ConfigError::new(ErrorKind::Unreachable, message);
    match help {
        Some(help) => error.with_help(help),
        None => error,
    }
}

/// Returns the reason of an error of TLS, and the next step of a developer: texts are all that
/// every layer below has of it.
fn security(error: &str) -> Option<(&'static str, Option<&'static str>)> {
    let has = |parts: &[&str]| parts.iter().any(|part| error.contains(part));
    if has(&["UnknownIssuer", "BadSignature"]) {
        let help = "set the certificates to trust with `Tls::ca_file`";
        Some(("the certificate of the server is not trusted", Some(help)))
    } else if has(&["invalid peer certificate"]) {
        Some(("the certificate of the server is not valid", None))
    } else if has(&["received fatal alert"]) {
        Some(("the server refused this client", Some(CERTIFICATE)))
    } else {
        None
    }
}

/// Returns what took too long.
fn phase(timeout: Timeout) -> &'static str {
    match timeout {
        Timeout::Resolve => "its name was not resolved in time",
        Timeout::Connect => "it accepted no connection in time",
        Timeout::SendRequest | Timeout::SendBody | Timeout::PerWrite => {
            "it did not take the request in time"
        }
        Timeout::RecvResponse => "no response began in time",
        Timeout::PerRead => "the response stopped",
        _ => "the response was not complete in time",
    }
}
