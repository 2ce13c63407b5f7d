//! A server whose answers are the bytes that a test wants.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::LONG;

/// Writes the answer to a request, whose head it gets.
type Respond = dyn Fn(&str, &mut Connection) + Send + Sync;

/// A server. Each connection has one request.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    respond: Mutex<Arc<Respond>>,
    requests: Mutex<Vec<Recorded>>,
    is_stopped: AtomicBool,
}

/// A request that has come.
#[derive(Clone, Debug)]
pub(super) struct Recorded {
    pub(super) head: String,
    pub(super) at: Instant,
}

impl Recorded {
    /// Returns the value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A connection, to write an answer to.
pub(super) struct Connection {
    stream: TcpStream,
    state: Arc<State>,
}

impl Connection {
    /// Writes bytes. Returns false if the client has gone.
    pub(super) fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Blocks for some time, or until the end of the server. Returns false at the end.
    pub(super) fn sleep(&self, time: Duration) -> bool {
        let began = Instant::now();
        while began.elapsed() < time && !self.state.is_stopped.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        !self.state.is_stopped.load(Ordering::SeqCst)
    }

    /// Blocks until the end of the server.
    pub(super) fn hang(&self) {
        while self.sleep(Duration::from_secs(1)) {}
    }
}

impl Server {
    pub(super) fn start(respond: impl Fn(&str, &mut Connection) + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0", respond)
    }

    /// Starts a server at an address.
    pub(super) fn at(
        address: &str,
        respond: impl Fn(&str, &mut Connection) + Send + Sync + 'static,
    ) -> Self {
        // A client of another test may have the port for a moment.
        let began = Instant::now();
        let listener = loop {
            match TcpListener::bind(address) {
                Ok(listener) => break listener,
                Err(error) => assert!(began.elapsed() < LONG, "{address}: {error}"),
            }
            thread::sleep(Duration::from_millis(10));
        };
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            respond: Mutex::new(Arc::new(respond)),
            requests: Mutex::default(),
            is_stopped: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&state);
        let thread = thread::spawn(move || accept(&listener, &of_thread));
        Self {
            address,
            state,
            thread: Some(thread),
        }
    }

    /// Starts a server that sends these bytes.
    pub(super) fn of(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |_, connection| _ = connection.write(&answer))
    }

    /// Sends these bytes from now on.
    pub(super) fn answer(&self, answer: impl Into<Vec<u8>>) {
        let answer = answer.into();
        self.respond(move |_, connection| _ = connection.write(&answer));
    }

    pub(super) fn respond(&self, respond: impl Fn(&str, &mut Connection) + Send + Sync + 'static) {
        *lock(&self.state.respond) = Arc::new(respond);
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn requests(&self) -> Vec<Recorded> {
        lock(&self.state.requests).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.is_stopped.store(true, Ordering::SeqCst);
        // Wakes the thread.
        _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    thread::scope(|scope| {
        for stream in listener.incoming() {
            if state.is_stopped.load(Ordering::SeqCst) {
                return;
            }
            let Ok(stream) = stream else { continue };
            let state = Arc::clone(state);
            scope.spawn(move || serve(stream, state));
        }
    });
}

fn serve(stream: TcpStream, state: Arc<State>) {
    // A client that keeps a connection open without a request must not block the end.
    _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let mut head = String::new();
    let mut reader = BufReader::new(&stream);
    while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
    if head.is_empty() {
        return;
    }
    let recorded = Recorded {
        head: head.clone(),
        at: Instant::now(),
    };
    lock(&state.requests).push(recorded);
    let respond = Arc::clone(&lock(&state.respond));
    respond(&head, &mut Connection { stream, state });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns an answer with a status line, headers and a body with its length.
pub(super) fn answer(status: &str, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = format!("Content-Length: {}", body.len());
    let headers = [headers, &[length.as_str()]].concat();
    [head(status, &headers).as_bytes(), body].concat()
}

/// Returns the head of an answer.
pub(super) fn head(status: &str, headers: &[&str]) -> String {
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n")
}

/// Returns a good answer.
pub(super) fn ok(body: impl AsRef<[u8]>) -> Vec<u8> {
    answer("200 OK", &[], body)
}
