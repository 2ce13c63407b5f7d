//! Follows the changes of a map.
//!
//! Each transition of a subscription has two snapshots, the last received one and the newest.
//! Comparing them costs time in proportion to their differences, not to their size. A slow
//! subscriber skips revisions in between and receives their number, but never skips the latest.
//!
//! ```text
//! $ cargo run -p untorn --example follow_changes
//! revision 0 to 2 (1 missed): + retries = 3, workers = 8 -> 16
//! revision 2 to 3: - retries, workers = 16 -> 32
//! ```

use std::sync::mpsc;
use std::thread;

use untorn::{Change, Map, Subscription, Transition, View};

type Contents = View<&'static str, u32>;

/// Formats the differences in one line.
fn describe(transition: &Transition<Contents>) -> String {
    let Transition {
        from, to, missed, ..
    } = transition;
    let mut changes: Vec<_> = transition
        .changes()
        .map(|change| match change {
            Change::Added { key, new } => format!("+ {key} = {new}"),
            Change::Changed { key, old, new } => format!("{key} = {old} -> {new}"),
            Change::Removed { key, .. } => format!("- {key}"),
        })
        .collect();
    changes.sort_unstable();
    let missed = match missed {
        0 => String::new(),
        missed => format!(" ({missed} missed)"),
    };
    let (from, to) = (from.revision(), to.revision());
    format!("revision {from} to {to}{missed}: {}", changes.join(", "))
}

/// Sends a description of each transition until the map is dropped.
fn follow(changes: Subscription<Contents>, lines: &mpsc::Sender<String>) {
    for transition in changes {
        lines.send(describe(&transition)).expect("main receives");
    }
}

fn main() {
    let config = Map::from([("workers", 8)]);
    let changes = config.subscribe();
    // Two commits before the follower starts: it receives one transition.
    config.insert("workers", 16);
    config.insert("retries", 3);

    let (sender, lines) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || follow(changes, &sender));
        // Waiting for each line makes the output of every run the same; a program would not wait.
        let expect = |expected| {
            let line = lines.recv().expect("the follower runs");
            println!("{line}");
            assert_eq!(line, expected);
        };
        expect("revision 0 to 2 (1 missed): + retries = 3, workers = 8 -> 16");
        config.refresh([("workers", 32)]);
        expect("revision 2 to 3: - retries, workers = 16 -> 32");
        config.refresh([("workers", 32)]); // no change, no new revision
        drop(config);
        assert!(lines.recv().is_err(), "the subscription ends with the map");
    });
}

#[test]
fn example_runs() {
    main();
}
