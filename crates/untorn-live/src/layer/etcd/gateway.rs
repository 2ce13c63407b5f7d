//! Calls of etcd's JSON gateway: endpoints, authentication, errors.

use std::io::{self, Read};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use untorn::mutants::mutant;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::super::RemoteState;
use super::super::remote::{CERTIFICATE, Client, Connection, Credential, describe, send};
use super::pace::random;
use super::wire::{AuthenticateRequest, AuthenticateResponse, Failure, WatchRequest, code};
use crate::error::{ConfigError, ErrorKind};

/// The largest answer to a call.
const MAX_ANSWER: u64 = 64 << 20;

/// The most characters of an answer in an error.
const MAX_QUOTED: usize = 200;

/// The servers of a source.
pub(super) struct Gateway {
    client: Client,
    endpoints: Vec<Arc<str>>,
    /// The endpoint that answered last.
    current: usize,
    user: Option<(String, Credential)>,
    /// The token for the user, until the server refuses it.
    token: Option<String>,
    state: Arc<RemoteState>,
}

/// Why a call has failed.
pub(super) enum CallError {
    /// The server has answered with an error.
    Server(Failure),
    /// The answer is larger than the limit, here or in the server.
    TooLarge,
    /// Anything else.
    Other(ConfigError),
}

impl From<ConfigError> for CallError {
    fn from(error: ConfigError) -> Self {
        Self::Other(error)
    }
}

impl CallError {
    pub(super) fn into_error(self) -> ConfigError {
        match self {
            Self::Server(failure) => explain(&failure),
            Self::TooLarge => {
                let message = format!("a response has more than {MAX_ANSWER} bytes");
                ConfigError::new(ErrorKind::Unreadable, message)
            }
            Self::Other(error) => error,
        }
    }

    /// Returns whether another server may answer.
    fn is_of_this_server(&self) -> bool {
        match self {
            Self::Server(failure) => failure.code == code::UNAVAILABLE,
            Self::TooLarge => false,
            Self::Other(error) => error.kind() == ErrorKind::Unreachable,
        }
    }
}

impl Gateway {
    pub(super) fn new(
        client: Client,
        endpoints: Vec<Arc<str>>,
        user: Option<(String, Credential)>,
        state: Arc<RemoteState>,
    ) -> Self {
        // A fleet that starts at once is spread over the servers.
        let current = (random() * endpoints.len() as f64) as usize % endpoints.len();
        Self {
            client,
            endpoints,
            current,
            user,
            token: None,
            state,
        }
    }

    /// Calls a method on the first endpoint that answers, from the current one on.
    pub(super) fn call<T: DeserializeOwned>(
        &mut self,
        path: &str,
        request: &impl Serialize,
    ) -> Result<T, CallError> {
        let body = encode(request);
        self.on_any(|gateway| {
            let token = gateway.token()?;
            let endpoint = gateway.endpoint();
            let connection = gateway.client.connection()?;
            let response = post(connection, &endpoint, path, token.as_deref(), &body)?;
            let bytes = read(response)?;
            serde_json::from_slice(&bytes).map_err(|error| {
                let message = format!("the response of {endpoint} cannot be parsed: {error}");
                ConfigError::new(ErrorKind::Unreachable, message).into()
            })
        })
    }

    /// Begins a watch. Reads of its answer block until there is a change, and end with the
    /// connection.
    pub(super) fn watch(
        &mut self,
        request: &WatchRequest,
    ) -> Result<(Connection, Response<Body>), CallError> {
        let body = encode(request);
        self.on_any(|gateway| {
            let token = gateway.token()?;
            let connection = gateway.client.stream()?;
            let endpoint = gateway.endpoint();
            let response = post(&connection, &endpoint, "/v3/watch", token.as_deref(), &body)?;
            match response.status().as_u16() {
                200 => Ok((connection, response)),
                status => {
                    read(response)?;
                    let message = format!("the server answered {status} to a watch");
                    Err(ConfigError::new(ErrorKind::Unreachable, message).into())
                }
            }
        })
    }

    /// Goes on to the next endpoint: the current one does not send what it should.
    pub(super) fn leave_endpoint(&mut self) {
        if mutant("live_etcd_endpoint_is_kept") {
            return;
        }
        self.current = (self.current + 1) % self.endpoints.len();
    }

    pub(super) fn forget_token(&mut self) {
        self.token = None;
    }

    /// Returns whether the store has ended.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Returns the number of the endpoint that answered last.
    pub(super) fn current(&self) -> usize {
        self.current
    }

    fn endpoint(&self) -> Arc<str> {
        Arc::clone(&self.endpoints[self.current])
    }

    fn on_any<T>(
        &mut self,
        mut call: impl FnMut(&mut Self) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let mut errors: Vec<(Arc<str>, CallError)> = Vec::new();
        for _ in 0..self.endpoints.len() {
            let mut result = call(self);
            if let Err(CallError::Server(failure)) = &result
                && is_token_refused(failure)
                && self.user.is_some()
                && !mutant("live_etcd_token_is_not_renewed")
            {
                // Tokens end after some minutes, and with a restart of the server.
                self.token = None;
                result = call(self);
            }
            match result {
                Err(error) if error.is_of_this_server() && !self.is_closed() => {
                    errors.push((self.endpoint(), error));
                    self.leave_endpoint();
                }
                result => {
                    if result.is_ok() {
                        let endpoint = self.endpoint();
                        self.state.update(|remote| remote.endpoint = Some(endpoint));
                    }
                    return result;
                }
            }
        }
        let errors: Vec<_> = errors
            .into_iter()
            .map(|(endpoint, error)| (endpoint, error.into_error()))
            .collect();
        let texts = errors
            .iter()
            .map(|(endpoint, error)| format!("{endpoint}: {}", error.message()));
        let texts: Vec<_> = texts.collect();
        let error = ConfigError::new(ErrorKind::Unreachable, texts.join("; "));
        let help = errors.iter().find_map(|(_, error)| error.help());
        Err(match help {
            Some(help) => error.with_help(help).into(),
            None => error.into(),
        })
    }

