//! The program: its socket, its readiness, its shutdown, and its errors at startup.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::service::TIMEOUT;
use crate::settings::File;

/// The program; killed when it is dropped.
struct Program(Child);

impl Program {
    fn start(address: &str, settings: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_untorn-axum-example"));
        command.arg(address).arg(settings);
        command.env("POOLS_TENANTS__GLOBEX__PORT", "6432");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command.spawn().expect("it starts"))
    }

    /// Returns what it prints, and the address on which it listens.
    fn listening(&mut self) -> (Lines<BufReader<ChildStdout>>, String) {
        let mut printed = BufReader::new(self.0.stdout.take().expect("piped")).lines();
        let line = printed.next().expect("a line").expect("a text");
        let address = line.strip_prefix("listening on ").expect("an address");
        (printed, address.into())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // An error means that it has ended.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn included() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/settings.toml"))
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(TIMEOUT)).expect("a limit");
    let request = format!("GET {path} HTTP/1.1\r\nhost: pool\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn error_names_a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let mut program = Program::start(&address, included());
    let mut error = String::new();
    let mut printed = program.0.stderr.take().expect("piped");
    printed.read_to_string(&mut error).expect("a text");
    assert_eq!(program.0.wait().expect("it ends").code(), Some(1));
    let expected = format!("untorn-axum-example: cannot listen on {address}: ");
    assert!(error.starts_with(&expected), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn program_waits_for_its_first_settings() {
    let file = File::new();
    let mut program = Program::start("127.0.0.1:0", &file.path());
    let (_, address) = program.listening();
    // It says why, to those that read its output and to the probe.
    let mut errors = BufReader::new(program.0.stderr.take().expect("piped")).lines();
    let refusal = errors.next().expect("a line").expect("a text");
    let why = format!("{}: there is no such file", file.path().display());
    assert!(refusal.starts_with(&format!("refused: {why}")), "{refusal}");
    let answer = get(&address, "/tenants/acme/pool");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("there is no such file"), "{answer}");
    let answer = get(&address, "/ready");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains(r#""kind":"unreadable""#), "{answer}");

    file.save(include_str!("../../settings.toml"));
    let began = Instant::now();
    while !get(&address, "/ready").starts_with("HTTP/1.1 200 ") {
        assert!(began.elapsed() < TIMEOUT, "it is never ready");
        thread::sleep(Duration::from_millis(5));
    }
    let answer = get(&address, "/tenants/acme/pool");
    assert!(answer.contains(r#""host":"db1""#), "{answer}");
}

#[cfg(unix)]
#[test]
fn program_serves_requests_until_it_is_terminated() {
    let mut program = Program::start("127.0.0.1:0", included());
    let (mut printed, address) = program.listening();
    let began = Instant::now();
    while !get(&address, "/ready").starts_with("HTTP/1.1 200 ") {
        assert!(began.elapsed() < TIMEOUT, "it is never ready");
        thread::sleep(Duration::from_millis(5));
    }
    for (tenant, body) in [
        (
            "acme",
            r#"{"pool":{"host":"db1","port":5432,"max_connections":10},"revision":1}"#,
        ),
        (
            "globex",
            r#"{"pool":{"host":"db1","port":6432,"max_connections":25},"revision":1}"#,
        ),
    ] {
        let answer = get(&address, &format!("/tenants/{tenant}/pool"));
        assert!(answer.ends_with(body), "{answer}");
    }

    let mut kill = Command::new("kill");
    let killed = kill.args(["-TERM", &program.0.id().to_string()]).status();
    assert!(killed.expect("a `kill`").success());
    assert!(program.0.wait().expect("it ends").success());
    let line = printed.next().expect("a line").expect("a text");
    assert_eq!(line, "stopped");
}
