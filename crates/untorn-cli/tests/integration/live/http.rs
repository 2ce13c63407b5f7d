//! Sources of HTTP servers: a server of the test on a free port.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;

use super::{Folder, Watched};

const CANARY: &str = "hunter2";

/// Reads a request up to its empty line.
fn read_head(stream: &TcpStream) -> String {
    let (mut head, mut reader) = (String::new(), BufReader::new(stream));
    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
    head
}

/// Starts a server for the life of the test: a document for those who have the token, and one for
/// all.
fn server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let head = read_head(&stream);
            let path = head.split([' ', '?']).nth(1).unwrap_or_default();
            let is_known = head
                .to_lowercase()
                .contains("authorization: bearer hunter2\r\n");
            let (status, body) = match path {
                "/secret.toml" if !is_known => ("401 Unauthorized", ""),
                "/secret.toml" | "/app.toml" | "/app" => ("200 OK", "[http]\nport = 80\n"),
                "/old.toml" => ("302 Found\r\nLocation: /app.toml", ""),
                "/broken.toml" => ("200 OK", "[http]\nport = eighty\n"),
                _ => ("404 Not Found", ""),
            };
            let length = body.len();
            _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
            );
        }
    });
    address
}

#[test]
fn get_and_explain_read_a_url() {
    let folder = Folder::new(&[("local.toml", "http.port = 81")]);
    let url = |path: &str| format!("http://{}{path}", server());
    let (status, shown, error) = folder.outcome(&["get", "http.port", &url("/app.toml")]);
    assert_eq!((status, &*shown), (Some(0), "80\n"), "{error}");
    let (_, shown, error) = folder.outcome(&["get", "http.port", &url("/app?version=1#toml")]);
    assert_eq!(shown, "80\n", "{error}");
    let app = url("/app.toml");
    let (_, shown, _) = folder.outcome(&["explain", "http.port", &app, "local.toml"]);
    let expected = format!("overrides 80 from {app}:2");
    assert!(shown.contains(&expected), "{shown}");
    let old = url("/old.toml");
    let (status, _, error) = folder.outcome(&["get", "http.port", &old]);
    assert_eq!(status, Some(2));
    assert!(error.contains("the server redirects to"), "{error}");
    assert!(error.contains("or use --follow-redirects 1"), "{error}");
    let (status, shown, _) = folder.outcome(&["get", "http.port", &old, "--follow-redirects", "1"]);
    assert_eq!((status, &*shown), (Some(0), "80\n"));
}

#[test]
fn errors_name_the_url_and_the_line() {
    let folder = Folder::new(&[]);
    let base = format!("http://{}", server());
    let broken = format!("{base}/broken.toml");
    let (status, shown, _) = folder.outcome(&["check", &broken, &format!("{base}/none.toml")]);
    assert_eq!(status, Some(1));
    assert!(shown.contains(&format!("{broken}:2: ")), "{shown}");
    assert!(
        shown.contains("404 Not Found: there is no such document"),
        "{shown}"
    );
    let document = folder.document(&["check", &format!("{base}/none.toml")]);
    assert_eq!(document["errors"][0]["kind"], "unreachable", "{document}");
    let plain = format!("{base}/app");
    let (_, shown, _) = folder.outcome(&["check", &plain]);
    assert!(
        shown.contains(&format!("name the format: {plain}#toml")),
        "{shown}"
    );
}

#[test]
fn token_comes_from_a_file_or_a_variable() {
    let folder = Folder::new(&[("token", "hunter2\n")]);
    let url = format!("http://{}/secret.toml", server());
    let get = ["get", "http.port", &url];
    for token in [
        &["--bearer-file", "token"][..],
        &["--bearer-variable", "TOKEN"],
    ] {
        let mut command = folder.command(&[&get[..], token].concat());
        let output = command
            .env("TOKEN", CANARY)
            .output()
            .expect("the command runs");
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.stdout, b"80\n", "{error}");
    }
    for (token, text) in [
        (
            &[][..],
            "401 Unauthorized: check the credentials; give a token by --bearer-file",
        ),
        (&["--bearer-file", "absent"], "/absent: No such file"),
        (&["--bearer-variable", "ABSENT"], "the variable ABSENT"),
        (
            &["--bearer-file", "token", "--bearer-variable", "TOKEN"],
            "cannot be used with",
        ),
        (&["--client-key", "key"], "--client-certificate"),
    ] {
        let (status, shown, error) = folder.outcome(&[&get[..], token].concat());
        assert_eq!(status, Some(2), "{token:?}: {shown}");
        assert!(error.contains(text) && !error.contains(CANARY), "{error}");
    }
}

#[test]
fn passwords_in_urls_are_refused_and_hidden() {
    let folder = Folder::new(&[]);
    let url = "http://user:hunter2@127.0.0.1/app.toml?key=hunter2";
    for command in [&["get", "http"][..], &["check"], &["explain", "http"]] {
        let (status, shown, error) = folder.outcome(&[command, &[url]].concat());
        assert_ne!(status, Some(0));
        let all = shown + &error;
        assert!(all.contains("the URL has a user or a password"), "{all}");
        assert!(all.contains("give a token by --bearer-file"), "{all}");
        assert!(!all.contains(CANARY), "{all}");
    }
}

#[test]
fn https_is_checked_by_the_authority_in_a_file() {
    let folder = Folder::new(&[("ca.crt", "nothing")]);
    let url = format!("https://{}/app.toml", server());
    let (status, _, error) = folder.outcome(&["get", "", &url, "--ca-file", "ca.crt"]);
    assert_eq!(status, Some(2));
    assert!(
        error.contains("ca.crt has no certificate in PEM"),
        "{error}"
    );
}

#[test]
fn watch_follows_a_url() {
    let folder = Folder::new(&[("local.toml", "a = 1")]);
    let url = format!("http://{}/app.toml", server());
    let mut watched = Watched::new(&folder, &[&url, "local.toml"]);
    watched.wait_for(|line| line.contains("http.port"));
    folder.save("local.toml", "a = 2");
    watched.wait_for(|line| line.contains("1 → 2"));
    watched.signal("TERM");
    watched.end(Some(0));
}

/// The library names its call, which is no advice for a user of the command.
#[test]
fn etcd_that_wants_a_user_gets_an_option() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            read_head(&stream);
            let body = r#"{"error":"etcdserver: user name is empty","code":3}"#;
            let length = body.len();
            _ = write!(
                stream,
                "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n\
                 {body}"
            );
            // Closing with a request that was not read whole would reset the connection.
            _ = stream.shutdown(Shutdown::Write);
            _ = io::copy(&mut stream, &mut io::sink());
        }
    });
    let folder = Folder::new(&[]);
    let source = format!("etcd://{address}/app/");
    let (status, _, error) = folder.outcome(&["get", "", &source]);
    assert_eq!(status, Some(2));
    assert!(error.contains("give a user by --user"), "{error}");
    assert!(!error.contains("::"), "{error}");
}
