//! What is compared.

use std::path::Path;

/// A library that follows a file.
pub struct Rival {
    pub name: &'static str,
    /// Starts to follow a file, and returns when it has been read.
    pub start: fn(&Path) -> Box<dyn Following>,
}

/// A library while it follows a file.
pub trait Following {
    /// Returns the generation of the file that is served.
    fn generation(&self) -> u64;
}

/// Returns all that is compared. Each is started once: one of them has a static for each type.
pub fn all() -> [Rival; 3] {
    [
        Rival {
            name: "untorn-live",
            start: crate::live::start,
        },
        Rival {
            name: "config and notify by hand",
            start: crate::by_hand::start,
        },
        Rival {
            name: "dynamic-config",
            start: crate::dynamic::start,
        },
    ]
}
