//! The file source of the example `poll_file`, under the changes that editors and deployments make
//! to files.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;
use toml::Value;
use untorn::poller::RefreshError;
use untorn::{Fetched, Map, Poller, Revision, Source};

use super::support::{HOUR, LONG};
use super::toml_file::TomlFile;

/// A folder with a file that is polled.
struct Polled {
    folder: TempDir,
    config: Arc<Map<Arc<str>, Value>>,
    poller: Poller,
}

const FIRST: &str = "name = 'a'\n[limits]\nreads = 1\nwrites = 1\n";

impl Polled {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("config.toml"), FIRST).expect("written");
        let config = Arc::new(Map::named("config"));
        let source = TomlFile::new(folder.path().join("config.toml"));
        let poller = Poller::every(HOUR, source)
            .max_removed(0.5)
            .start(&config)
            .expect("a thread");
        assert_eq!(poller.wait_until_fresh(LONG), Ok(Revision::from(1)));
        Self {
            folder,
            config,
            poller,
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    fn poll(&self) -> Result<u64, String> {
        let result = self.poller.refresh_now(LONG);
        result.map(Revision::get).map_err(|error| match error {
            RefreshError::Failed(failure) => {
                let path = self.path().display().to_string();
                failure.message.replace(&path, "it")
            }
            other => panic!("{other}"),
        })
    }

    /// Polls contents that must be rejected, and returns the reason.
    fn refused(&self) -> String {
        let before = self.config.snapshot();
        let reason = self.poll().expect_err("the contents are rejected");
        assert!(
            std::ptr::eq(&*before, &*self.config.pin()),
            "the last contents stay"
        );
        reason
    }

    fn reads(&self) -> Option<i64> {
        self.config.get("limits.reads")?.as_integer()
    }
}

fn document(generation: u32) -> String {
    format!("name = 'a'\n[limits]\nreads = {generation}\nwrites = {generation}\n")
}

#[test]
fn poller_follows_renames_removal_and_broken_files() {
    let polled = Polled::new();
    let path = polled.path();
    assert_eq!((polled.config.len(), polled.reads()), (3, Some(1)));
    assert_eq!(polled.poll(), Ok(1), "the same file");

    // Saved by rename, several times.
    for generation in 2..5 {
        let aside = path.with_extension("new");
        fs::write(&aside, document(generation)).expect("written");
        fs::rename(&aside, &path).expect("renamed");
        assert_eq!(polled.poll(), Ok(u64::from(generation)));
        assert_eq!(polled.reads(), Some(i64::from(generation)));
    }

    fs::remove_file(&path).expect("removed");
    let reason = polled.refused();
    assert!(reason.starts_with("cannot read it: "), "{reason}");
    assert_eq!(polled.reads(), Some(4));

    fs::write(&path, "name = 'a'\n[limi").expect("written");
    let reason = polled.refused();
    assert!(reason.starts_with("cannot read it: line 2: "), "{reason}");
    fs::write(&path, b"name = '\xff'").expect("written");
    assert!(polled.refused().contains("UTF-8"));
    // And retries, if the test was delayed.
    assert!(polled.poller.status().failures_in_a_row >= 3);

    // The previous contents again: nothing new.
    fs::write(&path, document(4)).expect("written");
    assert_eq!(polled.poll(), Ok(4));
    assert_eq!(polled.poller.status().failures_in_a_row, 0);
    fs::write(&path, document(5)).expect("written");
    assert_eq!((polled.poll(), polled.reads()), (Ok(5), Some(5)));
}

/// Such files remain after a program that truncates and writes slowly, a full disk, or a power
/// failure.
#[test]
fn document_without_entries_is_rejected() {
    let polled = Polled::new();
    let path = polled.path();
    for empty in ["", "\n\n", "# limits, to come\n", "[limits]\n", "a = {}\n"] {
        fs::write(&path, empty).expect("written");
        let reason = "cannot read it: it has no entries";
        assert_eq!(polled.refused(), reason, "{empty:?}");
    }
    assert_eq!((polled.config.len(), polled.reads()), (3, Some(1)));
    fs::write(&path, document(2)).expect("written");
    assert_eq!((polled.poll(), polled.reads()), (Ok(2), Some(2)));
}

