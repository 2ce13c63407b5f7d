//! untorn-live.

use std::time::Duration;

use untorn_live::Store;
use untorn_live::layer::Etcd;

use crate::PREFIX;
use crate::follower::Following;

struct Follower(Store);

pub fn start(url: &str) -> Box<dyn Following> {
    let etcd = Etcd::prefix(PREFIX).endpoints([url]);
    let store = Store::builder().layer(etcd).start().expect("threads");
    store.ready(Duration::from_secs(60)).expect("an etcd");
    Box::new(Follower(store))
}

impl Following for Follower {
    fn len(&self) -> usize {
        self.0.pin().len()
    }

    fn get(&self, number: usize) -> Option<u64> {
        let key = format!("section{}.key{number}", number % 100);
        self.0.pin().get_as(&key).ok()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.close();
    }
}