    /// Returns the token for the user, if there is one.
    fn token(&mut self) -> Result<Option<String>, CallError> {
        let (Some((name, password)), None) = (&self.user, &self.token) else {
            return Ok(self.token.clone());
        };
        let password = password.read()?;
        let body = encode(&AuthenticateRequest {
            name,
            password: &password,
        });
        let endpoint = Arc::clone(&self.endpoints[self.current]);
        let connection = self.client.connection()?;
        let path = "/v3/auth/authenticate";
        let bytes = read(post(connection, &endpoint, path, None, &body)?)?;
        let answer: Result<AuthenticateResponse, _> = serde_json::from_slice(&bytes);
        let answer = answer.map_err(|_| {
            let message = "the response to the authentication cannot be parsed";
            ConfigError::new(ErrorKind::Unreachable, message)
        })?;
        if answer.token.is_empty() {
            let message = "the response to the authentication has no token: is this etcd?";
            return Err(ConfigError::new(ErrorKind::Unreachable, message).into());
        }
        self.token = Some(answer.token);
        Ok(self.token.clone())
    }
}

fn encode(request: &impl Serialize) -> Vec<u8> {
    match serde_json::to_vec(request) {
        Ok(body) => body,
        Err(error) => unreachable!("requests are texts and numbers: {error}"),
    }
}

fn post(
    agent: &Agent,
    endpoint: &str,
    path: &str,
    token: Option<&str>,
    body: &[u8],
) -> Result<Response<Body>, CallError> {
    let mut request = agent
        .post(format!("{endpoint}{path}"))
        .content_type("application/json");
    if let Some(token) = token {
        request = request.header("Authorization", token);
    }
    let response = send(|| request.send(body))?;
    response.map_err(|error| {
        let described = describe(&error);
        // A server with TLS 1.3 checks the certificate of the client after the handshake, and may
        // close the connection before its reason is read.
        let is_closed = matches!(&error, ureq::Error::Io(error) if matches!(
            error.kind(),
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof
        ));
        if is_closed && endpoint.starts_with("https:") {
            return described.with_help(CERTIFICATE).into();
        }
        described.into()
    })
}

/// Reads a whole answer. An answer of the server that is an error is one.
fn read(response: Response<Body>) -> Result<Vec<u8>, CallError> {
    let status = response.status();
    let mut bytes = Vec::new();
    let mut reader = response.into_body().into_reader().take(MAX_ANSWER + 1);
    reader.read_to_end(&mut bytes).map_err(|error| {
        let message = format!("the response was cut off: {error}");
        ConfigError::new(ErrorKind::Unreachable, message)
    })?;
    if bytes.len() as u64 > MAX_ANSWER {
        return Err(CallError::TooLarge);
    }
    if status.is_success() {
        return Ok(bytes);
    }
    if let Some(failure) = Failure::parse(&bytes) {
        return Err(match failure.code {
            code::RESOURCE_EXHAUSTED if failure.message.contains("message larger") => {
                CallError::TooLarge
            }
            _ => CallError::Server(failure),
        });
    }
    let text = String::from_utf8_lossy(&bytes);
    let message = match status.as_u16() {
        400 if text.contains("CommonName") => {
            let message = "etcd refuses the certificate of the client, since it has a common \
                           name, and its JSON gateway takes no user from a certificate; use one \
                           without a common name";
            return Err(wants_user(message).into());
        }
        404 => "there is no JSON gateway of etcd: is it etcd 3.4 or newer, and is \
             `--enable-grpc-gateway` set?"
            .into(),
        301..=399 => format!("the server redirects ({status}): give the address itself"),
        _ => match text.trim().lines().next() {
            Some(line) if !line.starts_with('<') => {
                let line: String = line.chars().take(MAX_QUOTED).collect();
                format!("the server answered {status}: {line}")
            }
            _ => format!("the server answered {status}"),
        },
    };
    Err(ConfigError::new(ErrorKind::Unreachable, message).into())
}

fn is_token_refused(failure: &Failure) -> bool {
    // The last one, after a change of rights, has the code of any wrong argument.
    failure.code == code::UNAUTHENTICATED
        || failure.message.contains("invalid auth token")
        || failure.message.contains("revision of auth store is old")
}

/// Returns the error for a request without a user.
fn wants_user(message: &str) -> ConfigError {
    ConfigError::new(ErrorKind::Unreachable, message).with_help("set one with `Etcd::user`")
}

/// Returns the error for an answer of the server.
pub(super) fn explain(failure: &Failure) -> ConfigError {
    let text = failure.message.trim_start_matches("etcdserver: ");
    if text.contains("user name is empty") && failure.code == code::INVALID_ARGUMENT {
        return wants_user(
            "etcd wants a user; its JSON gateway takes none from the certificate of a client",
        );
    }
    let message = if is_token_refused(failure) {
        format!("etcd refused the token: {text}")
    } else {
        format!("etcd answered with an error: {text}")
    };
    ConfigError::new(ErrorKind::Unreachable, message)
}
