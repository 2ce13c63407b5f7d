//! untorn-live.

use std::path::Path;
use std::time::Duration;

use untorn_live::{Live, Store};

use crate::document::App;
use crate::rival::Following;

pub struct Follower {
    pub store: Store,
    pub app: Live<App>,
}

pub fn follow(path: &Path) -> Follower {
    let store = Store::builder().file(path).start().expect("a store");
    store.ready(Duration::from_secs(60)).expect("a file");
    let app = store.typed("app").expect("a section");
    Follower { store, app }
}

pub fn start(path: &Path) -> Box<dyn Following> {
    Box::new(follow(path))
}

impl Following for Follower {
    fn generation(&self) -> u64 {
        self.app.load().generation
    }
}
