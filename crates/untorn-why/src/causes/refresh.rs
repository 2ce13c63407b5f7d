//! A map that is refreshed while others read it, by the program or by a configuration library.

use super::Cause;
use super::stacks::{Stacks, call_at};
use crate::candidates::Certainty;
use crate::frame::Frame;
use crate::libraries::{self, CONFIGS};

pub(super) fn config(stacks: &Stacks<'_>) -> Option<Cause> {
    let of_library = |frame: &Frame| libraries::is_of(frame, CONFIGS);
    let here = stacks.here.iter().find(|frame| of_library(frame));
    let other = stacks.find_other(of_library);
    // Almost every program with a watcher has one of these goroutines waiting, so that alone is
    // weak evidence.
    let (frame, certainty) = match (here, other) {
        (Some(here), Some((_, certainty))) => (here, certainty),
        (Some(here), None) => (here, Certainty::Possibly),
        (None, other) => (other?.0, Certainty::Possibly),
    };
    Some(Cause {
        id: "config_reload",
        title: "a configuration library reloads its values while they are read".into(),
        certainty,
        matched: format!(
            "{} is on a stack; its values are not protected against a reload",
            call_at(frame)
        ),
        change: &[
            "do not read from the library directly. In the callback of the reload (OnConfigChange, Watch) build a new value \
             and publish it with an atomic.Pointer; or hold one lock around the reload and every Get.",
        ],
    })
}

pub(super) fn in_place(stacks: &Stacks<'_>) -> Option<Cause> {
    const REFRESHES: &[&str] = &[
        "reload", "refresh", "poll", "poller", "watch", "watcher", "sync", "fetch", "pull",
        "update",
    ];
    if stacks.here_does.is_none() || stacks.writes() {
        return None;
    }
    let named = |frame: &Frame| {
        !frame.is_standard()
            && frame
                .name_words()
                .iter()
                .any(|word| REFRESHES.contains(&word.as_str()))
    };
    let (frame, certainty) = stacks.find_other(named)?;
    let value = stacks.value();
    Some(Cause {
        id: "refreshed_in_place",
        title: format!("one goroutine refreshes the {value} in place while others read it"),
        certainty,
        matched: format!("{} is named like a refresh", call_at(frame)),
        change: &[
            "build the new contents in a new map, and publish it with an atomic.Pointer[map[K]V]; never write to a map after \
             publishing it. Readers load the pointer once for all keys that they need together.",
        ],
    })
}
