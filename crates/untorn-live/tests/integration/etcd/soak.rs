//! Hours of changes, cuts, restarts and compactions: memory, descriptors and threads stay.

#![cfg(target_os = "linux")]

use std::env;
use std::time::{Duration, Instant};

use untorn_live::Config;

use super::server::{Server, program};
use super::{LAYER, assert_equal, followed, wait_for, write};
use crate::support::process::{descriptors, resident, threads};
use crate::support::proxy::{Mode, Proxy};
use crate::support::readers::Readers;
use crate::support::{LONG, generation, wait_until};

/// The environment variable with the seconds.
const VARIABLE: &str = "UNTORN_SOAK_ETCD";

/// The lines that are printed.
const LINES: u32 = 20;

/// How much more memory there may be at the end than after a quarter of the time.
const SLACK: u64 = 8 << 10;

/// Changes of one round.
fn round(server: &mut Server, proxy: &Proxy, number: u64) -> u64 {
    let key = format!("/app/extra/{}", number % 100);
    let mut last = write(server, number);
    match number % 3 {
        0 => last = server.delete(&key),
        _ => last = last.max(server.put(&key, &"x".repeat((number % 500) as usize))),
    }
    if number.is_multiple_of(50) {
        proxy.cut();
    }
    if number.is_multiple_of(400) {
        server.compact(last);
    }
    if number.is_multiple_of(1000) {
        // With a compaction that the watch has not seen.
        proxy.set(Mode::Cut);
        for _ in 0..20 {
            last = server.put(&key, "missed");
        }
        server.compact(last);
        server.restart();
        proxy.set(Mode::Forward);
    }
    last
}

#[test]
fn soak() {
    let seconds = env::var(VARIABLE).ok().and_then(|text| text.parse().ok());
    let Some(seconds) = seconds else {
        println!("skipped: {VARIABLE} has no seconds");
        return;
    };
    let Some(program) = program() else { return };
    let mut server = Server::start(&program);
    write(&server, 1);
    let threads_before = threads();
    let descriptors_before = descriptors();
    let proxy = Proxy::start(server.address());
    let store = followed(proxy.url());
    // Readers keep the numbers that they have seen; few, since memory is measured.
    let check = |config: &Config| generation::of(config).map(|number| number.map(|n| n % 64));
    let readers = Readers::with_check(&store, check);
    let (start, length) = (Instant::now(), Duration::from_secs(seconds));
    let (mut number, mut printed, mut memory) = (1, 0, Vec::new());
    while start.elapsed() < length {
        number += 1;
        let last = round(&mut server, &proxy, number);
        if number.is_multiple_of(50) {
            store.wait_for(LAYER, last, LONG).expect("it comes");
        }
        if start.elapsed() < length * printed / LINES {
            continue;
        }
        printed += 1;
        wait_for(&store, number);
        let remote = store.status().layers[0].remote.clone().expect("a server");
        memory.push(resident("self"));
        println!(
            "{:4} s: {number} rounds, revision {:?}, {} reconnects, {} resyncs, {} KiB, {} \
             descriptors, {} threads",
            start.elapsed().as_secs(),
            remote.revision,
            remote.reconnects,
            remote.resyncs,
            resident("self"),
            descriptors(),
            threads(),
        );
    }
    wait_for(&store, number);
    assert_equal(&store, &server);
    readers.finish();
    let (quarter, end) = (memory[memory.len() / 4], resident("self"));
    assert!(end < quarter + SLACK, "{end} KiB after {quarter} KiB");
    drop(store);
    drop(proxy);
    let are_gone = || threads() == threads_before && descriptors() <= descriptors_before + 2;
    wait_until(LONG, "threads and descriptors have ended", are_gone);
    println!("{number} rounds; {quarter} KiB after a quarter, {end} KiB at the end");
}
