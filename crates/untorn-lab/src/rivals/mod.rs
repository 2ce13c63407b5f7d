//! The note's traffic over other people's maps, each in its best idiom.
//!
//! A pair of keys is to be written together every millisecond, with the number of the refresh in both values; readers read
//! both values without pause. A pair whose values differ came from two refreshes.
//!
//! Every map hashes with the same function, holds `u64` values inline and begins with both keys in place.
//!
//! | file | who |
//! |---|---|
//! | `locks.rs` | a `HashMap` behind a lock |
//! | `per_key.rs` | maps that are concurrent key by key |
//! | `copies.rs` | a `HashMap` that is replaced or kept twice |
//! | `ours.rs` | untorn, in the ways it can be used |
//! | `traffic.rs` | the traffic, and what is measured of it |

mod copies;
mod locks;
mod ours;
mod per_key;
mod traffic;

use std::collections::HashMap;
use std::io;

use untorn::map::DefaultHashBuilder;

pub use self::traffic::{Lateness, Tally, Traffic, play, play_with_writers};

/// The keys of the pair.
pub const KEYS: Keys = ["1", "2"];

/// Both keys of the pair.
pub type Keys = [&'static str; 2];

/// The numbers of the refreshes that wrote the two values.
pub type Pair = (u64, u64);

/// What most rivals wrap, and what nobody may change in the row that the others are compared with.
type Plain = HashMap<&'static str, u64, DefaultHashBuilder>;

/// The pair as refresh 0 left it.
fn first() -> impl Iterator<Item = (&'static str, u64)> {
    KEYS.into_iter().map(|key| (key, 0))
}

const COPIES_ALL: &str = "each refresh copies the whole map: little for two keys, much for many";

/// What a map promises of two values that were written together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// They are read together.
    Pairs,
    /// Nothing: each key is a matter of its own. Pairs from two refreshes are by design.
    PerKey,
}

/// One way to keep the pair.
pub trait Rival {
    /// By what it is asked for.
    const NAME: &'static str;
    /// Which map, and how it is read.
    const IDIOM: &'static str;
    /// What it promises.
    const PROMISE: Promise;
    /// What a reader of the figures should know, if anything.
    const REMARK: Option<&'static str> = None;

    /// The map.
    type Map: Sync;

    /// The map with both keys in place, at refresh 0.
    fn map() -> Self::Map;

    /// What a writing thread does at each refresh, whose number it is given.
    fn writer(map: &Self::Map) -> impl FnMut(u64);

    /// How a reading thread reads both values; `None` if a key was not found.
    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair>;
}

/// A rival among others.
#[derive(Clone, Copy)]
pub struct Entrant {
    /// By what it is asked for.
    pub name: &'static str,
    /// Which map, and how it is read.
    pub idiom: &'static str,
    /// What it promises.
    pub promise: Promise,
    /// What a reader of the figures should know, if anything.
    pub remark: Option<&'static str>,
    play: fn(&Traffic) -> io::Result<Tally>,
}

impl Entrant {
    const fn of<R: Rival>() -> Self {
        Self {
            name: R::NAME,
            idiom: R::IDIOM,
            promise: R::PROMISE,
            remark: R::REMARK,
            play: play::<R>,
        }
    }

    /// Runs the traffic over a new map of this kind.
    ///
    /// # Errors
    /// If a thread cannot be started.
    pub fn play(&self, traffic: &Traffic) -> io::Result<Tally> {
        (self.play)(traffic)
    }

    /// Whether `tally` shows what this map promises never to show.
    #[must_use]
    pub fn is_broken_by(&self, tally: &Tally) -> bool {
        self.promise == Promise::Pairs && tally.torn + tally.missing > 0
    }
}

/// Everybody. The first is the measure of the others: a map that nobody writes to.
pub const ENTRANTS: [Entrant; 15] = [
    Entrant::of::<locks::Unwritten>(),
    Entrant::of::<locks::StdMutex>(),
    Entrant::of::<locks::StdRwLock>(),
    Entrant::of::<locks::ParkingLot>(),
    Entrant::of::<per_key::DashMap>(),
    Entrant::of::<per_key::Papaya>(),
    Entrant::of::<per_key::Scc>(),
    Entrant::of::<per_key::SccIndex>(),
    Entrant::of::<copies::ArcSwapLoad>(),
    Entrant::of::<copies::ArcSwapCache>(),
    Entrant::of::<copies::LeftRight>(),
    Entrant::of::<ours::Pinned>(),
    Entrant::of::<ours::ByReader>(),
    Entrant::of::<ours::OneWord>(),
    Entrant::of::<ours::Published>(),
];
