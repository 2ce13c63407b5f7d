//! The arguments of `watch`: an optional key, then sources.

use std::ffi::OsString;
use std::path::Path;

use clap::builder::{OsStringValueParser, TypedValueParser};
use untorn_live::Format;

use super::super::sources::Source;

/// An argument, by its text alone: which files exist does not change its meaning.
#[derive(Clone, Debug)]
pub(crate) struct Argument {
    source: Source,
    /// The text, if it is a key in the first place.
    key: Option<String>,
}

impl Argument {
    /// Returns the parser of an argument.
    pub(super) fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(|argument| Self::parse(&argument))
    }

    fn parse(argument: &OsString) -> Result<Self, String> {
        let key = argument.to_str().filter(|text| {
            !text.contains(['/', ':', '\\'])
                && !text.starts_with('-')
                && Format::of(text).is_none()
                && !matches!(*text, "." | "..")
        });
        let source = match key {
            Some("") => Source::at_path(Path::new(".")),
            _ => Source::parse(argument)?,
        };
        Ok(Self {
            source,
            key: key.map(Into::into),
        })
    }
}

/// Splits the key off, if there is one and a source after it.
pub(super) fn split(arguments: &[Argument]) -> (Option<&str>, Vec<Source>) {
    let (key, sources) = match arguments {
        [first, rest @ ..] if !rest.is_empty() && first.key.is_some() => {
            (first.key.as_deref(), rest)
        }
        all => (None, all),
    };
    let sources = sources.iter().map(|argument| argument.source.clone());
    (key, sources.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_argument_may_be_a_key() {
        let split = |texts: &[&str]| {
            let parsed = texts.iter().map(|text| Argument::parse(&text.into()));
            let arguments: Vec<_> = parsed.map(Result::unwrap).collect();
            let (key, sources) = split(&arguments);
            let names: Vec<_> = sources.into_iter().map(|source| source.name).collect();
            (key.map(String::from), names.join(" "))
        };
        let key = |text: &str| Some(text.to_string());
        assert_eq!(split(&["app.toml"]), (None, "app.toml".into()));
        assert_eq!(split(&["config"]), (None, "config".into()));
        assert_eq!(
            split(&["http.port", "a.toml"]),
            (key("http.port"), "a.toml".into())
        );
        assert_eq!(split(&["a.toml", "b.toml"]), (None, "a.toml b.toml".into()));
        assert_eq!(
            split(&["config/", "b.toml"]),
            (None, "config/ b.toml".into())
        );
        assert_eq!(split(&["env:A_", "config"]), (None, "env:A_ config".into()));
        assert_eq!(split(&["", "config"]), (key(""), "config".into()));
    }
}
