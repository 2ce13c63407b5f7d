//! Polls a TOML file into a `Map` while threads read it.
//!
//! ```sh
//! cargo run -p untorn --example poll_file              # edits a temporary file, then exits
//! cargo run -p untorn --example poll_file config.toml  # follows a file that you edit or remove
//! ```

mod toml_file;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use toml::Value;
use untorn::poller::RefreshError;
use untorn::{Change, Map, Poller};

use toml_file::TomlFile;

type Config = Map<Arc<str>, Value>;

/// The timeout of a fetch on request. Each fetch takes at most half a second.
const TIMEOUT: Duration = Duration::from_secs(10);

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args_os().nth(1) {
        Some(path) => follow(Path::new(&path)),
        None => demo(),
    }
}

fn start(path: &Path, config: &Arc<Config>) -> std::io::Result<Poller> {
    Poller::every(Duration::from_millis(500), TomlFile::new(path))
        .named("config poller")
        .max_backoff(Duration::from_secs(5))
        // Half of a file, cut at a line, may be valid.
        .max_removed(0.5)
        .start(config)
}

/// Shows the changes of a file until the process is interrupted.
fn follow(path: &Path) -> Result<(), Box<dyn Error>> {
    let config = Arc::new(Config::named("config"));
    let poller = start(path, &config)?;
    let mut shown = config.snapshot();
    let mut printed = None;
    loop {
        // Only checks for news: the poller has its own period.
        thread::sleep(Duration::from_millis(100));
        let newest = config.snapshot();
        if newest.revision() != shown.revision() {
            println!("revision {}", newest.revision());
            newest
                .changes_since(&shown)
                .for_each(|change| show(&change));
            shown = newest;
        }
        let status = poller.status();
        let failing = status.last_failure.filter(|_| status.failures_in_a_row > 0);
        let message = failing.map(|failure| failure.message);
        if printed != message {
            match &message {
                Some(message) => println!("contents unchanged: {message}"),
                None => println!("polling again without errors"),
            }
            printed = message;
        }
    }
}

fn show(change: &Change<'_, Arc<str>, Value>) {
    match change {
        Change::Added { key, new } => println!("    {key} = {new}"),
        Change::Changed { key, old, new } => println!("    {key} = {new}, was {old}"),
        Change::Removed { key, old } => println!("    {key} removed, was {old}"),
    }
}

/// Edits a temporary file in several ways while threads read the map.
fn demo() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("config.toml");
    fs::write(&path, document(1))?;

    let config = Arc::new(Config::named("config"));
    let poller = start(&path, &config)?;
    poller.wait_until_fresh(TIMEOUT)?;
    let (done, pairs) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let view = config.pin(); // one revision for both keys
                    assert_eq!(view.get("limits.reads"), view.get("limits.writes"));
                    pairs.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let edited = edit(&path, &config, &poller);
        done.store(true, Ordering::Relaxed);
        edited
    })?;
    let pairs = pairs.into_inner();
    println!("{pairs} pairs were read concurrently, none from two revisions");
    Ok(())
}

/// Returns a file with two numbers that belong together.
fn document(generation: u32) -> String {
    format!("name = \"demo\"\n\n[limits]\nreads = {generation}\nwrites = {generation}\n")
}

fn edit(path: &Path, config: &Config, poller: &Poller) -> Result<(), Box<dyn Error>> {
    let mut shown = Config::new().snapshot();
    let mut step = |title: &str, edit: &dyn Fn() -> std::io::Result<()>| {
        edit()?;
        let result = poller.refresh_now(TIMEOUT);
        println!("{title}");
        match result {
            Ok(revision) => println!("  revision {revision}"),
            Err(RefreshError::Failed(failure)) => {
                let unchanged = config.revision();
                println!("  still revision {unchanged}: {failure}");
            }
            Err(error) => return Err(error.into()),
        }
        let newest = config.snapshot();
        newest
            .changes_since(&shown)
            .for_each(|change| show(&change));
        shown = newest;
        Ok::<_, Box<dyn Error>>(())
    };
    let temporary: PathBuf = path.with_extension("new");
    step("initial contents", &|| Ok(()))?;
    step("saved by rename", &|| {
        fs::write(&temporary, document(2))?;
        fs::rename(&temporary, path)
    })?;
    step("removed", &|| fs::remove_file(path))?;
    step("emptied", &|| fs::write(path, ""))?;
    step("half-written", &|| {
        fs::write(path, "name = \"demo\"\n\n[limi")
    })?;
    step("cut at a line", &|| fs::write(path, "name = \"demo\"\n"))?;
    step("restored", &|| fs::write(path, document(2)))?;
    step("written in place", &|| fs::write(path, document(3)))?;
    Ok(())
}
