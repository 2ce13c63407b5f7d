//! A real etcd on a free port of this machine, and a client for its JSON gateway.

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use crate::support::{LONG, folder};

/// The most threads that call the server at once.
const WRITERS: usize = 10;

/// Returns the programs to test with: Debian's 3.4, and 3.5 if it is installed below `target`.
/// Prints that a test is skipped if there is none.
pub(super) fn programs() -> Vec<PathBuf> {
    let mut programs = vec![PathBuf::from("etcd")];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/etcd/bin/etcd");
    programs.push(env::var_os("UNTORN_ETCD").map_or(root, PathBuf::from));
    programs.retain(|program| {
        let mut version = Command::new(program);
        let output = version.arg("--version").stderr(Stdio::null()).output();
        output.is_ok_and(|output| output.status.success())
    });
    if programs.is_empty() {
        println!("skipped: there is no etcd");
    }
    programs
}

/// Returns one of them.
pub(super) fn program() -> Option<PathBuf> {
    programs().pop()
}

/// A server, which is killed when it is dropped.
pub(super) struct Server {
    program: PathBuf,
    options: Vec<String>,
    /// Addresses of clients, besides the plain one of the tests.
    more: Vec<String>,
    address: SocketAddr,
    peers: SocketAddr,
    folder: TempDir,
    child: Child,
    /// Keeps connections to the server open.
    agent: Agent,
}

impl Server {
    pub(super) fn start(program: &Path) -> Self {
        Self::with_options(program, &[])
    }

    pub(super) fn with_options(program: &Path, options: &[&str]) -> Self {
        Self::launch(program, Vec::new(), options)
    }

    /// Starts a server that listens for clients at another address too.
    pub(super) fn with_listener(program: &Path, url: String, options: &[&str]) -> Self {
        Self::launch(program, vec![url], options)
    }

    fn launch(program: &Path, more: Vec<String>, options: &[&str]) -> Self {
        let (address, peers) = (free_address(), free_address());
        let folder = folder();
        let options = options.iter().map(ToString::to_string).collect();
        let child = spawn(program, &options, &more, address, peers, folder.path());
        let server = Self {
            program: program.into(),
            options,
            more,
            address,
            peers,
            folder,
            child,
            agent: agent(),
        };
        server.wait();
        server
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    #[cfg(target_os = "linux")]
    pub(super) fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills the server as `kill -9` does.
    pub(super) fn kill(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }

    /// Starts the server again, with the data that it had.
    pub(super) fn restart(&mut self) {
        self.kill();
        self.respawn();
    }

    /// Starts the server again without any data.
    pub(super) fn restart_empty(&mut self) {
        self.kill();
        self.folder = folder();
        self.respawn();
    }

    fn respawn(&mut self) {
        // Its connections ended with the last server.
        self.agent = agent();
        self.child = spawn(
            &self.program,
            &self.options,
            &self.more,
            self.address,
            self.peers,
            self.folder.path(),
        );
        self.wait();
    }

    fn wait(&self) {
        let start = Instant::now();
        loop {
            let answer = ureq::get(format!("{}/health", self.url())).call();
            if answer.is_ok() {
                return;
            }
            assert!(start.elapsed() < LONG, "etcd does not start: {answer:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Calls a method of the gateway.
    #[track_caller]
    pub(super) fn call(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.url());
        let answer = self
            .agent
            .post(url)
            .content_type("application/json")
            .send(body.to_string());
        let text = answer.expect("etcd answers").body_mut().read_to_string();
        serde_json::from_str(&text.expect("a text")).expect("JSON")
    }

    /// Puts a key, and returns the revision.
    #[track_caller]
    pub(super) fn put(&self, key: &str, value: &str) -> u64 {
        self.change(&[(key, Some(value))])
    }

    #[track_caller]
    pub(super) fn delete(&self, key: &str) -> u64 {
        self.change(&[(key, None)])
    }

    /// Changes keys in one transaction, and returns the revision.
    #[track_caller]
    pub(super) fn change(&self, changes: &[(&str, Option<&str>)]) -> u64 {
        let operations = changes.iter().map(|(key, value)| match value {
            Some(value) => json!({"request_put": {"key": encode(key), "value": encode(value)}}),
            None => json!({"request_delete_range": {"key": encode(key)}}),
        });
        let body = json!({"success": operations.collect::<Vec<_>>()});
        revision(&self.call("/v3/kv/txn", &body))
    }

    pub(super) fn compact(&self, revision: u64) {
        let body = json!({"revision": revision.to_string(), "physical": true});
        self.call("/v3/kv/compaction", &body);
    }

    /// Returns all keys below a prefix, and the revision.
    pub(super) fn list(&self, prefix: &str) -> (Vec<(String, String)>, u64) {
        let mut end = prefix.as_bytes().to_vec();
        *end.last_mut().expect("a prefix") += 1;
        let body = json!({"key": encode(prefix), "range_end": STANDARD.encode(end)});
        let answer = self.call("/v3/kv/range", &body);
        let kvs = answer["kvs"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| decode(value.as_str().unwrap_or_default());
        let pairs = kvs.iter().map(|kv| (text(&kv["key"]), text(&kv["value"])));
        (pairs.collect(), revision(&answer))
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder().max_idle_connections_per_host(WRITERS);
    config.build().into()
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(
    program: &Path,
    options: &Vec<String>,
    more: &[String],
    address: SocketAddr,
    peers: SocketAddr,
    folder: &Path,
) -> Child {
    let plain = [format!("http://{address}")];
    let urls = [&plain, more].concat().join(",");
    Command::new(program)
        .args(["--name", "one", "--data-dir"])
        .arg(folder.join("data"))
        .args(["--listen-client-urls", &urls])
        .args(["--advertise-client-urls", &urls])
        .args(["--listen-peer-urls", &format!("http://{peers}")])
        .args(["--initial-advertise-peer-urls", &format!("http://{peers}")])
        .args(["--initial-cluster", &format!("one=http://{peers}")])
        .args(["--unsafe-no-fsync"])
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("etcd starts")
}

pub(super) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound")
}

fn revision(answer: &Value) -> u64 {
    let revision = answer["header"]["revision"].as_str();
    revision
        .and_then(|revision| revision.parse().ok())
        .unwrap_or_else(|| panic!("{answer}"))
}

pub(super) fn encode(text: &str) -> String {
    STANDARD.encode(text)
}

fn decode(text: &str) -> String {
    String::from_utf8(STANDARD.decode(text).expect("base64")).expect("UTF-8")
}
