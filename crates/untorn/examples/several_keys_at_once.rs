//! How do I read several keys that belong together?
//!
//! Write them in one batch, read them under one pin. Either alone is not enough.
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

/// The n-th server: both settings tell n.
fn server(n: u16) -> [(&'static str, String); 2] {
    [("host", format!("db{n}")), ("port", (5431 + n).to_string())]
}

/// What a thread that refreshes does whenever it likes, here between two lines so that each run shows the same.
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
    // Two moments: the host of the first server, the port of the second.
    let config = Config::from(server(1));
    let host = config.get("host").expect("it was there");
    refresh(&config, 2);
    let port = config.get("port").expect("it was there");
    let torn = format!("{host}:{port}");
    println!("two gets:             {torn}, torn");
    assert_eq!(torn, "db1:5433");

    // One moment, but one in the middle of somebody's change.
    let config = Config::from(server(1));
    let [host, port] = server(3);
    config.insert(host.0, host.1);
    let torn = address(&config.pin());
    config.insert(port.0, port.1);
    println!("one pin, two inserts: {torn}, torn");
    assert_eq!(torn, "db3:5432");

    // One batch, one pin: the state after some commit.
    refresh(&config, 3);
    let view = config.pin();
    println!("one pin, one batch:   {}", address(&view));
    assert_eq!(address(&view), "db3:5434");

    // It stays so for as long as the pin is held; who wants news pins again.
    refresh(&config, 4);
    println!("the same pin later:   {}", address(&view));
    assert_eq!(address(&view), "db3:5434");
    let view = config.pin();
    println!("a new pin:            {}", address(&view));
    assert_eq!(address(&view), "db4:5435");
}

#[test]
fn the_example_runs() {
    main();
}
