//! Sources of a configuration as arguments: `app.toml`, `mount:/etc/config`, `env:APP_`,
//! `https://config.example/app.toml`, `etcd://127.0.0.1:2379/app/`.

use std::ffi::OsString;
use std::path::Path;

use clap::builder::{OsStringValueParser, TypedValueParser};
use untorn_live::layer::{Env, File, Mount};
#[cfg(feature = "servers")]
use untorn_live::layer::{Etcd, Http};
use untorn_live::{Format, Layer};

use super::Problem;
use super::load::Reading;
#[cfg(feature = "servers")]
use super::{etcd, servers};

/// The schemes, for errors.
const SCHEMES: &str = match cfg!(feature = "servers") {
    true => "the schemes are file:, mount:, env:, http:, https:, etcd: and etcds:",
    false => "the schemes are file:, mount: and env:",
};

/// Returns the part of a command's help that explains sources.
#[cfg(feature = "servers")]
pub(super) fn help() -> String {
    format!("{LOCAL_HELP}\n{}", servers::HELP)
}

/// Returns the part of a command's help that explains sources.
#[cfg(not(feature = "servers"))]
pub(super) fn help() -> String {
    LOCAL_HELP.into()
}

const LOCAL_HELP: &str = "\
Sources, each over those before it:
  app.toml    a file in TOML, JSON or YAML, by its extension; also file:app.toml,
              with options file:app.conf?toml (?json, ?yaml) and file:local.toml?optional, which may be missing
  config/     a directory with one file for each key, such as a Kubernetes mount; also mount:config,
              with options mount:config?documents, which parses its .toml, .json and .yaml files,
              ?only=db/user and ?ignoring=store.jks, which select its files
  env:APP_    the environment variables with this prefix: APP_HTTP__PORT is http.port";

/// A source of a configuration.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Its name, as the layer has it in errors.
    pub(super) name: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    File(File),
    Mount(Mount),
    Env(Env),
    #[cfg(feature = "servers")]
    Etcd(Box<Etcd>),
    #[cfg(feature = "servers")]
    Http(Box<Http>),
}

