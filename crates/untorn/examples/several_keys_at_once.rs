//! Reads several keys that belong together.
//!
//! They are written in one batch and read under one pin; either alone is not enough.
//!
//! ```text
//! $ cargo run -p untorn --example several_keys_at_once
//! two gets:             db1:5433, torn
//! one pin, two inserts: db3:5432, torn
//! one pin, one batch:   db3:5434
//! the same pin later:   db3:5434
//! a new pin:            db4:5435
//! ```

use untorn::{Map, View};

type Config = Map<&'static str, String>;

/// Returns the n-th server; both settings contain n.
fn server(n: u16) -> [(&'static str, String); 2] {
    [("host", format!("db{n}")), ("port", (5431 + n).to_string())]
}

/// Refreshes both settings. A program does this on another thread at any time; here it happens
/// between two lines, so that the output of every run is the same.
fn refresh(config: &Config, n: u16) {
    config.batch(|batch| {
        for (key, value) in server(n) {
            batch.insert(key, value);
        }
    });
}

fn address(view: &View<&'static str, String>) -> String {
    format!("{}:{}", view["host"], view["port"])
}

fn main() {
    // Two gets, from two revisions: the host of the first server, the port of the second.
    let config = Config::from(server(1));
    let host = config.get("host").expect("a host");
    refresh(&config, 2);
    let port = config.get("port").expect("a port");
    let torn = format!("{host}:{port}");
    println!("two gets:             {torn}, torn");
    assert_eq!(torn, "db1:5433");

    // One revision, but one between the two inserts of a writer.
    let config = Config::from(server(1));
    let [host, port] = server(3);
    config.insert(host.0, host.1);
    let torn = address(&config.pin());
    config.insert(port.0, port.1);
    println!("one pin, two inserts: {torn}, torn");
    assert_eq!(torn, "db3:5432");

    // One batch and one pin: always the state after a complete refresh.
    refresh(&config, 3);
    let view = config.pin();
    println!("one pin, one batch:   {}", address(&view));
    assert_eq!(address(&view), "db3:5434");

    // A pin holds its revision; a new pin has the newest one.
    refresh(&config, 4);
    println!("the same pin later:   {}", address(&view));
    assert_eq!(address(&view), "db3:5434");
    let view = config.pin();
    println!("a new pin:            {}", address(&view));
    assert_eq!(address(&view), "db4:5435");
}

#[test]
fn example_runs() {
    main();
}
