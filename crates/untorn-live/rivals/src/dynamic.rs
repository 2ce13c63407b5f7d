//! dynamic-config, with the period that its README has.

use std::path::Path;
use std::time::Duration;

use dynamic_config::dynamic_config;

use crate::rival::Following;

/// A configuration is a static of its type, so there is one for reads and one for reloads.
#[dynamic_config]
#[derive(Debug, serde::Deserialize)]
pub struct Read {
    pub generation: u64,
}

#[dynamic_config]
#[derive(Debug, serde::Deserialize)]
pub struct Reloaded {
    pub generation: u64,
}

/// Loads the configuration that is only read.
pub fn init_read(path: &Path) {
    let builder = Read::builder("app").file(path.to_str().expect("UTF-8"));
    builder.init().expect("a file");
}

struct Follower;

pub fn start(path: &Path) -> Box<dyn Following> {
    let builder = Reloaded::builder("app").file(path.to_str().expect("UTF-8"));
    builder.init().expect("a file");
    builder
        .watch(Duration::from_millis(250))
        .expect("a watcher")
        .detach();
    Box::new(Follower)
}

impl Following for Follower {
    fn generation(&self) -> u64 {
        Reloaded::current().generation
    }
}
