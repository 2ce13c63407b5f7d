//! What is compared.

/// Something that follows the keys of an etcd.
pub struct Rival {
    pub name: &'static str,
    /// Starts to follow the etcd at an address, and returns when all keys have been read.
    pub start: fn(&str) -> Box<dyn Following>,
}

/// A rival while it follows an etcd. It stops when it is dropped.
pub trait Following: Sync {
    fn len(&self) -> usize;

    /// Returns the value of a key.
    fn get(&self, number: usize) -> Option<u64>;
}

/// Returns all that is compared.
pub const RIVALS: [Rival; 2] = [
    Rival {
        name: "untorn-live",
        start: crate::live::start,
    },
    Rival {
        name: "etcd-client and an `RwLock` by hand",
        start: crate::by_hand::start,
    },
];
