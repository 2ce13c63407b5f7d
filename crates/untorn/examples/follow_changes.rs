//! How do I learn what has changed?
//!
//! Subscribe: each transition is two snapshots, the one seen last and the newest, and comparing them costs what differs, not
//! what there is. Who is slow misses revisions in between, is told how many, and never misses the latest.
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

/// What differs, in one line.
fn told(transition: &Transition<Contents>) -> String {
    let Transition {
        from, to, missed, ..
    } = transition;
    let mut changes: Vec<_> = to
        .diff(from)
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

/// Tells each transition until the map is gone.
fn follow(changes: Subscription<Contents>, tell: &mpsc::Sender<String>) {
    for transition in changes {
        tell.send(told(&transition)).expect("somebody listens");
    }
}

fn main() {
    let config = Map::from([("workers", 8)]);
    let changes = config.subscribe();
    // Two commits before anybody looks: the follower will see one transition.
    config.insert("workers", 16);
    config.insert("retries", 3);

    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || follow(changes, &tell));
        // Waits for each line, so that each run shows the same; a program would not.
        let hear = |expected| {
            let line = told.recv().expect("the follower goes on");
            println!("{line}");
            assert_eq!(line, expected);
        };
        hear("revision 0 to 2 (1 missed): + retries = 3, workers = 8 -> 16");
        config.refresh([("workers", 32)]);
        hear("revision 2 to 3: - retries, workers = 16 -> 32");
        config.refresh([("workers", 32)]); // nothing new, no revision
        drop(config);
        assert!(told.recv().is_err(), "the subscription ends with the map");
    });
}

#[test]
fn the_example_runs() {
    main();
}