impl Source {
    /// Returns the parser of an argument.
    pub(super) fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().try_map(|argument| Self::parse(&argument))
    }

    /// Parses an argument.
    pub(super) fn parse(argument: &OsString) -> Result<Self, String> {
        let Some(text) = argument.to_str() else {
            return match scheme(&argument.to_string_lossy()) {
                Some((scheme, _)) if !Path::new(argument).exists() => Err(format!(
                    "the text after `{scheme}:` is not UTF-8; write a path without a scheme"
                )),
                _ => Ok(Self::at_path(Path::new(argument))),
            };
        };
        if text.is_empty() {
            return Err("a source cannot be empty".into());
        }
        if text.starts_with('-') {
            return Err(format!(
                "`{text}` is not a source; put options first, or write ./{text} for a file of this \
                 name"
            ));
        }
        let Some((scheme, rest)) = scheme(text) else {
            return Ok(Self::at_path(Path::new(text)));
        };
        match scheme {
            "file" => Self::file(rest),
            "mount" => Self::mount(rest),
            "env" if rest.is_empty() => {
                Err("the prefix is missing; write env:APP_, for example".into())
            }
            "env" => Ok(Self {
                name: text.into(),
                kind: Kind::Env(Env::prefix(rest)),
            }),
            #[cfg(feature = "servers")]
            "etcd" | "etcds" => {
                let (name, etcd) = etcd::parse(scheme, rest)?;
                let kind = Kind::Etcd(etcd.into());
                Ok(Self { name, kind })
            }
            #[cfg(feature = "servers")]
            "http" | "https" => Self::http(text),
            // A file whose name has a colon.
            _ if Path::new(text).exists() => Ok(Self::at_path(Path::new(text))),
            _ => Err(format!(
                "unknown scheme `{scheme}:`; {SCHEMES}; write ./ before the name of a file"
            )),
        }
    }

    /// Returns a directory or a file, whatever its name.
    pub(super) fn at_path(path: &Path) -> Self {
        let name = path.display().to_string();
        let kind = match path.is_dir() || name.ends_with('/') {
            true => Kind::Mount(Mount::at(path)),
            false => Kind::File(File::at(path)),
        };
        Self { name, kind }
    }

    fn file(text: &str) -> Result<Self, String> {
        let (path, options) = path_and_options(text, "the file", "file:app.toml")?;
        let mut file = File::at(path);
        for option in options {
            file = match option {
                "toml" => file.format(Format::Toml),
                "json" => file.format(Format::Json),
                "yaml" => file.format(Format::Yaml),
                "optional" => file.optional(),
                _ => {
                    return Err(format!(
                        "unknown option `?{option}`; a file takes ?toml, ?json, ?yaml and \
                         ?optional, two of them as ?toml&optional"
                    ));
                }
            };
        }
        Ok(Self {
            name: path.into(),
            kind: Kind::File(file),
        })
    }

    fn mount(text: &str) -> Result<Self, String> {
        let (path, options) = path_and_options(text, "the directory", "mount:/etc/config")?;
        let mut mount = Mount::at(path);
        for option in options {
            mount = match option.split_once('=') {
                None if option == "documents" => mount.documents(),
                Some(("only", path)) => mount.only([path]),
                Some(("ignoring", path)) => mount.ignoring([path]),
                _ => {
                    return Err(format!(
                        "unknown option `?{option}`; a mount takes ?documents, ?only=PATH and \
                         ?ignoring=PATH"
                    ));
                }
            };
        }
        Ok(Self {
            name: path.into(),
            kind: Kind::Mount(mount),
        })
    }

    /// Returns the error for a source that has no keys, where that is a mistake.
    pub(super) fn emptiness(&self) -> Option<Problem> {
        let message = match &self.kind {
            // A variable is rarely set, and an optional file may be missing.
            Kind::Env(_) => return None,
            Kind::File(_) if !Path::new(&self.name).exists() => return None,
            Kind::File(_) => "the file has no keys; if that is right, use --allow-empty",
            #[cfg(feature = "servers")]
            Kind::Http(_) => "the document has no keys; if that is right, use --allow-empty",
            Kind::Mount(_) => "the directory has no keys; if that is right, use --allow-empty",
            #[cfg(feature = "servers")]
            Kind::Etcd(_) => "no key has this prefix; if that is right, use --allow-empty",
        };
        Some(Problem::empty(&self.name, message))
    }

    #[cfg(feature = "servers")]
    fn http(text: &str) -> Result<Self, String> {
        let (url, format) = match text.split_once('#') {
            Some((url, format)) => (url, Some(format)),
            None => (text, None),
        };
        let mut http = Http::at(url);
        if let Some(format) = format {
            http = http.format(match format {
                "toml" => Format::Toml,
                "json" => Format::Json,
                "yaml" => Format::Yaml,
                _ => {
                    return Err(format!(
                        "unknown option `#{format}`; a document takes #toml, #json or #yaml"
                    ));
                }
            });
        }
        let layer = Layer::from(http.clone());
        Ok(Self {
            // Without a query or a password.
            name: layer.name().into(),
            kind: Kind::Http(Box::new(http)),
        })
    }

    /// Returns whether it is read once, when the store starts.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.kind, Kind::Env(_))
    }

    /// Returns the layer.
    #[cfg_attr(
        not(feature = "servers"),
        expect(unused_variables, reason = "only servers have options")
    )]
    pub(super) fn layer(&self, reading: &Reading) -> Layer {
        match self.kind.clone() {
            Kind::File(file) => file.into(),
            Kind::Mount(mount) => mount.into(),
            Kind::Env(env) => env.into(),
            #[cfg(feature = "servers")]
            Kind::Etcd(etcd) => reading.servers.apply_to_etcd(*etcd).into(),
            #[cfg(feature = "servers")]
            Kind::Http(http) => reading.servers.apply(*http).into(),
        }
    }
}

/// Returns whether a text begins with the scheme of a source.
pub(super) fn has_scheme(text: &str) -> bool {
    scheme(text).is_some_and(|(scheme, _)| matches!(scheme, "file" | "mount" | "env" | "etcd"))
}

