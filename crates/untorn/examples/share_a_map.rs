//! Shares a map between threads.
//!
//! An `Arc` is needed if a thread may outlive the function that starts it; scoped threads borrow.
//!
//! ```text
//! $ cargo run -p untorn --example share_a_map
//! a thread with an Arc: 8 workers
//! a thread in a scope: 16 workers
//! keys written by four threads: 400
//! ```

use std::sync::Arc;
use std::thread;

use untorn::Map;

fn main() {
    // No lock and no `mut`: every method takes `&self`.
    let config = Arc::new(Map::named("config"));
    config.insert("workers", 8);
    let thread = {
        let config = Arc::clone(&config);
        thread::spawn(move || config.get("workers"))
    };
    let workers = thread.join().expect("no panic").expect("a value");
    println!("a thread with an Arc: {workers} workers");
    assert_eq!(workers, 8);

    // Scoped threads borrow the map, and the keys may be borrowed too.
    let names = [String::from("workers"), String::from("retries")];
    let config = Map::<&str, i32>::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            config.batch(|batch| {
                batch.insert(&names[0], 16);
                batch.insert(&names[1], 3);
            });
        });
        scope.spawn(|| {
            // The state before or after the batch, never in between.
            assert!([0, 2].contains(&config.pin().len()));
        });
    });
    let workers = config.pin()["workers"];
    println!("a thread in a scope: {workers} workers");
    assert_eq!(workers, 16);

    // Writes are serialized by the map; none is lost.
    let seen = Map::new();
    thread::scope(|scope| {
        for worker in 0..4 {
            let seen = &seen;
            scope.spawn(move || {
                for n in 0..100 {
                    seen.insert((worker, n), ());
                }
            });
        }
    });
    println!("keys written by four threads: {}", seen.len());
    assert_eq!((seen.len(), seen.revision().get()), (400, 400));
}

#[test]
fn example_runs() {
    main();
}
