//! Addresses of servers and documents, and the targets of redirects.
#![cfg_attr(
    not(feature = "http"),
    allow(dead_code, reason = "only documents have redirects")
)]

use ureq::http::Uri;

use crate::document::Format;
use crate::error::{ConfigError, ErrorKind};

/// An address by `http` or `https`, with a host and without a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::layer) struct Url(Uri);

impl Url {
    pub(in crate::layer) fn parse(text: &str) -> Result<Self, ConfigError> {
        let refuse = |message: &str| Err(ConfigError::new(ErrorKind::Unreadable, message));
        let Ok(uri) = Uri::try_from(text) else {
            return refuse("not a URL; write http://host/path");
        };
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return refuse("the URL must begin with http:// or https://");
        }
        let Some(authority) = uri.authority().filter(|part| !part.host().is_empty()) else {
            return refuse("the URL has no host; write http://host/path");
        };
        if authority.as_str().contains('@') {
            let message = "the URL has a user or a password, which logs would show";
            let error = ConfigError::new(ErrorKind::Unreadable, message);
            return Err(error.with_help("use `Http::bearer_file`, `Http::header` or `Etcd::user`"));
        }
        let after_host = &authority.as_str()[authority.host().len()..];
        if !after_host.is_empty() && authority.port_u16().is_none() {
            return refuse("the port of the URL is not a number up to 65535");
        }
        Ok(Self(uri))
    }

    /// Returns an error for `https` without the feature `tls`.
    pub(in crate::layer) fn check_tls(&self) -> Result<(), ConfigError> {
        if self.is_secure() && !cfg!(feature = "tls") {
            let message = "https needs the feature `tls` of untorn-live";
            return Err(ConfigError::new(ErrorKind::Unreadable, message));
        }
        Ok(())
    }

    /// Returns the target of a redirect, which may be relative.
    pub(in crate::layer) fn join(&self, location: &str) -> Result<Self, ConfigError> {
        let location = location.split('#').next().unwrap_or_default();
        let origin = self.origin();
        let path = self.0.path();
        let text = match location.as_bytes() {
            _ if has_scheme(location) => location.to_string(),
            [b'/', b'/', ..] => format!("{}:{location}", self.scheme()),
            [b'/', ..] => format!("{origin}{}", without_dots(location)),
            [] | [b'?', ..] => format!("{origin}{path}{location}"),
            _ => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{origin}{}", without_dots(&format!("{folder}/{location}")))
            }
        };
        Self::parse(&text)
    }

    pub(in crate::layer) fn uri(&self) -> &Uri {
        &self.0
    }

    /// Returns the text without its query, which may have secrets.
    pub(in crate::layer) fn name(&self) -> String {
        format!("{}{}", self.origin(), self.0.path())
    }

    /// Returns whether the address is that of a server, without a document.
    #[cfg(feature = "etcd")]
    pub(in crate::layer) fn is_of_server(&self) -> bool {
        matches!(self.0.path(), "" | "/") && self.0.query().is_none()
    }

    /// Returns the scheme, the host and the port.
    pub(in crate::layer) fn origin(&self) -> String {
        let authority = self
            .0
            .authority()
            .map_or("", |authority| authority.as_str());
        format!("{}://{authority}", self.scheme())
    }

    pub(in crate::layer) fn is_secure(&self) -> bool {
        self.scheme() == "https"
    }

    pub(in crate::layer) fn is_of_same_origin(&self, other: &Self) -> bool {
        self.scheme() == other.scheme()
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port() == other.port()
    }

    /// Returns whether the server is this machine, so that no proxy is between.
    pub(in crate::layer) fn is_loopback(&self) -> bool {
        let host = self.host().trim_start_matches('[').trim_end_matches(']');
        let is_address = || {
            host.parse()
                .is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        };
        host.eq_ignore_ascii_case("localhost") || is_address()
    }

    /// Returns the format by the extension of the path.
    pub(in crate::layer) fn format(&self) -> Option<Format> {
        Format::of(self.0.path())
    }

    fn scheme(&self) -> &str {
        self.0.scheme_str().unwrap_or_default()
    }

    fn host(&self) -> &str {
        self.0.host().unwrap_or_default()
    }

    fn port(&self) -> u16 {
        let default = if self.is_secure() { 443 } else { 80 };
        self.0.port_u16().unwrap_or(default)
    }
}

