//! Sources in messages, without the passwords that are not allowed in them but may be there.

use clap::Error;
use clap::error::{ContextKind, ContextValue};

/// Returns an argument without the user information and the query of a URL.
///
/// A password may itself have an `@`, a `?` or a `#`, so everything between the scheme and the last
/// `@` is taken for user information.
pub(crate) fn redacted(argument: &str) -> String {
    let Some((scheme, rest)) = argument.split_once(':') else {
        return argument.into();
    };
    let slashes = if rest.starts_with("//") { "//" } else { "" };
    let is_url = !slashes.is_empty() || scheme.to_ascii_lowercase().starts_with("etcd");
    if !is_url {
        return argument.into();
    }
    let (_, address) = rest
        .rsplit_once('@')
        .unwrap_or(("", &rest[slashes.len()..]));
    let (address, _) = address.split_once('?').unwrap_or((address, ""));
    format!("{scheme}:{slashes}{address}")
}

/// Removes what [`redacted`] does from the arguments that a usage error quotes.
pub(crate) fn redact(error: &mut Error) {
    for kind in [
        ContextKind::InvalidValue,
        ContextKind::InvalidSubcommand,
        ContextKind::InvalidArg,
    ] {
        let value = match error.get(kind) {
            Some(ContextValue::String(text)) => ContextValue::String(redacted(text)),
            Some(ContextValue::Strings(texts)) => {
                ContextValue::Strings(texts.iter().map(|text| redacted(text)).collect())
            }
            _ => continue,
        };
        error.insert(kind, value);
    }
}

#[cfg(test)]
mod tests {
    use super::redacted;

    #[test]
    fn passwords_of_urls_are_removed() {
        for (argument, shown) in [
            ("http://u:hunter2@host/x#ini", "http://host/x#ini"),
            (
                "HTTP://127.0.0.1/x?token=hunter2#toml",
                "HTTP://127.0.0.1/x",
            ),
            ("etcd://u:hunter2@host/app/", "etcd://host/app/"),
            ("etcd:u:hunter2@host/app/", "etcd:host/app/"),
            ("http://u:hun@ter?2#@host/x", "http://host/x"),
            ("http://u:hunter2@", "http://"),
            // No URLs.
            ("app.toml", "app.toml"),
            ("mount:config?docs", "mount:config?docs"),
            ("file:user@host.toml", "file:user@host.toml"),
        ] {
            assert_eq!(redacted(argument), shown, "{argument}");
        }
    }
}
