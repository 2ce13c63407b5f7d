//! Changes the level of the log while the program runs.
//!
//! A thread follows the key `log.level` of a file and sets the filter of `tracing_subscriber`. A
//! level that does not exist is refused with its line, and the log goes on as before.
//!
//! ```text
//! $ echo 'log.level = "info"' > app.toml
//! $ cargo run -p untorn-live-examples --example log_level -- app.toml
//! INFO log_level: working
//! $ echo 'log.level = "debug"' > app.toml
//! INFO log_level: the level changes change=~ log.level: "info" → "debug"
//! INFO log_level: working
//! DEBUG log_level: one detail
//! $ echo 'log.level = "loud"' > app.toml
//! ERROR log_level: refused: app.toml:1: log.level: `loud` is no level
//! ```

use std::error::Error;
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde::Deserialize;
use tracing::level_filters::LevelFilter;
use tracing::{debug, error, info};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};
use untorn_live::{Config, ConfigError, Store};

/// The filter of the log.
type Filter = reload::Handle<LevelFilter, Registry>;

/// The key that sets it.
const KEY: &str = "log.level";

/// A level by its name: a type of the configuration.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Level(LevelFilter);

impl TryFrom<String> for Level {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let level = name.parse().map_err(|_| format!("`{name}` is no level"))?;
        Ok(Self(level))
    }
}

fn open(path: &Path) -> Result<Store, ConfigError> {
    Store::builder()
        .text("defaults.toml", "log.level = \"info\"")
        .file(path)
        .require::<Level>(KEY)
        .on_refusal(|refusal| error!("refused: {}", refusal.error))
        .start()
}

/// Sets the filter now, and then with each change of the key. The thread ends with the store.
fn follow(store: &Store, filter: Filter) -> JoinHandle<()> {
    // Before the first level is read, so that no change is missed.
    let mut changes = store.subscribe_key(KEY);
    set(&store.pin(), &filter);
    thread::spawn(move || {
        while let Ok(step) = changes.recv() {
            for change in step.changes() {
                info!(%change, "the level changes");
            }
            set(&step.to, &filter);
        }
    })
}

fn set(config: &Config, filter: &Filter) {
    // `require` has checked each revision; before the first one there is none.
    if let Ok(Level(level)) = config.get_as(KEY)
        // An error means that the subscriber is gone.
        && let Err(error) = filter.reload(level)
    {
        eprintln!("cannot set the level: {error}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os()
        .nth(1)
        .unwrap_or_else(|| "app.toml".into());
    let (layer, filter) = reload::Layer::new(LevelFilter::INFO);
    let log = fmt::layer().without_time();
    tracing_subscriber::registry().with(layer).with(log).init();
    let store = open(Path::new(&path))?;
    store.ready(Duration::from_secs(10))?;
    follow(&store, filter);
    loop {
        info!("working");
        debug!("one detail");
        thread::sleep(Duration::from_secs(1));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;
    use std::time::Instant;

    use tracing::enabled;

    use super::*;

    /// Far more than the test takes.
    const TIMEOUT: Duration = Duration::from_secs(60);

    /// Waits until debug messages are written, or are not.
    fn wait_until_debug_is(is_written: bool) {
        let began = Instant::now();
        while enabled!(tracing::Level::DEBUG) != is_written {
            assert!(began.elapsed() < TIMEOUT, "the level does not change");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn level_follows_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.toml");
        let save = |text: &str| {
            let new = folder.path().join("app.new");
            fs::write(&new, text).expect("written");
            fs::rename(new, &path).expect("renamed");
        };
        save("log.level = \"debug\"");
        let store = open(&path).expect("it starts");
        store.ready(TIMEOUT).expect("a file");
        let (layer, filter) = reload::Layer::new(LevelFilter::INFO);
        let log = fmt::layer().with_writer(io::sink);
        tracing_subscriber::registry().with(layer).with(log).init();
        let follower = follow(&store, filter.clone());
        wait_until_debug_is(true);
        save("log.level = \"warn\"");
        wait_until_debug_is(false);
        save("log.level = \"debug\"");
        wait_until_debug_is(true);

        // No level: the one in force stays.
        save("log.level = \"loud\"");
        let error = store.refresh(TIMEOUT).expect_err("no level").to_string();
        let expected = format!("{}:1: log.level: `loud` is no level", path.display());
        assert_eq!(error, expected);
        let level = filter.with_current(|level| *level).expect("a filter");
        assert_eq!(level, LevelFilter::DEBUG);
        drop(store);
        follower.join().expect("it ends with the store");
    }
}
