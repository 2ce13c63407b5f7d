//! An etcd of this machine, in a temporary directory and on a free port, and calls of its gateway.

use std::ffi::OsStr;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::PATIENCE;
use crate::cleanup;

/// The interval at which the server is asked whether it is up.
const STEP: Duration = Duration::from_millis(20);

/// The longest wait for an answer while the server starts. Another process may have taken the port.
const ANSWER: Duration = Duration::from_secs(2);

/// The number of attempts to start a server whose port another process may have taken.
const STARTS: usize = 5;

/// A server. It is killed when this is dropped, and when the command ends early.
pub(super) struct Server {
    version: String,
    address: SocketAddr,
    peers: SocketAddr,
    process: Arc<Mutex<ServerProcess>>,
}

/// The process of a server.
struct ServerProcess {
    folder: TempDir,
    child: Option<Child>,
    /// Set when no process may be started any more.
    has_ended: bool,
}

impl ServerProcess {
    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            _ = child.kill();
            _ = child.wait();
        }
    }

    /// Returns whether the server has ended by itself.
    fn has_exited(&mut self) -> bool {
        let status = self.child.as_mut().map(Child::try_wait);
        matches!(status, Some(Ok(Some(_))))
    }

    /// Kills the server and removes its data, for good.
    fn end(&mut self) {
        self.has_ended = true;
        self.kill();
        cleanup::remove_folder(self.folder.path());
    }

    /// Kills the server and removes its data.
    fn empty(&mut self) -> io::Result<()> {
        self.kill();
        if !self.has_ended {
            self.folder = tempfile::tempdir()?;
        }
        Ok(())
    }

    fn spawn(&mut self, address: SocketAddr, peers: SocketAddr) -> io::Result<()> {
        if self.has_ended {
            return Err(io::Error::from(io::ErrorKind::Interrupted));
        }
        self.child = Some(spawn(&self.folder, address, peers)?);
        Ok(())
    }
}

impl Server {
    /// Starts the `etcd` on the `PATH`.
    pub(super) fn start() -> io::Result<Self> {
        let output = Command::new("etcd").arg("--version").output();
        let output = output.map_err(|_| io::Error::other("there is no etcd on the PATH"))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().next().unwrap_or_default();
        let version = version.trim_start_matches("etcd Version: ").to_string();
        let process = Arc::new(Mutex::new(ServerProcess {
            folder: tempfile::tempdir()?,
            child: None,
            has_ended: false,
        }));
        let mut server = Self {
            version,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            peers: SocketAddr::from(([127, 0, 0, 1], 0)),
            process: Arc::clone(&process),
        };
        cleanup::on_early_exit(move || lock(&process).end())?;
        repeat(|| {
            server.address = free_address()?;
            server.peers = free_address()?;
            server.process().empty()?;
            server.restart_at(server.address)
        })?;
        Ok(server)
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn kill(&mut self) {
        self.process().kill();
    }

    fn process(&self) -> MutexGuard<'_, ServerProcess> {
        lock(&self.process)
    }

    /// Starts the server again with its data.
    pub(super) fn restart(&mut self) -> io::Result<()> {
        repeat(|| self.restart_at(self.address))
    }

    /// Starts the server again without any data.
    pub(super) fn restart_empty(&mut self) -> io::Result<()> {
        self.process().empty()?;
        self.restart()
    }

    /// Changes the data at an address that the store does not watch, and compacts the history.
    pub(super) fn change_unseen(
        &mut self,
        change: impl Fn(&dyn Fn(&str, &Value) -> io::Result<Value>) -> io::Result<u64>,
    ) -> io::Result<u64> {
        let elsewhere = repeat(|| {
            let address = free_address()?;
            self.restart_at(address)?;
            Ok(address)
        })?;
        let url = format!("http://{elsewhere}");
        let revision = change(&|path, body| call(&url, path, body))?;
        let body = json!({"revision": revision.to_string(), "physical": true});
        call(&url, "/v3/kv/compaction", &body)?;
        self.kill();
        Ok(revision)
    }

