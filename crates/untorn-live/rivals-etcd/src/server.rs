//! An etcd on a free port, and the writer of its keys.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use etcd_client::{Client, Txn, TxnOp};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use crate::PREFIX;

/// The operations of one transaction, of which etcd allows 128.
const OPERATIONS: usize = 100;

pub struct Server {
    child: Child,
    url: String,
    runtime: Runtime,
    client: Client,
    _folder: TempDir,
}

impl Server {
    /// Starts the etcd on the `PATH`; `None` if there is none.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let [clients, peers] = [(); 2].map(|()| format!("http://{}", free_address()));
        let child = Command::new("etcd")
            .args(["--listen-client-urls", &clients])
            .args(["--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers])
            .args(["--initial-advertise-peer-urls", &peers])
            .args(["--initial-cluster", &format!("default={peers}")])
            .args(["--quota-backend-bytes", "8000000000"])
            .arg("--data-dir")
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        let began = Instant::now();
        let client = loop {
            let connected = runtime.block_on(async {
                let mut client = Client::connect([&clients], None).await?;
                client.status().await?;
                Ok::<_, etcd_client::Error>(client)
            });
            match connected {
                Ok(client) => break client,
                Err(error) => assert!(began.elapsed() < Duration::from_secs(30), "{error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        };
        Some(Self {
            child,
            url: clients,
            runtime,
            client,
            _folder: folder,
        })
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the first line of `etcd --version`.
    pub fn version(&self) -> String {
        let output = Command::new("etcd").arg("--version").output();
        let text = String::from_utf8(output.expect("it was started").stdout);
        let text = text.expect("a text");
        text.lines().next().unwrap_or_default().into()
    }

    /// Puts so many keys, all with the number 0.
    pub fn fill(&mut self, keys: usize) {
        for first in (0..keys).step_by(OPERATIONS) {
            let last = keys.min(first + OPERATIONS);
            let puts: Vec<_> = (first..last)
                .map(|number| TxnOp::put(key(number), "0", None))
                .collect();
            let transaction = Txn::new().and_then(puts);
            let done = self.runtime.block_on(self.client.txn(transaction));
            assert!(done.expect("an answer").succeeded());
        }
    }

    /// Puts one key, and returns when etcd has answered.
    pub fn put(&mut self, number: usize, value: u64) {
        let put = self.client.put(key(number), value.to_string(), None);
        self.runtime.block_on(put).expect("an answer");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Returns the name of a key in etcd.
pub fn key(number: usize) -> String {
    format!("{PREFIX}section{}/key{number}", number % 100)
}

fn free_address() -> std::net::SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address")
}
