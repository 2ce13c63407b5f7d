//! Certificates for servers, and those that a server asks for.

use std::path::PathBuf;

use crate::links;

/// TLS for a source: which certificates a server may have, and the one of this process. Files are
/// read again before each fetch, so that certificates can be replaced; PEM.
///
/// Without it, the certificate of a server is checked against those that the operating system
/// trusts. There is no way to switch the check off.
///
/// # Examples
/// ```
/// use untorn_live::layer::Tls;
///
/// let tls = Tls::new()
///     .ca_file("/etc/etcd/ca.crt")
///     .client_certificate("/etc/etcd/client.crt", "/etc/etcd/client.key");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tls {
    pub(super) ca_file: Option<PathBuf>,
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// Creates the default: the certificates that the operating system trusts, and none of this
    /// process.
    ///
    /// # Examples
    /// See [`Tls`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the certificates in a file, and no others.
    ///
    /// # Examples
    /// See [`Tls`].
    #[must_use]
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(links::absolute(path));
        self
    }

    /// Presents a certificate, whose chain and key are in two files, to a server that asks for one.
    ///
    /// # Examples
    /// See [`Tls`].
    #[must_use]
    pub fn client_certificate(
        mut self,
        chain: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        self.client = Some((links::absolute(chain), links::absolute(key)));
        self
    }
}
