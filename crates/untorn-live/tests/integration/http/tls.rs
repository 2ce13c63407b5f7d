//! TLS with nginx: a certificate authority of the test, certificates of clients, renewals.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use untorn_live::Store;
use untorn_live::layer::{Http, Tls};

use super::nginx::Nginx;
use super::{PERIOD, ready, refusal, wait_for_generation};
use crate::support::readers::Readers;
use crate::support::{LONG, folder, generation, place, wait_for_refusal, wait_until};

/// A certificate authority.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([name.to_string()]).expect("a name");
        // A certificate with the name of its issuer would count as signed by itself.
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("signed").pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
        }
    }

    /// Writes a certificate for names, and its key.
    fn write(&self, folder: &Path, file: &str, names: &[&str]) {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let params = CertificateParams::new(names).expect("names");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        fs::write(folder.join(format!("{file}.crt")), certificate.pem()).expect("written");
        fs::write(folder.join(format!("{file}.key")), key.serialize_pem()).expect("written");
    }
}

/// Starts nginx with a certificate of an authority.
fn secure(authority: &Authority, names: &[&str], directives: &str) -> Option<Nginx> {
    let directives = format!(
        "ssl_certificate FOLDER/server.crt; ssl_certificate_key FOLDER/server.key;\n{directives}"
    );
    let nginx = Nginx::with("ssl", &directives, |folder| {
        authority.write(folder, "server", names);
        fs::write(folder.join("clients.crt"), &authority.pem).expect("written");
    })?;
    place(&nginx.path("www/app.toml"), generation::toml(1));
    Some(nginx)
}

fn url(nginx: &Nginx) -> String {
    nginx.url("/app.toml").replacen("http", "https", 1)
}

/// Fetches until a refusal has this text: the server may be too slow for a connection.
#[track_caller]
fn is_refused(store: &Store, expected: &str) {
    wait_until(LONG, expected, || {
        let error = refusal(store).to_string();
        let is_late = error.contains("in time");
        assert!(
            is_late || error.contains(expected),
            "not {expected:?}: {error}"
        );
        !is_late
    });
}

#[test]
fn authority_is_checked_and_can_be_replaced() {
    let (authority, other) = (Authority::new("one"), Authority::new("other"));
    let Some(nginx) = secure(&authority, &["127.0.0.1"], "") else {
        return;
    };
    let folder = folder();
    let ca = folder.path().join("ca.crt");
    fs::write(&ca, &authority.pem).expect("written");
    let store = ready(Http::at(url(&nginx)).tls(Tls::new().ca_file(&ca)));
    let readers = Readers::start(&store);
    place(&ca, &other.pem);
    is_refused(&store, "invalid peer certificate");
    for (text, expected) in [
        ("", "has no certificate in PEM"),
        ("x", "has no certificate in PEM"),
    ] {
        place(&ca, text);
        is_refused(&store, expected);
    }
    fs::remove_file(&ca).expect("removed");
    let error = refusal(&store).to_string();
    assert!(
        error.contains("cannot read") && error.contains("ca.crt"),
        "{error}"
    );
    // Both, as during a renewal.
    place(&ca, other.pem + &authority.pem);
    place(&nginx.path("www/app.toml"), generation::toml(2));
    store.refresh(LONG).expect("an answer");
    wait_for_generation(&store, 2);
    readers.finish();
}

#[test]
fn unknown_authorities_and_names_are_refused() {
    let authority = Authority::new("one");
    let Some(nginx) = secure(&authority, &["b.example"], "") else {
        return;
    };
    let folder = folder();
    let ca = folder.path().join("ca.crt");
    fs::write(&ca, &authority.pem).expect("written");
    // The authorities of the operating system, and the right one for another name.
    for tls in [Tls::new(), Tls::new().ca_file(&ca)] {
        let http = Http::at(url(&nginx)).tls(tls);
        let store = Store::builder().layer(http).start().expect("threads");
        wait_for_refusal(&store, |error| error.to_string().contains("certificate"));
        assert!(store.pin().is_empty());
    }
}

#[test]
fn client_presents_its_certificate() {
    let authority = Authority::new("one");
    let directives = "ssl_client_certificate FOLDER/clients.crt; ssl_verify_client on;";
    let Some(nginx) = secure(&authority, &["127.0.0.1"], directives) else {
        return;
    };
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("ca.crt"), &authority.pem).expect("written");
    let tls = Tls::new().ca_file(path("ca.crt"));
    let without = Http::at(url(&nginx)).tls(tls.clone());
    let store = Store::builder().layer(without).start().expect("threads");
    wait_for_refusal(&store, |error| {
        error.to_string().contains("400 Bad Request")
    });
    authority.write(folder.path(), "client", &["client"]);
    let tls = tls.client_certificate(path("client.crt"), path("client.key"));
    let store = ready(Http::at(url(&nginx)).tls(tls).period(PERIOD));
    assert_eq!(generation::of(&store.pin()), Ok(Some(1)));
    // One of another authority.
    Authority::new("other").write(folder.path(), "client", &["client"]);
    is_refused(&store, "400 Bad Request");
    // Half of a pair that is being replaced.
    authority.write(folder.path(), "next", &["client"]);
    place(
        &path("client.crt"),
        fs::read(path("next.crt")).expect("there"),
    );
    is_refused(&store, "is not that of the certificate");
    place(&path("client.key"), "x");
    is_refused(&store, "client.key has no private key in PEM");
    assert_eq!(generation::of(&store.pin()), Ok(Some(1)));
}
