//! Serves TLS with a certificate that is replaced while clients connect.
//!
//! Kubernetes mounts a secret as a directory with the files `tls.crt` and `tls.key`, and replaces
//! both at once. Reading one after the other can still give the certificate of one generation and
//! the key of the next. Here both are one typed section ([`Identity`]): they are of one generation,
//! they are parsed once for each generation, and a key that is not that of the certificate is
//! refused, so that the pair in force serves on.
//!
//! ```text
//! $ cargo run -p untorn-live-examples --example tls -- /etc/tls 127.0.0.1:8443
//! listening on 127.0.0.1:8443
//! refused: /etc/tls: the key in tls.key is not that of the certificate in tls.crt
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig, ServerConnection};
use serde::Deserialize;
use untorn_live::{ConfigError, Live, Store};

/// A certificate with its key: a section of the configuration.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Files")]
struct Identity(Arc<CertifiedKey>);

/// The files of a secret of the type `kubernetes.io/tls`.
#[derive(Deserialize)]
struct Files {
    #[serde(rename = "tls.crt")]
    certificate: String,
    #[serde(rename = "tls.key")]
    key: String,
}

/// Runs before a generation is published; an error refuses it.
impl TryFrom<Files> for Identity {
    type Error = String;

    fn try_from(files: Files) -> Result<Self, String> {
        let chain = CertificateDer::pem_slice_iter(files.certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| format!("tls.crt has no certificate: {error}"))?;
        let key = PrivateKeyDer::from_pem_slice(files.key.as_bytes())
            .map_err(|error| format!("tls.key has no key: {error}"))?;
        match CertifiedKey::from_der(chain, key, &provider()) {
            Ok(identity) => Ok(Self(Arc::new(identity))),
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err("the key in tls.key is not that of the certificate in tls.crt".into())
            }
            Err(error) => Err(format!("tls.crt and tls.key cannot be used: {error}")),
        }
    }
}

fn provider() -> CryptoProvider {
    ring::default_provider()
}

/// Gives each handshake the newest certificate.
#[derive(Debug)]
struct Resolver(Live<Identity>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.load().0))
    }
}

/// Follows the certificate of a mount.
fn open(mount: &Path) -> Result<Store, ConfigError> {
    Store::builder()
        .mount(mount)
        .require::<Identity>("")
        .secret("tls.key")
        .on_refusal(|refusal| eprintln!("refused: {}", refusal.error))
        .start()
}

/// Returns the configuration of a server; it waits for the first certificate.
fn server(store: &Store) -> Result<Arc<ServerConfig>, Box<dyn Error>> {
    store.ready(Duration::from_secs(10))?;
    let resolver = Resolver(store.typed("")?);
    let config = ServerConfig::builder_with_provider(provider().into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(resolver));
    Ok(config.into())
}

/// Greets each client, on a thread of its own.
fn serve(listener: &TcpListener, config: &Arc<ServerConfig>) {
    for client in listener.incoming() {
        let config = Arc::clone(config);
        thread::spawn(move || {
            if let Err(error) = client.and_then(|client| greet(client, config)) {
                eprintln!("a connection failed: {error}");
            }
        });
    }
}

fn greet(mut client: TcpStream, config: Arc<ServerConfig>) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = rustls::Stream::new(&mut connection, &mut client);
    stream.write_all(b"hello\n")?;
    connection.send_close_notify();
    connection.complete_io(&mut client).map(drop)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mount = arguments.next().unwrap_or_else(|| "/etc/tls".into());
    let address = arguments.next();
    let store = open(Path::new(&mount))?;
    let config = server(&store)?;
    let listener = TcpListener::bind(address.as_deref().unwrap_or("127.0.0.1:8443"))?;
    println!("listening on {}", listener.local_addr()?);
    serve(&listener, &config);
    Ok(())
}

