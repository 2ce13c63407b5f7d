//! Values on demand in async code, with two workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use untorn_axum_example::hosts::Hosts;

use crate::service::TIMEOUT;

fn address(host: &str) -> Result<Arc<str>, &'static str> {
    Ok(format!("{host}.example").into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_look_ups_block_no_worker() {
    const HOSTS: usize = 8;
    let hosts = Hosts::default();
    let (running, may_end) = (Arc::new(Notify::new()), Arc::new(Semaphore::new(0)));
    let looked_up = Arc::new(AtomicUsize::new(0));
    // Four times as many slow lookups as workers, and for each a second task that waits for it.
    let tasks: Vec<_> = (0..2 * HOSTS)
        .map(|n| {
            let (hosts, running, may_end) = (hosts.clone(), running.clone(), may_end.clone());
            let looked_up = looked_up.clone();
            tokio::spawn(async move {
                let host = format!("db{}", n % HOSTS);
                let look_up = async {
                    if looked_up.fetch_add(1, Ordering::Relaxed) + 1 == HOSTS {
                        running.notify_one();
                    }
                    may_end.acquire().await.expect("not closed").forget();
                    address(&host)
                };
                (hosts.address(&host, look_up).await, host)
            })
        })
        .collect();
    // All lookups run at once. A blocked worker would keep the rest of them, and this task, from
    // continuing.
    let all_run = timeout(TIMEOUT, running.notified()).await;
    all_run.expect("no worker is blocked");
    let free = tokio::spawn(async { 265 });
    assert_eq!(
        timeout(TIMEOUT, free)
            .await
            .expect("a worker is free")
            .expect("no panic"),
        265
    );
    may_end.add_permits(HOSTS);
    for task in tasks {
        let (got, host) = timeout(TIMEOUT, task)
            .await
            .expect("it ends")
            .expect("no panic");
        assert_eq!(got, address(&host));
    }
    assert_eq!(
        looked_up.load(Ordering::Relaxed),
        HOSTS,
        "one lookup for each host"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_look_up_lets_the_next_one_run() {
    let hosts = Hosts::default();
    let failed = hosts.address("db1", async { Err("no answer") }).await;
    assert_eq!(failed, Err("no answer"));
    assert_eq!(
        hosts.address("db1", async { address("db1") }).await,
        address("db1")
    );
    let known = hosts.address("db1", async { Err("not awaited") }).await;
    assert_eq!(known, address("db1"));
    hosts.forget("db1");
    assert_eq!(
        hosts.address("db1", async { Err("again") }).await,
        Err("again")
    );
    // A task that ends during its lookup leaves it to the next one.
    let task = tokio::spawn({
        let hosts = hosts.clone();
        async move {
            hosts
                .address("db1", std::future::pending::<Result<_, &str>>())
                .await
        }
    });
    task.abort();
    assert!(task.await.is_err());
    assert_eq!(
        hosts.address("db1", async { address("db1") }).await,
        address("db1")
    );
}
