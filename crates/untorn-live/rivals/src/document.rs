//! The file that is followed: a section with a generation, and so many other keys.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// The section that is read as a type.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct App {
    pub generation: u64,
}

pub fn text(generation: u64, keys: usize) -> String {
    let mut text = format!("[app]\ngeneration = {generation}\n");
    for section in 0..keys.div_ceil(100) {
        _ = write!(text, "[section{section}]\n");
        for key in 0..100.min(keys - section * 100) {
            _ = write!(text, "key{key} = \"value {key}\"\n");
        }
    }
    text
}

/// Saves as editors do: a new file takes the place of the old one.
pub fn rename(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).expect("it can be written");
    fs::rename(new, path).expect("it can be renamed");
}

/// Saves into the file itself.
pub fn write_in_place(path: &Path, text: &str) {
    fs::write(path, text).expect("it can be written");
}