/// Splits off the scheme. A single letter is a drive of Windows, and a slash before the colon
/// belongs to a path.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.len() > 1 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_scheme.then_some((scheme, rest))
}

/// Splits a path from its options, `path?one&other`.
fn path_and_options<'t>(
    text: &'t str,
    what: &str,
    example: &str,
) -> Result<(&'t str, impl Iterator<Item = &'t str>), String> {
    let (path, options) = text.rsplit_once('?').unwrap_or((text, ""));
    if path.is_empty() {
        return Err(format!(
            "the path of {what} is missing; write {example}, for example"
        ));
    }
    let options = options.split('&').filter(|option| !option.is_empty());
    Ok((path, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Source, String> {
        Source::parse(&text.into())
    }

    #[test]
    fn schemes_and_bare_paths_are_sources() {
        let is_file = |text: &str| matches!(parsed(text).unwrap().kind, Kind::File(_));
        let is_mount = |text: &str| matches!(parsed(text).unwrap().kind, Kind::Mount(_));
        assert!(is_file("app.toml") && is_file("./etcd:app.toml") && is_file("file:src"));
        assert!(is_file(r"C:\app.toml") && is_file("a?b.toml"));
        assert!(is_mount("src") && is_mount("absent/") && is_mount("mount:absent"));
        assert!(parsed("env:APP_").unwrap().is_fixed());
        assert_eq!(parsed("file:a?b.toml?optional").unwrap().name, "a?b.toml");
    }

    #[cfg(feature = "servers")]
    #[test]
    fn urls_are_sources_without_their_secrets() {
        for (text, name) in [
            (
                "https://a.example/x?key=hunter2#toml",
                "https://a.example/x",
            ),
            (
                "http://u:hunter2@a.example/x.toml",
                "http://a.example/x.toml",
            ),
        ] {
            let source = parsed(text).unwrap();
            assert_eq!(source.name, name);
            assert!(!format!("{source:?}").contains("hunter2"), "{source:?}");
        }
        let error = parsed("http://a.example/x#ini").unwrap_err();
        assert!(error.contains("takes #toml, #json or #yaml"), "{error}");
    }

    #[test]
    fn options_reach_the_layer() {
        let of = |text: &str| format!("{:?}", parsed(text).unwrap().kind);
        let file = of("file:app.conf?toml&optional");
        assert!(
            file.contains("Some(Toml)") && file.contains("is_optional: true"),
            "{file}"
        );
        let mount = of("mount:config?documents&only=a/b&ignoring=c");
        assert!(mount.contains("are_documents_parsed: true"), "{mount}");
        assert!(mount.contains("only: Some([\"a/b\"])"), "{mount}");
        assert!(mount.contains("ignored: [\"c\"]"), "{mount}");
    }

    #[cfg(unix)]
    #[test]
    fn path_that_is_not_utf_8_has_no_scheme() {
        use std::os::unix::ffi::OsStringExt;

        let parse = |bytes: &[u8]| Source::parse(&OsString::from_vec(bytes.to_vec()));
        let error = parse(b"file:\xff.toml").unwrap_err();
        assert!(error.contains("write a path without a scheme"), "{error}");
        assert!(matches!(parse(b"./\xff.toml").unwrap().kind, Kind::File(_)));
        assert!(matches!(parse(b"\xff.toml").unwrap().kind, Kind::File(_)));
    }

    #[test]
    fn wrong_sources_get_a_next_step() {
        for (text, word) in [
            ("consul://127.0.0.1/", SCHEMES),
            ("evn:APP_", "unknown scheme `evn:`"),
            ("env:", "write env:APP_"),
            ("file:", "write file:app.toml"),
            ("file:app.toml?documents", "a file takes ?toml"),
            ("mount:config?docs", "a mount takes ?documents"),
            ("mount:config?only", "?only=PATH and ?ignoring=PATH"),
            ("mount:config?documents=1", "unknown option `?documents=1`"),
            ("--json", "put options first"),
            ("", "cannot be empty"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
