//! Many stores on one etcd, as the processes of a fleet; what a fleet asks of a server.

#![cfg(target_os = "linux")]

use std::time::{Duration, Instant};

use serde_json::json;
use untorn_live::layer::Etcd;
use untorn_live::{ErrorKind, Store};

use super::server::{Server, encode, program};
use super::{layer, write};
use crate::support::child::alone;
use crate::support::gateway::Gateway;
use crate::support::process::{resident, sockets, threads};
use crate::support::{DEADLINE, HOUR, LONG, generation, wait_until};

/// The stores of the test, and the transactions that they follow.
const STORES: usize = 200;
const TRANSACTIONS: u64 = 20;

/// Two threads for each store, and at most two connections.
#[test]
fn two_hundred_stores_follow_one_server() {
    alone("etcd::fleet::two_hundred_stores_follow_one_server", || {
        let Some(program) = program() else { return };
        let server = Server::start(&program);
        write(&server, 1);
        let (threads_before, sockets_before) = (threads(), sockets());
        let memory = || (resident("self"), resident(&server.process_id().to_string()));
        let before = memory();
        let start = Instant::now();
        let stores: Vec<_> = (0..STORES)
            .map(|_| {
                // Timeouts and probes of a server that is late would open watches again.
                let etcd = Etcd::prefix("/app/").endpoints([server.url()]);
                let etcd = etcd.timeout(LONG).probe_after(HOUR);
                Store::builder().layer(etcd).start().expect("threads")
            })
            .collect();
        for store in &stores {
            store.ready(LONG).expect("etcd answers");
        }
        println!("{STORES} stores ready after {:?}", start.elapsed());
        let all_serve = |number| {
            let is_served = |store: &Store| generation::of(&store.pin()) == Ok(Some(number));
            stores.iter().all(is_served)
        };
        let mut slowest = Duration::ZERO;
        for number in 2..TRANSACTIONS + 2 {
            write(&server, number);
            let start = Instant::now();
            wait_until(LONG, "all serve it", || all_serve(number));
            slowest = slowest.max(start.elapsed());
        }
        println!("a transaction reached all after at most {slowest:?}");
        for store in &stores {
            let status = store.status();
            let remote = status.layers[0].remote.clone().expect("a server");
            assert_eq!((remote.resyncs, remote.reconnects), (0, 0));
        }
        // A thread that has resolved a name may still run.
        let are_two_each = || threads() == threads_before + 2 * STORES;
        wait_until(LONG, "two threads for each store", are_two_each);
        let connections = sockets() - sockets_before;
        let expected = STORES..=2 * STORES + 1;
        assert!(expected.contains(&connections), "{connections} sockets");
        let after = memory();
        let each = |before: u64, after: u64| after.saturating_sub(before) / STORES as u64;
        println!(
            "{connections} sockets; for each store {} KiB here, {} KiB in etcd",
            each(before.0, after.0),
            each(before.1, after.1)
        );
        let start = Instant::now();
        drop(stores);
        println!("all ended after {:?}", start.elapsed());
        let are_gone = || threads() == threads_before && sockets() <= sockets_before + 1;
        wait_until(LONG, "threads and connections have ended", are_gone);
    });
}

/// A random part of an hour is longer than the test, but for one run in ten thousand.
#[test]
fn first_listing_can_be_delayed() {
    let gateway = Gateway::start();
    gateway.put("/app/a", "1");
    let etcd = layer(gateway.url()).initial_delay(HOUR);
    let store = Store::builder().layer(etcd).start().expect("threads");
    let waited = store.ready(Duration::from_millis(300));
    assert_eq!(waited.expect_err("it waits").kind(), ErrorKind::NotReady);
    assert!(gateway.requests().is_empty());
    assert!(store.stop(DEADLINE), "the end does not wait for it");
}

/// The size of what a process fetches at its start; `docs/fleet.md` has the numbers.
#[test]
fn listings_are_as_large_as_documented() {
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    // 24 bytes of a key, 32 of a value.
    let value = "v".repeat(32);
    for batch in 0..100 {
        let keys: Vec<_> = (0..100)
            .map(|key| format!("/app/{:06}/{key:012}", batch * 100 + key))
            .collect();
        assert_eq!(keys[0].len(), 24);
        let changes: Vec<_> = keys.iter().map(|key| (&**key, Some(&*value))).collect();
        server.change(&changes);
        if batch == 0 || batch == 99 {
            let body =
                json!({"key": encode("/app/"), "range_end": encode("/app0"), "limit": "5000"});
            let start = Instant::now();
            let answer = server.call("/v3/kv/range", &body);
            let time = start.elapsed();
            let kvs = answer["kvs"].as_array().expect("keys").len();
            let bytes = answer.to_string().len() / kvs;
            println!("{kvs} keys: {bytes} bytes for each, {time:?}");
            assert!((150..250).contains(&bytes), "{bytes} bytes for each key");
        }
    }
}

/// Requests a second of a fleet, by the delays of the source.
#[test]
fn sweeps_and_retries_of_a_fleet_are_spread() {
    const PROCESSES: usize = 10_000;
    let mut random = 1_u64;
    let mut unit = move || {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as f64 / (1_u64 << 31) as f64
    };
    // Listings in each second of an hour after a start at once.
    let mut seconds = vec![0_u32; 3600];
    for _ in 0..PROCESSES {
        let mut at = 0.0;
        while let Some(count) = seconds.get_mut(at as usize) {
            *count += 1;
            at += 300.0 * (0.8 + 0.4 * unit());
        }
    }
    let most = |from: usize, to: usize| seconds[from..to].iter().max().copied();
    println!(
        "listings a second: {} at the start, at most {:?} in the first sweep, {:?} in the second, \
         {:?} in the last ten minutes",
        seconds[0],
        most(240, 361),
        most(480, 721),
        most(3000, 3600),
    );
    assert_eq!(seconds[0], PROCESSES as u32);
    assert!(most(240, 361) < Some(140) && most(3000, 3600) < Some(70));
    // The server is gone for a minute: attempts after its return, by backoff with full jitter.
    let (outage, mut returns, mut attempts) = (60.0, vec![0_u32; 40], 0_u32);
    for _ in 0..PROCESSES {
        let (mut at, mut failures) = (0.0, 0);
        while at < outage {
            attempts += 1;
            at += f64::min(30.0, f64::from(1 << failures.min(5))) * unit();
            failures += 1;
        }
        returns[(at - outage) as usize] += 1;
    }
    println!(
        "attempts a second while it is gone: {:.0}; returns in the first seconds: {:?}, in all \
         within {} s",
        f64::from(attempts) / outage,
        &returns[..5],
        returns.iter().rposition(|count| *count > 0).unwrap_or(0) + 1,
    );
    assert!(returns.iter().max() < Some(&1000));
}
