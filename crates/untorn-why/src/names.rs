//! What the name of a function suggests: a write, or a read.

use crate::frame::Frame;

/// Words in the names of functions that write.
const UPDATES: &[&str] = &[
    "add",
    "apply",
    "clear",
    "delete",
    "evict",
    "expire",
    "fetch",
    "insert",
    "load",
    "merge",
    "poll",
    "pull",
    "put",
    "reconcile",
    "refresh",
    "register",
    "reload",
    "remove",
    "save",
    "set",
    "store",
    "sync",
    "unregister",
    "update",
    "watch",
    "write",
];

/// First words in the names of functions that only read.
const READS: &[&str] = &[
    "all", "contains", "find", "get", "has", "is", "len", "list", "lookup", "search", "snapshot",
];

/// Returns the word of the name that suggests a write.
pub(crate) fn update_word(frame: &Frame) -> Option<String> {
    frame.name_words().into_iter().find(|word| is_update(word))
}

/// Returns the first word of the name, if it suggests a read.
pub(crate) fn read_word(frame: &Frame) -> Option<String> {
    let first = frame.name_words().into_iter().next()?;
    READS.contains(&first.as_str()).then_some(first)
}

fn is_update(word: &str) -> bool {
    let stem = word
        .strip_suffix("ing")
        .or_else(|| word.strip_suffix("er"))
        .unwrap_or(word);
    UPDATES
        .iter()
        .any(|update| *update == word || *update == stem || update.strip_suffix('e') == Some(stem))
}
