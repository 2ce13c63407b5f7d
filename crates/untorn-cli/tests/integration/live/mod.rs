//! The commands that read configurations.

mod demo;
mod diff;
mod get;
mod http;
mod secrets;
mod watch;

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use self::watch::Watched;

/// A folder of sources, in which the command runs.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// Creates a folder of files that were written long ago, so that they are read at once.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        for (name, contents) in files {
            folder.write(name, contents);
            let file = File::options().write(true).open(folder.path(name));
            let long_ago = SystemTime::now() - Duration::from_secs(60);
            file.and_then(|file| file.set_modified(long_ago))
                .expect("a file");
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, contents: &str) {
        let path = self.path(name);
        let parent = path.parent().expect("below the folder");
        fs::create_dir_all(parent).expect("a folder");
        fs::write(path, contents).expect("a file");
    }

    /// Saves a file by a rename.
    pub(crate) fn save(&self, name: &str, contents: &str) {
        self.write("new", contents);
        fs::rename(self.path("new"), self.path(name)).expect("a file");
    }

    /// Returns the command, run in the folder, with one variable beside those that it needs.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_untorn"));
        command.args(args).current_dir(self.0.path());
        command.env("APP_HTTP__PORT", "8080");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the command runs")
    }

    /// Returns the exit status, and what was printed to stdout and stderr.
    fn outcome(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let output = self.run(args);
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// Returns the document of a command, whatever its exit status.
    pub(crate) fn document(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        let error = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{error}"))
    }
}

/// The longest wait for a line, far above the usual one.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that answers no request.
struct SilentServer {
    listener: TcpListener,
    url: String,
}

impl SilentServer {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let url = format!("http://{address}/silent.toml");
        Self { listener, url }
    }

    /// Waits for a connection, which stays open until it is dropped.
    fn accept(&self) -> TcpStream {
        self.listener.set_nonblocking(true).expect("a setting");
        let began = Instant::now();
        loop {
            match self.listener.accept() {
                Ok((stream, _)) => return stream,
                Err(error) => assert!(began.elapsed() < PATIENCE, "no connection: {error}"),
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A file with an error on line 2, and one that is well-formed.
pub(crate) const BROKEN: (&str, &str) = ("broken.toml", "[http]\nport = eighty\n");
pub(crate) const APP: (&str, &str) = (
    "app.toml",
    "name = \"shop\"\n[http]\nport = 80\nhosts = [\"a\", \"b\"]\n[tls.\"a.example\"]\ndays = 1.5\n",
);
