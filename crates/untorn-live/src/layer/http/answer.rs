//! What a response says, by its status and its headers. Pure functions: nothing here has a clock or
//! a connection.

use std::time::{Duration, SystemTime};

use ureq::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::super::Contents;
use super::super::bytes;
use crate::document::Format;
use crate::error::{ConfigError, ErrorKind, Place};

/// The longest pause that a server can ask for.
const MAX_PAUSE: Duration = Duration::from_secs(3600);

/// What to do after the head of a response.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head {
    /// Read the body.
    Contents,
    /// The contents are those of the `ETag`.
    NotModified,
    /// Ask at another place.
    Redirect(String),
}

/// Judges the head of a response.
pub(super) fn head(
    status: StatusCode,
    headers: &HeaderMap,
    is_conditional: bool,
) -> Result<Head, ConfigError> {
    match status.as_u16() {
        200 => match text(headers, header::CONTENT_ENCODING) {
            None => Ok(Head::Contents),
            // Some servers send it empty.
            Some(coding) if matches!(&*coding.trim().to_ascii_lowercase(), "" | "identity") => {
                Ok(Head::Contents)
            }
            Some(coding) => Err(unreachable(format!(
                "the response has the encoding {coding:?}, which was not requested; let the server \
                 send it as it is"
            ))),
        },
        304 if is_conditional => Ok(Head::NotModified),
        301 | 302 | 303 | 307 | 308 => match text(headers, header::LOCATION) {
            Some(location) => Ok(Head::Redirect(location.into())),
            None => Err(refused(status)),
        },
        _ => Err(refused(status)),
    }
}

/// Returns the `ETag`, unless it is empty: every document has that one.
pub(super) fn etag(headers: &HeaderMap) -> Option<HeaderValue> {
    let etag = headers.get(header::ETAG)?;
    (!etag.as_bytes().trim_ascii().is_empty()).then(|| etag.clone())
}

/// Returns the error for a status.
fn refused(status: StatusCode) -> ConfigError {
    let advice = match status.as_u16() {
        204 | 205 => "there are no contents; let it send the document",
        206 => "it sent a part although the whole was requested; a cache between may be broken",
        304 => "not modified, although the whole was requested; a cache between may be broken",
        301 | 302 | 303 | 307 | 308 => "a redirect without a target",
        401 | 403 => "check the credentials",
        404 | 410 => "there is no such document; check the URL",
        407 => "check the credentials of the proxy",
        429 => "there were too many requests; use a longer period",
        500.. => "the server or a proxy has failed; check its log",
        _ => "only 200 has a document",
    };
    let error = unreachable(format!("the server answered {status}: {advice}"));
    match status.as_u16() {
        401 | 403 => error.with_help("set them with `Http::bearer_file` or `Http::header`"),
        _ => error,
    }
}

fn unreachable(message: String) -> ConfigError {
    ConfigError::new(ErrorKind::Unreachable, message)
}

/// Returns the time for which the server asks for no request: a number of seconds, or a date, which
/// counts by the clock of the server.
pub(super) fn pause(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = text(headers, header::RETRY_AFTER)?.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let pause = match is_number {
        // A number beyond the range is as good as the limit.
        true => value.parse().map_or(MAX_PAUSE, Duration::from_secs),
        false => {
            let date = |text: &str| httpdate::parse_http_date(text.trim()).ok();
            let sent = text(headers, header::DATE).and_then(date).unwrap_or(now);
            date(value)?.duration_since(sent).ok()?
        }
    };
    (!pause.is_zero()).then(|| pause.min(MAX_PAUSE))
}

/// Returns whether a response says where its body ends other than by the end of the connection.
pub(super) fn has_end(headers: &HeaderMap, is_http_1_0: bool) -> bool {
    let codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let mut codings = codings.filter_map(|value| value.to_str().ok());
    let is_chunked = codings.any(|value| value.to_ascii_lowercase().contains("chunked"));
    headers.contains_key(header::CONTENT_LENGTH) || is_chunked && !is_http_1_0
}

/// Returns the keys of a body.
pub(super) fn contents(
    format: Option<Format>,
    headers: &HeaderMap,
    body: &[u8],
    place: &Place,
) -> Result<Contents, ConfigError> {
    if body.trim_ascii().is_empty() {
        return Err(unreachable("the response is empty".into()).at(place.clone()));
    }
    let format = match format {
        Some(format) => format,
        None => by_type(headers).map_err(|error| error.at(place.clone()))?,
    };
    format.parse(&bytes::text(body, "response", place)?, place)
}

/// Returns the format by the `Content-Type`.
fn by_type(headers: &HeaderMap) -> Result<Format, ConfigError> {
    let content_type = text(headers, header::CONTENT_TYPE).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    let subtype = subtype
        .rsplit_once('+')
        .map_or(subtype, |(_, suffix)| suffix);
    match subtype.strip_prefix("x-").unwrap_or(subtype) {
        "toml" => Ok(Format::Toml),
        "json" => Ok(Format::Json),
        "yaml" => Ok(Format::Yaml),
        _ => {
            let message = format!(
                "unknown format: neither the path nor the Content-Type {essence:?} names one"
            );
            let error = ConfigError::new(ErrorKind::Unreadable, message);
            Err(error.with_help("set it with `Http::format`"))
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