#[cfg(all(test, unix))]
#[path = "../../crates/untorn/examples/poll_mount/kubelet.rs"]
mod kubelet;

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;
    use std::net::SocketAddr;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Instant;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::client::Resumption;
    use rustls::{ClientConfig, ClientConnection, RootCertStore};

    use super::kubelet::Kubelet;
    use super::*;

    /// Far more than any of these tests takes.
    const TIMEOUT: Duration = Duration::from_secs(60);
    const CLIENTS: usize = 3;
    const HANDSHAKES: usize = 100;
    /// The generations that the handshakes must have met.
    const GENERATIONS: usize = 20;

    /// An authority, and the certificates that may be served, by their generations.
    struct Authority {
        issuer: Issuer<'static, KeyPair>,
        roots: RootCertStore,
        issued: Mutex<Vec<CertificateDer<'static>>>,
    }

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let key = KeyPair::generate().expect("a key");
            let certificate = params.self_signed(&key).expect("signed");
            let mut roots = RootCertStore::empty();
            roots.add(certificate.der().clone()).expect("a root");
            Self {
                issuer: Issuer::new(params, key),
                roots,
                issued: Mutex::default(),
            }
        }

        /// Makes a certificate and a key; both texts are PEM.
        fn make(&self) -> (rcgen::Certificate, KeyPair) {
            let params = CertificateParams::new(["localhost".into()]).expect("a name");
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &self.issuer).expect("signed");
            (certificate, key)
        }

        /// Returns the files of the next generation.
        fn issue(&self) -> [(&'static str, String); 2] {
            let (certificate, key) = self.make();
            let der = certificate.der().clone();
            self.issued.lock().expect("no panic").push(der);
            files(&certificate, &key)
        }

        /// Returns a certificate and the key of another one.
        fn mismatched(&self) -> [(&'static str, String); 2] {
            files(&self.make().0, &self.make().1)
        }

        fn generation(&self, certificate: &CertificateDer<'_>) -> Option<usize> {
            let issued = self.issued.lock().expect("no panic");
            issued.iter().position(|issued| issued == certificate)
        }

        /// Returns the configuration of a client that checks the certificate in each handshake.
        fn client(&self) -> Arc<ClientConfig> {
            let mut config = ClientConfig::builder_with_provider(provider().into())
                .with_safe_default_protocol_versions()
                .expect("supported")
                .with_root_certificates(self.roots.clone())
                .with_no_client_auth();
            // A resumed session has no certificate.
            config.resumption = Resumption::disabled();
            config.into()
        }
    }

    fn files(certificate: &rcgen::Certificate, key: &KeyPair) -> [(&'static str, String); 2] {
        [
            ("tls.crt", certificate.pem()),
            ("tls.key", key.serialize_pem()),
        ]
    }

    /// Connects, and returns the certificate of the server. The handshake fails unless the
    /// certificate is one of the authority, and the key that signed is the certificate's.
    fn connect(address: SocketAddr, config: &Arc<ClientConfig>) -> CertificateDer<'static> {
        let name = "localhost".try_into().expect("a name");
        let mut client = ClientConnection::new(Arc::clone(config), name).expect("a client");
        let mut tcp = TcpStream::connect(address).expect("it listens");
        tcp.set_read_timeout(Some(TIMEOUT)).expect("a limit");
        let mut greeting = String::new();
        let mut stream = rustls::Stream::new(&mut client, &mut tcp);
        let read = stream.read_to_string(&mut greeting);
        read.expect("the handshake is valid");
        assert_eq!(greeting, "hello\n");
        let chain = client.peer_certificates().expect("a chain");
        chain[0].clone().into_owned()
    }

    /// Serves on a loopback port until the process ends.
    fn start(store: &Store) -> SocketAddr {
        let config = server(store).expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || serve(&listener, &config));
        address
    }

    #[test]
    fn handshakes_follow_the_swaps() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kubelet = Kubelet::new(folder.path());
        let authority = Authority::new();
        kubelet.swap(&authority.issue()).expect("swapped");
        let store = open(folder.path()).expect("it starts");
        let address = start(&store);

        let (has_ended, newest) = (AtomicBool::new(false), AtomicUsize::new(0));
        let client = || {
            let (began, config) = (Instant::now(), authority.client());
            let (mut handshakes, mut met) = (0, vec![false]);
            while handshakes < HANDSHAKES || met.iter().filter(|met| **met).count() < GENERATIONS {
                assert!(began.elapsed() < TIMEOUT, "swaps make no generations");
                let before = newest.load(Ordering::SeqCst);
                let served = connect(address, &config);
                let generation = authority.generation(&served);
                let generation = generation.expect("no mismatched pair is served");
                assert!(generation >= before, "{generation} after {before}");
                newest.fetch_max(generation, Ordering::SeqCst);
                met.resize(met.len().max(generation + 1), false);
                met[generation] = true;
                handshakes += 1;
            }
            handshakes
        };
        let handshakes: usize = thread::scope(|scope| {
            let clients = [(); CLIENTS].map(|()| scope.spawn(client));
            let swaps = scope.spawn(|| {
                for swap in 1_u64.. {
                    if has_ended.load(Ordering::SeqCst) {
                        return swap;
                    }
                    let files = match swap % 5 {
                        0 => authority.mismatched(),
                        _ => authority.issue(),
                    };
                    kubelet.swap(&files).expect("swapped");
                    thread::sleep(Duration::from_millis(3));
                }
                0
            });
            let clients = clients.map(|client| client.join());
            has_ended.store(true, Ordering::SeqCst);
            let swaps = swaps.join().expect("no panic");
            println!("{swaps} swaps, {} revisions", store.pin().revision());
            clients.map(|client| client.expect("no panic")).iter().sum()
        });
        println!("{handshakes} handshakes");
    }

    #[test]
    fn mismatched_pair_is_refused_with_a_reason() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kubelet = Kubelet::new(folder.path());
        let authority = Authority::new();
        kubelet.swap(&authority.issue()).expect("swapped");
        let store = open(folder.path()).expect("it starts");
        let address = start(&store);
        let served = || authority.generation(&connect(address, &authority.client()));
        assert_eq!(served(), Some(0));

        kubelet.swap(&authority.mismatched()).expect("swapped");
        let error = store.refresh(TIMEOUT).expect_err("a mismatched pair");
        let expected = format!(
            "{}: the key in tls.key is not that of the certificate in tls.crt",
            folder.path().display()
        );
        assert_eq!(error.to_string(), expected);
        assert_eq!(served(), Some(0));
        // No part of a key is in an error.
        let broken = [("tls.crt", "x".into()), ("tls.key", "hunter2".into())];
        kubelet.swap(&broken).expect("swapped");
        let error = store.refresh(TIMEOUT).expect_err("no certificate");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert_eq!(served(), Some(0));

        kubelet.swap(&authority.issue()).expect("swapped");
        store.refresh(TIMEOUT).expect("a pair");
        assert_eq!(served(), Some(1));
    }
}
