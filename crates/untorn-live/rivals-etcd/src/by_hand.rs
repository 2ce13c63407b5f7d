//! etcd-client and an `RwLock<HashMap>`, put together with care: pages of one revision, a watch
//! from the next one, and a new listing if the watch ends.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread::JoinHandle;

use etcd_client::{Client, Error, EventType, GetOptions, KeyValue, WatchOptions};
use tokio::sync::oneshot;

use crate::PREFIX;
use crate::follower::Following;
use crate::server;

/// Keys of one page: a message of gRPC has at most 4 MiB by default.
const PAGE: i64 = 10_000;

type Keys = RwLock<HashMap<String, String>>;

struct Follower {
    keys: Arc<Keys>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

pub fn start(url: &str) -> Box<dyn Following> {
    let (url, keys) = (url.to_owned(), Arc::<Keys>::default());
    let (stop, stopped) = oneshot::channel();
    let (listed, is_listed) = std::sync::mpsc::channel();
    let shared = Arc::clone(&keys);
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            tokio::select! {
                () = follow(&url, &shared, || _ = listed.send(())) => {}
                _ = stopped => {}
            }
        });
    });
    is_listed.recv().expect("all keys");
    Box::new(Follower {
        keys,
        stop: Some(stop),
        thread: Some(thread),
    })
}

async fn follow(url: &str, keys: &Keys, listed: impl Fn()) {
    loop {
        if let Err(error) = list_and_watch(url, keys, &listed).await {
            eprintln!("listed again after: {error}");
        }
    }
}

async fn list_and_watch(url: &str, keys: &Keys, listed: &impl Fn()) -> Result<(), Error> {
    let mut client = Client::connect([url], None).await?;
    let (revision, all) = list(&mut client).await?;
    *keys.write().unwrap_or_else(PoisonError::into_inner) = all;
    listed();
    let options = WatchOptions::new()
        .with_prefix()
        .with_start_revision(revision + 1);
    let mut stream = client.watch(PREFIX, Some(options)).await?;
    while let Some(answer) = stream.message().await? {
        if answer.canceled() {
            return Err(Error::WatchError(answer.cancel_reason().into()));
        }
        let mut keys = keys.write().unwrap_or_else(PoisonError::into_inner);
        for event in answer.events() {
            let Some(pair) = event.kv() else { continue };
            let (key, value) = texts(pair)?;
            match event.event_type() {
                EventType::Put => keys.insert(key, value),
                EventType::Delete => keys.remove(&key),
            };
        }
    }
    Ok(())
}

async fn list(client: &mut Client) -> Result<(i64, HashMap<String, String>), Error> {
    let end = format!("{}0", PREFIX.trim_end_matches('/'));
    let (mut from, mut revision, mut all) = (PREFIX.to_owned(), 0, HashMap::new());
    loop {
        let options = GetOptions::new()
            .with_range(end.as_str())
            .with_limit(PAGE)
            .with_revision(revision);
        let page = client.get(from, Some(options)).await?;
        if revision == 0 {
            revision = page.header().map_or(0, |header| header.revision());
        }
        for pair in page.kvs() {
            let (key, value) = texts(pair)?;
            all.insert(key, value);
        }
        match page.kvs().last() {
            Some(last) if page.more() => from = format!("{}\0", last.key_str()?),
            _ => return Ok((revision, all)),
        }
    }
}

fn texts(pair: &KeyValue) -> Result<(String, String), Error> {
    Ok((pair.key_str()?.into(), pair.value_str()?.into()))
}

impl Following for Follower {
    fn len(&self) -> usize {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.len()
    }

    fn get(&self, number: usize) -> Option<u64> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(&server::key(number))?.parse().ok()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}
