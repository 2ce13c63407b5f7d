//! Options for sources with servers. Passwords and tokens are in files or environment variables,
//! since arguments are shown by `ps`.

use std::path::PathBuf;

use untorn_live::layer::{Etcd, Http, Tls};

/// The part of a command's help that explains these sources.
pub(super) const HELP: &str = "  https://config.example/app.toml
              a document of a server, in TOML, JSON or YAML by its extension or its Content-Type; also http://,
              with an option https://config.example/app#toml (#json, #yaml)
  etcd://127.0.0.1:2379/app/
              the keys below a prefix of etcd, by TLS with etcds://; several servers are separated by commas;
              with an option ?documents, which parses values by the extensions of their keys";

/// The heading of these options in a command's help.
const HEADING: &str = "Options of http, https, etcd and etcds sources";

/// The options of sources with servers.
#[derive(clap::Args, Clone, Debug, Default)]
pub(super) struct Servers {
    /// Trusts the certificates in this file, in PEM, and no others.
    #[arg(long, help_heading = HEADING, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Presents the certificate in this file to a server that asks for one.
    #[arg(long, help_heading = HEADING, value_name = "FILE", requires = "client_key")]
    client_certificate: Option<PathBuf>,
    /// The key of the certificate.
    #[arg(long, help_heading = HEADING, value_name = "FILE", requires = "client_certificate")]
    client_key: Option<PathBuf>,
    /// Sends the bearer token in this file to each http or https source.
    #[arg(long, help_heading = HEADING, value_name = "FILE", conflicts_with = "bearer_variable")]
    bearer_file: Option<PathBuf>,
    /// Sends the bearer token in this environment variable to each http or https source.
    #[arg(long, help_heading = HEADING, value_name = "NAME")]
    bearer_variable: Option<String>,
    /// Follows redirects, at most this many in a row.
    #[arg(long, help_heading = HEADING, default_value_t = 0, value_name = "REDIRECTS")]
    follow_redirects: u32,
    /// Authenticates to each etcd as this user.
    #[arg(long, help_heading = HEADING, value_name = "NAME", requires = "password")]
    user: Option<String>,
    /// The password of the user is in this file.
    #[arg(long, help_heading = HEADING, value_name = "FILE", requires = "user", group = "password")]
    password_file: Option<PathBuf>,
    /// The password of the user is in this environment variable.
    #[arg(long, help_heading = HEADING, value_name = "VARIABLE", requires = "user", group = "password")]
    password_variable: Option<String>,
}

impl Servers {
    /// Returns a source with these options.
    pub(super) fn apply(&self, http: Http) -> Http {
        let mut http = http.tls(self.tls()).follow_redirects(self.follow_redirects);
        if let Some(path) = &self.bearer_file {
            http = http.bearer_file(path);
        }
        if let Some(name) = &self.bearer_variable {
            http = http.bearer_variable(name);
        }
        http
    }

    /// Returns a source with these options.
    pub(super) fn apply_to_etcd(&self, etcd: Etcd) -> Etcd {
        let etcd = etcd.tls(self.tls());
        match (&self.user, &self.password_file, &self.password_variable) {
            (Some(user), Some(path), _) => etcd.user_with_password_file(user, path),
            (Some(user), _, Some(name)) => etcd.user_with_password_variable(user, name),
            _ => etcd,
        }
    }

    fn tls(&self) -> Tls {
        let mut tls = Tls::new();
        if let Some(path) = &self.ca_file {
            tls = tls.ca_file(path);
        }
        if let (Some(chain), Some(key)) = (&self.client_certificate, &self.client_key) {
            tls = tls.client_certificate(chain, key);
        }
        tls
    }
}

/// Returns the next step for an error of a source, by the call that the library names.
pub(super) fn advice(help: &str, layer: &str) -> Option<String> {
    let is_about = |call: &str| help.contains(&format!("`Http::{call}`"));
    if is_about("bearer_file") {
        Some("give a token by --bearer-file or --bearer-variable".into())
    } else if is_about("follow_redirects") {
        Some("give the target as the source, or use --follow-redirects 1".into())
    } else if help.contains("`Etcd::user`") {
        Some(
            "give a user by --user, and a password by --password-file or --password-variable"
                .into(),
        )
    } else if help.contains("`Tls::ca_file`") {
        Some("give the file of the certificates to trust by --ca-file".into())
    } else if help.contains("`Tls::client_certificate`") {
        Some(
            "if the server asks for a certificate, give one by --client-certificate and \
             --client-key"
                .into(),
        )
    } else if is_about("format") {
        Some(format!("name the format: {layer}#toml, #json or #yaml"))
    } else {
        None
    }
}
