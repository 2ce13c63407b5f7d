//! The program: its socket, its shutdown, and its errors at startup.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn program(address: &str, settings: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_untorn-axum-example"));
    command.args([address, settings]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("it starts")
}

fn settings() -> String {
    format!("{}/settings.txt", env!("CARGO_MANIFEST_DIR"))
}

/// Returns the stderr of a program that fails to start.
fn startup_error(address: &str, settings: &str) -> String {
    let output = program(address, settings).wait_with_output();
    let output = output.expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).expect("a text")
}

#[test]
fn error_names_a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let error = startup_error(&address, &settings());
    let expected = format!("untorn-axum-example: cannot listen on {address}: ");
    assert!(error.starts_with(&expected), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[test]
fn program_needs_first_settings_to_start() {
    let error = startup_error("127.0.0.1:0", "no such file");
    let expected = "untorn-axum-example: cannot load settings from no such file: the poll failed: ";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn included_settings_are_complete() {
    let text = fs::read_to_string(settings()).expect("a file");
    let settings = untorn_axum_example::settings::parse(&text);
    assert_eq!(settings.map(|settings| settings.len()), Ok(9));
}

#[cfg(unix)]
#[test]
fn program_serves_requests_until_it_is_terminated() {
    let mut child = program("127.0.0.1:0", &settings());
    let mut printed = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = printed.next().expect("a line").expect("a text");
    let address = line.strip_prefix("listening on ").expect("an address");

    let mut stream = TcpStream::connect(address).expect("it listens");
    let limit = Some(Duration::from_secs(10));
    stream.set_read_timeout(limit).expect("a limit");
    stream
        .write_all(b"GET /tenants/acme/pool HTTP/1.1\r\nhost: pool\r\nconnection: close\r\n\r\n")
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let body = r#"{"pool":{"host":"db1","port":5432,"max_connections":10},"revision":1}"#;
    assert!(answer.ends_with(body), "{answer}");

    let mut kill = Command::new("kill");
    let killed = kill.args(["-TERM", &child.id().to_string()]).status();
    assert!(killed.expect("a `kill`").success());
    assert!(child.wait().expect("it ends").success());
    let line = printed.next().expect("a line").expect("a text");
    assert_eq!(line, "stopped");
}
