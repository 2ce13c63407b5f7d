//! Requests: their condition, redirects, the body of the response, pauses.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use untorn::mutants::mutant;
use untorn::poller::{FetchedAfter, ResumeToken};
use ureq::Body;
use ureq::http::{HeaderMap, HeaderValue, Response, Version, header};

use super::super::bytes::Digest;
use super::super::remote::{Client, Credential, Url, describe, name_of, send};
use super::super::{Answer, Fetch, RemoteState};
use super::answer::{self, Head};
use super::tags::{Tag, Tags};
use crate::document::Format;
use crate::error::{ConfigError, ErrorKind, Place};

/// A document to request, and what the program sets for the request.
pub(super) struct Request {
    pub(super) url: Url,
    pub(super) format: Option<Format>,
    pub(super) max_size: u64,
    pub(super) bearer: Option<Credential>,
    pub(super) headers: HeaderMap,
    pub(super) max_redirects: u32,
}

impl Request {
    /// Returns the headers for a request to a URL. Those of the user are for one server only.
    fn headers_for(&self, url: &Url) -> Result<HeaderMap, ConfigError> {
        let mut headers = HeaderMap::new();
        if url.is_of_same_origin(&self.url) || mutant("live_token_goes_to_another_server") {
            headers.extend(self.headers.clone());
            if let Some(bearer) = &self.bearer {
                let Ok(mut value) = HeaderValue::try_from(format!("Bearer {}", bearer.read()?))
                else {
                    let message = format!("{bearer} has a character that no header can have");
                    return Err(ConfigError::new(ErrorKind::Unreadable, message));
                };
                value.set_sensitive(true);
                headers.insert(header::AUTHORIZATION, value);
            }
        }
        let identity = HeaderValue::from_static("identity");
        headers.insert(header::ACCEPT_ENCODING, identity);
        // A cache between has to ask the server.
        let no_cache = HeaderValue::from_static("no-cache");
        headers.entry(header::CACHE_CONTROL).or_insert(no_cache);
        Ok(headers)
    }
}

/// A time before which the server wants no request, and why.
struct Pause {
    end: Instant,
    error: ConfigError,
}

/// A response with contents.
struct Document {
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    /// Whether it says where its body ends.
    has_end: bool,
}

impl Document {
    fn token(&self) -> ResumeToken {
        let mut digest = Digest::new();
        digest.add(&self.body);
        digest.token()
    }
}

/// The document of a URL, as the source of a layer.
pub(super) struct Source {
    request: Request,
    client: Client,
    place: Place,
    state: Arc<RemoteState>,
    tags: Tags,
    pause: Option<Pause>,
    /// Whether the last request had no response.
    is_unreachable: bool,
}

impl Source {
    pub(super) fn new(
        request: Request,
        client: Client,
        place: Place,
        state: Arc<RemoteState>,
    ) -> Self {
        Self {
            request,
            client,
            place,
            state,
            tags: Tags::default(),
            pause: None,
            is_unreachable: false,
        }
    }

    fn attempt(&mut self, token: Option<&ResumeToken>) -> Result<Answer, ConfigError> {
        let condition = self.tags.condition(token);
        let Some(document) = self.get(condition.tag.as_ref())? else {
            return Ok(FetchedAfter::Unchanged);
        };
        self.tags.answered();
        if condition.is_left_out {
            self.state.update(|remote| remote.resyncs += 1);
        }
        let tag = Tag {
            token: document.token(),
            etag: answer::etag(&document.headers),
            url: document.url.clone(),
        };
        if token == Some(&tag.token) {
            self.tags.is_same(tag);
            return Ok(FetchedAfter::Unchanged);
        }
        if !document.has_end && !mutant("live_answer_without_end_is_taken") {
            let second = self.get(None)?;
            if second.is_none_or(|second| second.body != document.body) {
                let message = "two responses differ, and only the end of the connection ended them: \
                               half of one looks the same; let the server send a Content-Length";
                return Err(ConfigError::new(ErrorKind::Unstable, message));
            }
        }
        let format = self.request.format.or_else(|| self.request.url.format());
        let (headers, body) = (&document.headers, &document.body);
        let contents = answer::contents(format, headers, body, &self.place)?;
        let token = Some(tag.token.clone());
        self.tags.is_offered(tag);
        Ok(FetchedAfter::Contents { contents, token })
    }

