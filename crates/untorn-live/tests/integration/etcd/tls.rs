//! etcd with TLS, which asks for a certificate of the client.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
};
use tempfile::TempDir;
use untorn_live::layer::{Etcd, Tls};
use untorn_live::{ErrorKind, Store};

use super::login::enable_users;
use super::server::{Server, program, programs};
use super::{LAYER, layer};
use crate::support::proxy::Proxy;
use crate::support::{LONG, folder, wait_for_refusal};

/// An authority, with its certificate in a file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(folder: &Path, name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("signed");
        let file = folder.join(format!("{name}.crt"));
        fs::write(&file, certificate.pem()).expect("written");
        let issuer = Issuer::new(params, key);
        Self { issuer, file }
    }

    /// Writes a certificate for this machine and its key to two files.
    fn issue(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::new(["127.0.0.1".into()]).expect("an address");
        params.distinguished_name = DistinguishedName::new();
        if name != "nameless" {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let files = ["crt", "key"].map(|ending| folder.join(format!("{name}.{ending}")));
        fs::write(&files[0], certificate.pem()).expect("written");
        fs::write(&files[1], key.serialize_pem()).expect("written");
        files.into()
    }
}

/// A server with TLS, and what its clients need.
struct Secured {
    server: Server,
    folder: TempDir,
    authority: Authority,
    client: (PathBuf, PathBuf),
}

impl Secured {
    fn start(program: &Path) -> Self {
        let folder = folder();
        let authority = Authority::new(folder.path(), "authority");
        let (certificate, key) = authority.issue(folder.path(), "server");
        let client = authority.issue(folder.path(), "client");
        let text = |path: &PathBuf| path.display().to_string();
        let options = [
            "--cert-file",
            &text(&certificate),
            "--key-file",
            &text(&key),
            "--trusted-ca-file",
            &text(&authority.file),
            "--client-cert-auth",
        ];
        Self {
            server: Server::with_tls(program, &options),
            folder,
            authority,
            client,
        }
    }

    fn url(&self) -> String {
        format!("https://{}", self.server.secured_address())
    }

    fn tls(&self) -> Tls {
        let (chain, key) = &self.client;
        Tls::new()
            .ca_file(&self.authority.file)
            .client_certificate(chain, key)
    }
}

fn start(etcd: Etcd) -> Store {
    Store::builder().layer(etcd).start().expect("threads")
}

#[test]
fn keys_are_served_by_tls() {
    for program in programs() {
        let secured = Secured::start(&program);
        secured.server.put("/app/limit", "1");
        let store = start(layer(secured.url()).tls(secured.tls()));
        store.ready(LONG).expect("etcd answers");
        let revision = secured.server.put("/app/limit", "2");
        let config = store.wait_for(LAYER, revision, LONG).expect("it comes");
        assert_eq!(config.get_as::<u8>("limit"), Ok(2));
        assert!(store.stop(LONG));
    }
}

#[test]
fn wrong_certificates_are_errors_that_say_so() {
    let Some(program) = program() else { return };
    let secured = Secured::start(&program);
    let other = Authority::new(secured.folder.path(), "other");
    let (chain, key) = other.issue(secured.folder.path(), "stranger");
    let empty = secured.folder.path().join("empty.crt");
    fs::write(&empty, "").expect("written");
    let trusted = || Tls::new().ca_file(&secured.authority.file);
    let (own_chain, own_key) = &secured.client;
    let settings = [
        (Tls::new().ca_file(&other.file), "`Tls::ca_file`"),
        (Tls::new(), "`Tls::ca_file`"),
        (trusted(), "`Tls::client_certificate`"),
        (
            trusted().client_certificate(&chain, &key),
            "`Tls::client_certificate`",
        ),
        (
            trusted().client_certificate(own_chain, &key),
            "is not that of the certificate",
        ),
        (
            trusted().client_certificate(own_key, own_key),
            "client.key has no certificate",
        ),
        (
            trusted().client_certificate(own_chain, own_chain),
            "client.crt has no private key",
        ),
        (Tls::new().ca_file(&empty), "empty.crt has no certificate"),
        (Tls::new().ca_file("no such file"), "no such file"),
    ];
    for (tls, expected) in settings {
        let store = start(layer(secured.url()).tls(tls));
        wait_for_refusal(&store, |error| error.to_string().contains(expected));
        assert!(!store.status().is_ready);
    }
    // Without TLS at all.
    let store = start(layer(secured.url().replace("https", "http")));
    wait_for_refusal(&store, |error| error.kind() == ErrorKind::Unreachable);
}

/// Files are replaced while the store runs, and the next connection uses them.
#[test]
fn replaced_certificates_are_used_next() {
    let Some(program) = program() else { return };
    let secured = Secured::start(&program);
    secured.server.put("/app/limit", "1");
    let proxy = Proxy::start(secured.server.secured_address());
    let url = proxy.url().replace("http", "https");
    let folder = secured.folder.path();
    let (chain, key) = &secured.client;
    let good = [chain, key, &secured.authority.file].map(|path| fs::read(path).expect("there"));
    let store = start(layer(url).tls(secured.tls()));
    store.ready(LONG).expect("etcd answers");
    // A certificate that the server does not take, in place of the other.
    let other = Authority::new(folder, "other");
    other.issue(folder, "client");
    proxy.cut();
    wait_for_refusal(&store, |error| {
        error.to_string().contains("`Tls::client_certificate`")
    });
    fs::write(chain, &good[0]).expect("written");
    fs::write(key, &good[1]).expect("written");
    let revision = secured.server.put("/app/limit", "2");
    store.wait_for(LAYER, revision, LONG).expect("it comes");
    // The file of the authority is replaced too.
    fs::copy(&other.file, &secured.authority.file).expect("written");
    proxy.cut();
    wait_for_refusal(&store, |error| error.to_string().contains("`Tls::ca_file`"));
    assert_eq!(store.pin().get_as::<u8>("limit"), Ok(2));
    fs::write(&secured.authority.file, &good[2]).expect("written");
    let revision = secured.server.put("/app/limit", "3");
    store.wait_for(LAYER, revision, LONG).expect("it comes");
    // A certificate that is renewed by the same authority.
    secured.authority.issue(folder, "client");
    proxy.cut();
    let revision = secured.server.put("/app/limit", "4");
    store.wait_for(LAYER, revision, LONG).expect("it comes");
}

/// The certificate of a client names no user for the gateway, which refuses those with a name.
#[test]
fn certificate_is_no_user_of_the_gateway() {
    for program in programs() {
        let secured = Secured::start(&program);
        secured.server.put("/app/limit", "1");
        enable_users(&secured.server);
        let store = start(layer(secured.url()).tls(secured.tls()));
        wait_for_refusal(&store, |error| {
            error.to_string().contains("`Etcd::user`") && error.message().contains("common name")
        });
        let (chain, key) = secured.authority.issue(secured.folder.path(), "nameless");
        let tls = secured.tls().client_certificate(chain, key);
        let store = start(layer(secured.url()).tls(tls.clone()));
        wait_for_refusal(&store, |error| {
            error.to_string().contains("`Etcd::user`") && error.message().contains("wants a user")
        });
        let store = start(layer(secured.url()).tls(tls).user("root", "canary"));
        let config = store.ready(LONG).expect("etcd answers");
        assert_eq!(config.get_as::<u8>("limit"), Ok(1));
    }
}
