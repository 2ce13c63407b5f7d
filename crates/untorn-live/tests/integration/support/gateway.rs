//! The JSON gateway of an etcd that a test writes itself: it keeps keys and their history, answers
//! as etcd does, and lies where it is asked to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

/// A request of a client.
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Json,
}

/// An answer.
pub(crate) enum Answer {
    /// A status and a body.
    Whole(u16, String),
    /// Parts of an answer, which stays open if it is true.
    Parts(Vec<Vec<u8>>, bool),
    /// Bytes, and the end of the connection.
    Raw(Vec<u8>),
    /// Nothing, on a connection that stays open.
    Silence,
}

/// Answers a request in place of the keys, or leaves it to them.
pub(crate) type Lie = dyn Fn(&Request, &Keys) -> Option<Answer> + Send + Sync;

/// The keys of a server.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) revision: u64,
    /// The cluster and its term, if answers have them.
    pub(crate) server: Option<(u64, u64)>,
    /// Values and their revisions.
    kvs: BTreeMap<String, (String, u64)>,
    /// Changes in order; `None` for a delete.
    history: Vec<(u64, String, Option<String>)>,
}

pub(crate) struct Gateway {
    address: SocketAddr,
    state: Arc<State>,
}

struct State(Mutex<Inner>);

struct Inner {
    keys: Keys,
    lie: Option<Arc<Lie>>,
    /// The paths that were asked for.
    requests: Vec<String>,
    /// Watches that get each change.
    watches: Vec<TcpStream>,
    /// All connections that are open.
    streams: Vec<TcpStream>,
    is_dropped: bool,
}

impl Keys {
    /// Returns the keys of a server that has none yet.
    pub(crate) fn new() -> Self {
        Self {
            revision: 1,
            server: None,
            kvs: BTreeMap::new(),
            history: Vec::new(),
        }
    }

    /// Puts a key, or deletes it, and returns the revision.
    pub(crate) fn change(&mut self, key: &str, value: Option<&str>) -> u64 {
        self.revision += 1;
        match value {
            Some(value) => _ = self.kvs.insert(key.into(), (value.into(), self.revision)),
            None => _ = self.kvs.remove(key),
        }
        let value = value.map(Into::into);
        self.history.push((self.revision, key.into(), value));
        self.revision
    }

    /// Answers a request for a range of keys, at the newest revision.
    pub(crate) fn range(&self, body: &Json) -> Json {
        let (from, end) = (text(&body["key"]), text(&body["range_end"]));
        let limit: usize = number(&body["limit"]) as usize;
        let is_within = |key: &str| match &*end {
            "" => key == from,
            end => key >= &*from && key < end,
        };
        let kvs: Vec<_> = self.kvs.iter().filter(|(key, _)| is_within(key)).collect();
        let page = kvs.iter().take(limit);
        let page = page.map(|(key, (value, revision))| pair(key, Some(value), *revision));
        json!({
            "header": self.header(),
            "kvs": page.collect::<Vec<_>>(),
            "more": kvs.len() > limit,
        })
    }

    fn header(&self) -> Json {
        let mut header = header(self.revision);
        if let Some((cluster, term)) = self.server {
            header["cluster_id"] = cluster.to_string().into();
            header["raft_term"] = term.to_string().into();
        }
        header
    }

    /// Returns the lines of a watch from a revision.
    pub(crate) fn lines(&self, from: u64) -> Vec<Vec<u8>> {
        let created = line(&json!({"header": self.header(), "created": true}));
        let history = self.history.iter().filter(|(at, ..)| *at >= from);
        let events = history.map(|(at, key, value)| event(key, value.as_deref(), *at));
        std::iter::once(created)
            .chain(events.map(|event| line(&answer(self.revision, &[event]))))
            .collect()
    }
}

/// Returns an answer of a watch.
pub(crate) fn answer(revision: u64, events: &[Json]) -> Json {
    json!({"header": header(revision), "events": events})
}

fn header(revision: u64) -> Json {
    json!({"revision": revision.to_string()})
}

pub(crate) fn event(key: &str, value: Option<&str>, revision: u64) -> Json {
    let kind = if value.is_some() { "PUT" } else { "DELETE" };
    json!({"type": kind, "kv": pair(key, value, revision)})
}

pub(crate) fn pair(key: &str, value: Option<&str>, revision: u64) -> Json {
    let value = STANDARD.encode(value.unwrap_or_default());
    json!({"key": STANDARD.encode(key), "value": value, "mod_revision": revision.to_string()})
}

/// Returns a line of a watch.
pub(crate) fn line(result: &Json) -> Vec<u8> {
    format!("{}\n", json!({"result": result})).into_bytes()
}