    /// Requests the document; `None` if it is that of the tag.
    fn get(&mut self, tag: Option<&Tag>) -> Result<Option<Document>, ConfigError> {
        let max_redirects = match mutant("live_redirect_is_followed") {
            true => 10,
            false => self.request.max_redirects,
        };
        let mut url = self.request.url.clone();
        let mut followed = 0;
        loop {
            let etag = tag.and_then(|tag| tag.etag_for(&url));
            let is_conditional = etag.is_some();
            let response = self.send(&url, etag)?;
            let (status, headers) = (response.status(), response.headers());
            let location = match answer::head(status, headers, is_conditional) {
                Ok(Head::Contents) => return self.read(url, response).map(Some),
                Ok(Head::NotModified) => return Ok(None),
                Ok(Head::Redirect(location)) => location,
                Err(error) => return Err(self.paused(error, headers)),
            };
            let refuse = |target: &str, why: &str| {
                let message = format!("the server redirects to {target}: {why}");
                Err(ConfigError::new(ErrorKind::Unreachable, message))
            };
            let target = match url.join(&location) {
                Ok(target) => target,
                Err(error) => return refuse(&name_of(&location), error.message()),
            };
            let name = target.name();
            if url.is_secure() && !target.is_secure() {
                return refuse(&name, "this would leave https");
            }
            if followed == max_redirects {
                return match max_redirects {
                    0 => {
                        let message = format!("the server redirects to {name}");
                        let error = ConfigError::new(ErrorKind::Unreachable, message);
                        let help = "set the URL to it, or allow it with `Http::follow_redirects`";
                        Err(error.with_help(help))
                    }
                    max => refuse(&name, &format!("this is more than {max} redirects")),
                };
            }
            followed += 1;
            url = target;
        }
    }

    fn send(
        &mut self,
        url: &Url,
        etag: Option<&HeaderValue>,
    ) -> Result<Response<Body>, ConfigError> {
        let mut headers = self.request.headers_for(url)?;
        if let Some(etag) = etag {
            headers.insert(header::IF_NONE_MATCH, etag.clone());
        }
        let mut request = self.client.connection()?.get(url.uri());
        if let Some(all) = request.headers_mut() {
            *all = headers;
        }
        match send(|| request.call())? {
            Ok(response) => {
                let is_again = std::mem::take(&mut self.is_unreachable);
                let endpoint = url.origin();
                self.state.update(|remote| {
                    remote.reconnects += u64::from(is_again && remote.endpoint.is_some());
                    if remote.endpoint.as_deref() != Some(&*endpoint) {
                        remote.endpoint = Some(endpoint.into());
                    }
                });
                Ok(response)
            }
            Err(error) => {
                self.is_unreachable = true;
                Err(describe(&error))
            }
        }
    }

    /// Reads the whole of a response.
    fn read(&self, url: Url, response: Response<Body>) -> Result<Document, ConfigError> {
        let is_http_1_0 = response.version() == Version::HTTP_10;
        let (parts, body) = response.into_parts();
        let max = self.request.max_size;
        let too_large = |size: &str| {
            let message = format!("the response has {size} bytes; the limit is {max}");
            let error = ConfigError::new(ErrorKind::Unreadable, message);
            error.with_help("raise it with `Http::max_size`")
        };
        let length = body.content_length();
        if let Some(length) = length.filter(|&length| length > max) {
            return Err(too_large(&length.to_string()));
        }
        let mut bytes = Vec::new();
        let mut reader = body.into_with_config().limit(max).reader();
        match reader.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(_) if mutant("live_short_body_is_taken") => {}
            Err(error) => {
                return Err(match ureq::Error::from(error) {
                    ureq::Error::BodyExceedsLimit(_) => too_large("more"),
                    ureq::Error::Io(_) | ureq::Error::Protocol(_) => {
                        // Without the number of bytes that came: the same cause has the same text.
                        let end = match length {
                            Some(length) => format!("all {length} bytes had come"),
                            None => "the last chunk".into(),
                        };
                        let message =
                            format!("the response is cut off: the connection ended before {end}");
                        ConfigError::new(ErrorKind::Unreachable, message)
                    }
                    error => describe(&error),
                });
            }
        }
        Ok(Document {
            has_end: answer::has_end(&parts.headers, is_http_1_0),
            headers: parts.headers,
            body: bytes,
            url,
        })
    }

    /// Obeys a request for a pause, and adds it to the error.
    fn paused(&mut self, error: ConfigError, headers: &HeaderMap) -> ConfigError {
        let now = SystemTime::now();
        let Some(pause) = answer::pause(headers, now) else {
            return error;
        };
        // Without its end, which is another one each time: the same cause has the same text.
        let message = format!("{}; the server asks for a pause", error.message());
        let error = error.with_message(message);
        self.pause = Instant::now().checked_add(pause).map(|end| Pause {
            end,
            error: error.clone(),
        });
        error
    }
}

impl Fetch for Source {
    fn fetch(&mut self, token: Option<&ResumeToken>) -> Result<Answer, ConfigError> {
        let is_over = |pause: &mut Pause| {
            pause.end <= Instant::now() || mutant("live_retry_after_is_ignored")
        };
        _ = self.pause.take_if(is_over);
        let fetched = match &self.pause {
            Some(pause) => Err(pause.error.clone()),
            None => self.attempt(token),
        };
        // The end of the store can look like the end of a response.
        if self.client.is_closed() {
            let error = ConfigError::new(ErrorKind::Ended, "the store has ended");
            return Err(error.at(self.place.clone()));
        }
        fetched.map_err(|error| error.or_place(|| Some(self.place.clone())))
    }

    fn wanted_delay(&self) -> Option<Duration> {
        /// The poller counts from the end of the fetch, which was a moment ago.
        const MARGIN: Duration = Duration::from_millis(1);

        let pause = self.pause.as_ref()?;
        Some(pause.end.saturating_duration_since(Instant::now()) + MARGIN)
    }
}
