//! nginx with its own configuration and folder, on a free port, killed at the end.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::programs::is_installed;
use crate::support::{LONG, folder};

pub(super) struct Nginx {
    pub(super) port: u16,
    folder: TempDir,
    child: Child,
}

impl Nginx {
    /// Starts nginx for the files of a folder `www`. Prints that the test is skipped if it is not
    /// installed.
    pub(super) fn start() -> Option<Self> {
        Self::with("", "", |_| {})
    }

    /// Starts nginx with parameters of `listen`, and directives of its server, which may name files
    /// that `prepare` writes into the folder.
    pub(super) fn with(
        listen: &str,
        directives: &str,
        prepare: impl FnOnce(&Path),
    ) -> Option<Self> {
        if !is_installed("nginx") {
            return None;
        }
        let folder = folder();
        let path = folder.path();
        fs::create_dir(path.join("www")).expect("created");
        prepare(path);
        // Another process may take a free port before nginx does.
        for _ in 0..10 {
            let port = free_port();
            let root = path.display();
            let config = format!(
                "daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;\n\
                 events {{ worker_connections 64; }}\n\
                 http {{\n\
                 log_format short '$status $http_authorization';\n\
                 access_log {root}/access.log short;\n\
                 client_body_temp_path {root}/t1; proxy_temp_path {root}/t2;\n\
                 fastcgi_temp_path {root}/t3; uwsgi_temp_path {root}/t4;\n\
                 scgi_temp_path {root}/t5;\n\
                 server {{ listen 127.0.0.1:{port} {listen}; root {root}/www;\n{directives}\n}}\n\
                 }}\n"
            )
            .replace("FOLDER", &root.to_string());
            fs::write(path.join("nginx.conf"), config).expect("written");
            let mut child = Command::new("nginx")
                .arg("-c")
                .arg(path.join("nginx.conf"))
                .arg("-p")
                .arg(path)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("nginx starts");
            if is_listening(port, &mut child) {
                return Some(Self {
                    port,
                    folder,
                    child,
                });
            }
            _ = child.kill();
            _ = child.wait();
        }
        let log = fs::read_to_string(folder.path().join("error.log"));
        panic!("nginx does not start: {log:?}");
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Returns the lines of the access log.
    pub(super) fn log(&self) -> Vec<String> {
        let log = fs::read_to_string(self.path("access.log")).unwrap_or_default();
        log.lines().map(String::from).collect()
    }

    /// Returns the number of answers with a status.
    pub(super) fn count(&self, status: &str) -> usize {
        let log = self.log();
        log.iter().filter(|line| line.starts_with(status)).count()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Waits until nginx listens. Returns false if it has ended.
fn is_listening(port: u16, child: &mut Child) -> bool {
    let began = Instant::now();
    while child.try_wait().expect("a status").is_none() {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            // It may have ended because another program listens there.
            return child.try_wait().expect("a status").is_none();
        }
        assert!(began.elapsed() < LONG, "nginx does not listen");
        thread::sleep(Duration::from_millis(5));
    }
    false
}