/// Returns the name of a layer for a text that may not be a URL: without query, user and password.
pub(in crate::layer) fn name_of(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) => url.name(),
        Err(_) => {
            let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
            // A password may have a slash or a question mark.
            let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
            let rest = rest.split(['?', '#']).next().unwrap_or_default();
            match scheme {
                "" => rest.into(),
                scheme => format!("{scheme}://{rest}"),
            }
        }
    }
}

/// Returns whether a location begins with a scheme.
fn has_scheme(location: &str) -> bool {
    let scheme = location.split_once(':').map_or("", |(scheme, _)| scheme);
    let mut bytes = scheme.bytes();
    bytes
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Removes the segments `.` and `..` from a path, and leaves the query.
fn without_dots(location: &str) -> String {
    let (path, query) = match location.find('?') {
        Some(start) => location.split_at(start),
        None => (location, ""),
    };
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        segments.push("");
    }
    format!("/{}{query}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    fn targets_of_redirects_may_be_relative() {
        let base = url("https://a.example:8443/v1/app/config.toml?old=1");
        for (location, target) in [
            ("http://b.example/x", "http://b.example/x"),
            ("//b.example/x?y=1", "https://b.example/x?y=1"),
            ("/x", "https://a.example:8443/x"),
            ("next.toml#part", "https://a.example:8443/v1/app/next.toml"),
            ("../x/./y", "https://a.example:8443/v1/x/y"),
            ("../../../x", "https://a.example:8443/x"),
            ("..", "https://a.example:8443/v1/"),
            (
                "?new=1/..",
                "https://a.example:8443/v1/app/config.toml?new=1/..",
            ),
            ("/a/../b?c=../d", "https://a.example:8443/b?c=../d"),
        ] {
            assert_eq!(base.join(location), Ok(url(target)), "{location}");
        }
        for location in [
            "ftp://b.example/x",
            "mailto:b",
            "http://u:p@b.example/",
            "http://[/",
        ] {
            base.join(location).expect_err(location);
        }
    }

    #[test]
    fn origins_are_compared_with_their_ports() {
        let base = url("http://a.example/x");
        for (other, is_same) in [
            ("http://A.example:80/y", true),
            ("https://a.example/x", false),
            ("http://a.example:81/x", false),
            ("http://b.example/x", false),
        ] {
            assert_eq!(base.is_of_same_origin(&url(other)), is_same, "{other}");
        }
        assert!(url("http://127.0.0.1:1/").is_loopback() && url("http://[::1]/").is_loopback());
        assert!(url("http://localhost/").is_loopback() && !base.is_loopback());
    }

    #[test]
    fn names_have_no_secrets() {
        for (text, name) in [
            (
                "http://a.example/x.toml?token=hunter2",
                "http://a.example/x.toml",
            ),
            ("http://u:hunter2@a.example/x", "http://a.example/x"),
            ("http://u:hun/ter2@a.example/x", "http://a.example/x"),
            ("http://u:hun?ter2#@a.example/x?y", "http://a.example/x"),
            ("u:hunter2@a.example", "a.example"),
            ("http://a.example:hunter2@/", "http:///"),
        ] {
            assert_eq!(name_of(text), name);
        }
    }

    #[test]
    fn wrong_urls_are_refused() {
        for (text, part) in [
            ("", "not a URL"),
            ("a b", "not a URL"),
            ("/x", "must begin with"),
            ("a.example/x", "not a URL"),
            ("ftp://a.example/x", "must begin with"),
            ("http://u:hunter2@a.example/x", "`Http::bearer_file`"),
            ("http://u@a.example/x", "`Http::bearer_file`"),
            ("http://a.example:99999/x", "port"),
        ] {
            let error = Url::parse(text).expect_err(text).to_string();
            assert!(
                error.contains(part) && !error.contains("hunter2"),
                "{text}: {error}"
            );
        }
    }
}
