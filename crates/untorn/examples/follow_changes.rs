//! How do I learn what has changed?
//!
//! Wait for the next revision, and compare its view with the one you saw last: that costs what differs, not what there is.
//! Who is slow misses revisions in between, never the latest.
//!
//! ```text
//! $ cargo run -p untorn --example follow_changes
//! revision 0 to 2: + retries = 3, workers = 8 -> 16
//! revision 2 to 3: - retries, workers = 16 -> 32
//! revision 3 to 4: + stop = 1
//! ```

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use untorn::{Change, Map, Revision, Snapshot, View};

type Config = Map<&'static str, u32>;
type Seen = Snapshot<View<&'static str, u32>>;

/// The newest revision, once it is one that this follower has not seen; `None` if that takes too long.
fn next(config: &Config, seen: &Seen) -> Option<Seen> {
    let wanted = Revision::from(seen.revision().get() + 1);
    config.wait_for(wanted, Duration::from_secs(10)).ok()?;
    Some(config.snapshot())
}

/// What differs, in one line.
fn told(from: &Seen, to: &Seen) -> String {
    let mut changes: Vec<_> = to
        .diff(from)
        .map(|change| match change {
            Change::Added { key, new } => format!("+ {key} = {new}"),
            Change::Changed { key, old, new } => format!("{key} = {old} -> {new}"),
            Change::Removed { key, .. } => format!("- {key}"),
        })
        .collect();
    changes.sort_unstable();
    let (from, to) = (from.revision(), to.revision());
    format!("revision {from} to {to}: {}", changes.join(", "))
}

/// Tells each transition until somebody sets `stop`, or nothing happens any more.
fn follow(config: &Config, mut seen: Seen, tell: &mpsc::Sender<String>) {
    while !seen.contains_key("stop")
        && let Some(newest) = next(config, &seen)
    {
        tell.send(told(&seen, &newest)).expect("somebody listens");
        seen = newest;
    }
}

fn main() {
    let config = Config::from([("workers", 8)]);
    let seen = config.snapshot();
    // Two commits before anybody looks: the follower will see one transition.
    config.insert("workers", 16);
    config.insert("retries", 3);

    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| follow(&config, seen, &tell));
        // Waits for each line, so that each run shows the same; a program would not.
        let hear = |expected| {
            let line = told.recv().expect("the follower goes on");
            println!("{line}");
            assert_eq!(line, expected);
        };
        hear("revision 0 to 2: + retries = 3, workers = 8 -> 16");
        config.refresh([("workers", 32)]);
        hear("revision 2 to 3: - retries, workers = 16 -> 32");
        config.refresh([("workers", 32)]); // nothing new, no revision
        config.insert("stop", 1);
        hear("revision 3 to 4: + stop = 1");
    });
}

#[test]
fn the_example_runs() {
    main();
}