/// Valid TOML, but two of three keys are missing.
#[test]
fn document_cut_at_a_line_is_refused() {
    let polled = Polled::new();
    let cut = FIRST.lines().next().expect("a line");
    fs::write(polled.path(), cut).expect("written");
    for _ in 0..3 {
        let reason = polled.refused();
        let start = "refused contents that would remove 2 of 3 keys: at most 1 may be removed";
        assert!(reason.starts_with(start), "{reason}");
    }
    fs::write(polled.path(), document(2)).expect("written");
    assert_eq!((polled.poll(), polled.reads()), (Ok(2), Some(2)));
}

#[test]
fn edit_with_the_same_length_and_time_is_detected() {
    let polled = Polled::new();
    let path = polled.path();
    let set = |text: &str, modified: SystemTime| {
        fs::write(&path, text).expect("written");
        let file = fs::File::options().write(true).open(&path);
        let set = file.expect("opened").set_modified(modified);
        set.expect("a time");
    };
    let mut generation = 10;
    // Returns whether all polls came so soon that the source does not trust the time, which they do
    // not if the test is delayed.
    let mut edits_are_fresh = || {
        let (start, now) = (Instant::now(), SystemTime::now());
        for _ in 0..3 {
            generation += 1;
            let revision = polled.config.revision().next().get();
            set(&document(generation), now);
            let polled_now = (polled.poll(), polled.reads());
            if start.elapsed() >= Duration::from_secs(2) {
                return false;
            }
            assert_eq!(polled_now, (Ok(revision), Some(i64::from(generation))));
        }
        true
    };
    assert!((0..20).any(|_| edits_are_fresh()));
    // A file that was restored by hand.
    let (now, next) = (SystemTime::now(), polled.config.revision().next().get());
    set(&document(99), now - Duration::from_secs(86_400));
    assert_eq!((polled.poll(), polled.reads()), (Ok(next), Some(99)));
    // A new modification time alone is no change.
    set(&document(99), now - Duration::from_secs(3_600));
    assert_eq!(polled.poll(), Ok(next));
}

#[test]
fn an_old_file_is_read_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("config.toml");
    let set = |text: &str| {
        fs::write(&path, text).expect("written");
        let file = fs::File::options().write(true).open(&path);
        let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let set = file.expect("opened").set_modified(long_ago);
        set.expect("a time");
    };
    set(FIRST);
    let mut source = TomlFile::new(&path);
    let fetch = |source: &mut TomlFile| match source.fetch().expect("the file can be read") {
        Fetched::Contents(entries) => Some(entries.len()),
        _ => None,
    };
    assert_eq!(fetch(&mut source), Some(3));
    // Same length, time and file: the source cannot detect the edit without reading, so it does not
    // read.
    set(&FIRST.replace('a', "b"));
    assert_eq!(fetch(&mut source), None);
    // After a reset the source returns the contents again.
    source.reset();
    assert_eq!(fetch(&mut source), Some(3));
}

#[test]
fn nested_keys_are_dotted_and_quoted() {
    let polled = Polled::new();
    let text = "a.b.c = 1\n'x.y'.z = [1, 2]\nempty = {}\n'' = true\n[[list]]\nn = 1\n";
    fs::write(polled.path(), text).expect("written");
    polled.poller.accept_next(); // no key of before is left
    assert_eq!(polled.poll(), Ok(2));
    let view = polled.config.pin();
    let mut keys: Vec<_> = view.keys().map(|key| &**key).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["\"\"", "\"x.y\".z", "a.b.c", "list"]);
    assert_eq!(view["a.b.c"], Value::Integer(1));
}

#[test]
fn non_file_is_rejected_without_opening_it() {
    let polled = Polled::new();
    fs::remove_file(polled.path()).expect("removed");
    fs::create_dir(polled.path()).expect("made");
    assert_eq!(polled.refused(), "cannot read it: it is not a file");
}