fn text(base64: &Json) -> String {
    let bytes = STANDARD.decode(base64.as_str().unwrap_or_default());
    String::from_utf8_lossy(&bytes.expect("base64")).into_owned()
}

pub(crate) fn number(text: &Json) -> u64 {
    let text = text.as_str().unwrap_or("0");
    text.parse().expect("a number")
}

impl Gateway {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State(Mutex::new(Inner {
            keys: Keys::new(),
            lie: None,
            requests: Vec::new(),
            watches: Vec::new(),
            streams: Vec::new(),
            is_dropped: false,
        })));
        let accepting = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut inner = accepting.lock();
                if inner.is_dropped {
                    return;
                }
                inner.streams.extend(client.try_clone());
                drop(inner);
                let state = Arc::clone(&accepting);
                thread::spawn(move || state.serve(client));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lies from now on, on new connections: those that are open are closed.
    pub(crate) fn lie(
        &self,
        lie: impl Fn(&Request, &Keys) -> Option<Answer> + Send + Sync + 'static,
    ) {
        self.state.lock().lie = Some(Arc::new(lie));
        self.cut();
    }

    /// Answers by its keys from now on.
    pub(crate) fn tell_truth(&self) {
        self.state.lock().lie = None;
        self.cut();
    }

    /// Closes all connections.
    pub(crate) fn cut(&self) {
        let mut inner = self.state.lock();
        inner.watches.clear();
        for stream in inner.streams.drain(..) {
            _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Replaces all keys without a sign.
    pub(crate) fn replace(&self, keys: Keys) {
        self.state.lock().keys = keys;
    }

    /// Puts a key, and returns the revision.
    pub(crate) fn put(&self, key: &str, value: &str) -> u64 {
        let mut inner = self.state.lock();
        let revision = inner.keys.change(key, Some(value));
        let event = event(key, Some(value), revision);
        let part = chunk(&line(&answer(revision, &[event])));
        inner
            .watches
            .retain_mut(|watch| watch.write_all(&part).is_ok());
        revision
    }

    /// Returns the paths that were asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().requests.clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.state.lock().is_dropped = true;
        self.cut();
        _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no panic")
    }

    /// Answers the requests of a connection.
    fn serve(&self, mut client: TcpStream) {
        let mut reader = BufReader::new(client.try_clone().expect("cloned"));
        while let Some(request) = read(&mut reader) {
            let mut inner = self.lock();
            inner.requests.push(request.path.clone());
            let lie = inner.lie.clone();
            let keys = inner.keys.clone();
            let lie = lie.and_then(|lie| lie(&request, &keys));
            let is_honest = lie.is_none();
            let answer = lie.unwrap_or_else(|| honest(&request, &keys));
            if is_honest && request.path == "/v3/watch" {
                // While no key changes.
                let written = write(&mut client, &answer);
                inner.watches.extend(written.then_some(client));
                return;
            }
            drop(inner);
            let is_open = write(&mut client, &answer);
            match answer {
                Answer::Whole(..) if is_open => {}
                Answer::Raw(_) | Answer::Parts(_, false) => {
                    _ = client.shutdown(Shutdown::Both);
                    return;
                }
                // The list of connections keeps it open.
                _ => return,
            }
        }
    }
}

fn honest(request: &Request, keys: &Keys) -> Answer {
    match &*request.path {
        "/v3/kv/range" => Answer::Whole(200, keys.range(&request.body).to_string()),
        "/v3/watch" => {
            let from = number(&request.body["create_request"]["start_revision"]);
            Answer::Parts(keys.lines(from), true)
        }
        "/v3/auth/authenticate" => Answer::Whole(200, json!({"token": "good"}).to_string()),
        _ => Answer::Whole(404, "Not Found".into()),
    }
}

/// Reads a request; `None` at the end of the connection.
fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1)?.to_string();
    let (mut length, mut token) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.parse().ok()?,
            "authorization" => token = Some(value.to_string()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).ok()?;
    Some(Request { path, token, body })
}

/// Writes an answer, and returns whether it was written.
fn write(client: &mut TcpStream, answer: &Answer) -> bool {
    match answer {
        Answer::Whole(status, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\n\r\n");
            client.write_all((head + body).as_bytes()).is_ok()
        }
        Answer::Parts(parts, _) => {
            let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            client.write_all(head).is_ok()
                && parts
                    .iter()
                    .all(|part| client.write_all(&chunk(part)).is_ok())
        }
        Answer::Raw(bytes) => client.write_all(bytes).is_ok(),
        Answer::Silence => true,
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}
