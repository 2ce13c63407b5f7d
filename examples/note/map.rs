//! The note's program on `Map`, laid out so that its lines match those of `main.go`.

use std::env;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use untorn::{Map, spawn};

type Value = String;

/// Refreshes two keys on one thread and prints them on another, until the process ends.
pub(crate) fn note(readers: usize, writers: usize) -> ! {
    let _map = Arc::new(Map::<&str, Value>::named("config"));
    let random = || fastrand::u32(0..1000).to_string();
    for _ in 0..writers {
        let _map = Arc::clone(&_map);
        spawn("poller", move || {
            loop {
                _map.insert("1", random());
                _map.insert("2", random());
                thread::sleep(Duration::from_millis(1));
            }
        });
    }

    for _ in 0..readers {
        let _map = Arc::clone(&_map);
        spawn("reader", move || {
            loop {
                println!("{}", _map.get("1").unwrap_or(nil()));
                println!("{}", _map.get("2").unwrap_or(nil()));
            }
        });
    }

    loop {
        thread::park();
    }
}

/// Returns the text that Go prints for a missing key.
fn nil() -> Value {
    "<nil>".to_string()
}

fn main() {
    note(argument(1), argument(2));
}

/// Returns the number of threads: the n-th argument, or one.
fn argument(n: usize) -> usize {
    let argument = env::args().nth(n);
    argument.and_then(|count| count.parse().ok()).unwrap_or(1)
}