    /// Puts keys in one transaction, and returns its revision.
    pub(super) fn put(&self, pairs: &[(&str, &str)]) -> io::Result<u64> {
        let url = self.url();
        put(&|path, body| call(&url, path, body), pairs)
    }

    fn restart_at(&mut self, address: SocketAddr) -> io::Result<()> {
        self.kill();
        self.process().spawn(address, self.peers)?;
        self.wait(address)
    }

    /// Waits until the server answers. The kind of the error is `AddrInUse` if it ends instead.
    fn wait(&self, address: SocketAddr) -> io::Result<()> {
        let began = Instant::now();
        let url = format!("http://{address}");
        let body = json!({"key": STANDARD.encode("/")});
        loop {
            let answer = call_within(ANSWER, &url, "/v3/kv/range", &body);
            // Another etcd may have the port, and answer.
            if self.process().has_exited() {
                let message = format!("etcd {} ends when it starts", self.version);
                return Err(io::Error::new(io::ErrorKind::AddrInUse, message));
            }
            let Err(error) = answer else { return Ok(()) };
            if began.elapsed() > PATIENCE {
                let message = format!("etcd {} does not start: {error}", self.version);
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            thread::sleep(STEP);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process().end();
    }
}

fn lock(process: &Mutex<ServerProcess>) -> MutexGuard<'_, ServerProcess> {
    process.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts keys in one transaction by a method of the gateway, and returns its revision.
pub(super) fn put(
    call: &dyn Fn(&str, &Value) -> io::Result<Value>,
    pairs: &[(&str, &str)],
) -> io::Result<u64> {
    let puts = pairs.iter().map(|(key, value)| {
        json!({"request_put": {"key": STANDARD.encode(key), "value": STANDARD.encode(value)}})
    });
    let answer = call("/v3/kv/txn", &json!({"success": puts.collect::<Vec<_>>()}))?;
    let revision = answer["header"]["revision"].as_str();
    let revision = revision.and_then(|revision| revision.parse().ok());
    revision.ok_or_else(|| io::Error::other(format!("etcd answers without a revision: {answer}")))
}

fn call(url: &str, path: &str, body: &Value) -> io::Result<Value> {
    call_within(PATIENCE, url, path, body)
}

fn call_within(timeout: Duration, url: &str, path: &str, body: &Value) -> io::Result<Value> {
    let answer = ureq::post(format!("{url}{path}"))
        .config()
        .timeout_global(Some(timeout))
        .build()
        .content_type("application/json")
        .send(body.to_string());
    let text = answer
        .map_err(io::Error::other)?
        .body_mut()
        .read_to_string();
    Ok(serde_json::from_str(&text.map_err(io::Error::other)?)?)
}

fn spawn(folder: &TempDir, address: SocketAddr, peers: SocketAddr) -> io::Result<Child> {
    let (clients, peers) = (format!("http://{address}"), format!("http://{peers}"));
    let cluster = format!("demo={peers}");
    let options = [
        ("--name", OsStr::new("demo")),
        ("--data-dir", folder.path().as_os_str()),
        ("--listen-client-urls", clients.as_ref()),
        ("--advertise-client-urls", clients.as_ref()),
        ("--listen-peer-urls", peers.as_ref()),
        ("--initial-advertise-peer-urls", peers.as_ref()),
        ("--initial-cluster", cluster.as_ref()),
    ];
    let mut command = Command::new("etcd");
    for (name, value) in options {
        command.arg(name).arg(value);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// Repeats a start while another process has the port.
fn repeat<T>(mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..STARTS {
        match start() {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => thread::sleep(10 * STEP),
            result => return result,
        }
    }
    start()
}

/// Returns an address whose port is free now. Another process may take it before it is used.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_not_waited_for() {
        if Command::new("etcd").arg("--version").output().is_err() {
            println!("skipped: there is no etcd");
            return;
        }
        let mut server = Server::start().expect("it starts");
        let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("an address");
        let error = server.restart_at(address).expect_err("the port is taken");
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse, "{error}");
        server.restart().expect("the port is free");
    }
}
