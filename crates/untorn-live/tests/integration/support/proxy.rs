//! A TCP proxy that stalls, cuts and slows down.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What the proxy does with the bytes of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mode {
    Forward,
    /// Nothing comes any more, and no connection ends.
    Stall,
    /// Connections are refused, and those that exist are closed.
    Cut,
    /// Some bytes a millisecond.
    Slow,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    mode: AtomicU8,
    is_dropped: AtomicBool,
    accepted: AtomicU64,
    streams: Mutex<Vec<TcpStream>>,
}

impl Proxy {
    /// Starts a proxy before a server.
    pub(crate) fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State {
            mode: AtomicU8::new(Mode::Forward as u8),
            is_dropped: AtomicBool::new(false),
            accepted: AtomicU64::new(0),
            streams: Mutex::default(),
        });
        let accepting = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.is_dropped.load(Ordering::SeqCst) {
                    return;
                }
                if accepting.is(Mode::Cut) {
                    continue;
                }
                let Ok(server) = TcpStream::connect(server) else {
                    continue;
                };
                accepting.accepted.fetch_add(1, Ordering::SeqCst);
                let mut streams = accepting.streams.lock().expect("no panic");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone(), to.try_clone());
                    let (from, to) = (from.expect("cloned"), to.expect("cloned"));
                    let state = Arc::clone(&accepting);
                    thread::spawn(move || copy(from, to, &state));
                }
                streams.extend([client, server]);
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of connections that were accepted.
    pub(crate) fn accepted(&self) -> u64 {
        self.state.accepted.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.state.mode.store(mode as u8, Ordering::SeqCst);
        if mode == Mode::Cut {
            self.cut();
        }
    }

    /// Closes all connections.
    pub(crate) fn cut(&self) {
        for stream in self.state.streams.lock().expect("no panic").drain(..) {
            _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.is_dropped.store(true, Ordering::SeqCst);
        self.cut();
        _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn is(&self, mode: Mode) -> bool {
        self.mode.load(Ordering::SeqCst) == mode as u8
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, state: &State) {
    let mut buffer = [0; 16 << 10];
    loop {
        let most = if state.is(Mode::Slow) {
            64
        } else {
            buffer.len()
        };
        let Ok(read @ 1..) = from.read(&mut buffer[..most]) else {
            break;
        };
        while state.is(Mode::Stall) && !state.is_dropped.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        if state.is(Mode::Slow) {
            thread::sleep(Duration::from_millis(1));
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    _ = to.shutdown(Shutdown::Write);
}
