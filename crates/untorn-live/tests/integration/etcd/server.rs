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

use crate::support::{DEADLINE, LONG, folder};

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
    addresses: Addresses,
    folder: TempDir,
    child: Child,
    /// Keeps connections to the server open.
    agent: Agent,
}

/// Where a server listens.
struct Addresses {
    /// For the client of the tests.
    plain: SocketAddr,
    /// For clients with TLS.
    secured: Option<SocketAddr>,
    peers: SocketAddr,
}

impl Server {
    pub(super) fn start(program: &Path) -> Self {
        Self::with_options(program, &[])
    }

    pub(super) fn with_options(program: &Path, options: &[&str]) -> Self {
        Self::launch(program, false, options)
    }

    /// Starts a server that listens for clients with TLS too.
    pub(super) fn with_tls(program: &Path, options: &[&str]) -> Self {
        Self::launch(program, true, options)
    }

    fn launch(program: &Path, is_secured: bool, options: &[&str]) -> Self {
        let options: Vec<_> = options.iter().map(ToString::to_string).collect();
        let start = Instant::now();
        loop {
            let (folder, addresses) = (folder(), Addresses::free(is_secured));
            let mut server = Self {
                child: spawn(program, &options, &addresses, folder.path()),
                program: program.into(),
                options: options.clone(),
                addresses,
                folder,
                agent: agent(),
            };
            if server.answers() {
                return server;
            }
            // Another test may have taken a port before the server did.
            assert!(start.elapsed() < LONG, "etcd ends as soon as it starts");
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.addresses.plain
    }

    pub(super) fn secured_address(&self) -> SocketAddr {
        self.addresses.secured.expect("a server with TLS")
    }

    #[cfg(target_os = "linux")]
    pub(super) fn process_id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address())
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
        let start = Instant::now();
        loop {
            let folder = self.folder.path();
            self.child = spawn(&self.program, &self.options, &self.addresses, folder);
            if self.answers() {
                return;
            }
            // Another test may have a port for a while. Clients use it, so it is waited for.
            assert!(start.elapsed() < LONG, "etcd ends as soon as it starts");
        }
    }

    /// Waits until the server answers, and returns whether it does: otherwise it has ended.
    fn answers(&mut self) -> bool {
        let start = Instant::now();
        while !self.is_healthy() {
            if let Ok(Some(_)) = self.child.try_wait() {
                return false;
            }
            assert!(start.elapsed() < LONG, "etcd does not answer");
            thread::sleep(Duration::from_millis(20));
        }
        true
    }

    /// Returns whether it is this server that answers: another one may have the port, and may not
    /// answer at all.
    fn is_healthy(&self) -> bool {
        let agent: Agent = Agent::config_builder()
            .timeout_connect(Some(DEADLINE))
            .timeout_per_read(Some(DEADLINE))
            .build()
            .into();
        let get = |path: &str| {
            let answer = agent.get(format!("{}{path}", self.url())).call();
            answer.and_then(|mut answer| answer.body_mut().read_to_string())
        };
        // The variables have the arguments, and these have the folder.
        let folder = self.folder.path().display().to_string();
        get("/debug/vars").is_ok_and(|variables| variables.contains(&folder))
            && get("/health").is_ok()
    }

    /// Calls a method of the gateway, again while the server has no leader: an etcd that has had no
    /// processor elects itself anew.
    #[track_caller]
    pub(super) fn call(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.url());
        let began = Instant::now();
        let mut answer = loop {
            let request = self.agent.post(&url).content_type("application/json");
            match request.send(body.to_string()) {
                Err(ureq::Error::StatusCode(503)) if began.elapsed() < LONG => {
                    thread::sleep(Duration::from_millis(50));
                }
                answer => break answer.expect("etcd answers"),
            }
        };
        let text = answer.body_mut().read_to_string();
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

impl Addresses {
    fn free(is_secured: bool) -> Self {
        Self {
            plain: free_address(),
            secured: is_secured.then(free_address),
            peers: free_address(),
        }
    }
}

fn spawn(program: &Path, options: &[String], addresses: &Addresses, folder: &Path) -> Child {
    let mut urls = format!("http://{}", addresses.plain);
    if let Some(secured) = addresses.secured {
        urls += &format!(",https://{secured}");
    }
    let peers = addresses.peers;
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

fn free_address() -> SocketAddr {
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
