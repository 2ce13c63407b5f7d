//! The note's traffic over maps of other crates, each in its best idiom.
//!
//! A pair of keys is written together every millisecond, with the number of the refresh in both
//! values; readers read both values without pause. A pair whose values differ came from two
//! refreshes.
//!
//! Every map uses the same hash function, holds `u64` values inline and starts with both keys in
//! place.
//!
//! | file | contents |
//! |---|---|
//! | `locks.rs` | a `HashMap` behind a lock |
//! | `per_key.rs` | maps that are concurrent key by key |
//! | `copies.rs` | a `HashMap` that is replaced or kept twice |
//! | `ours.rs` | untorn, in the ways it can be used |
//! | `traffic.rs` | the traffic and its measurements |

mod copies;
mod locks;
mod ours;
mod per_key;
mod traffic;

use std::collections::HashMap;
use std::io;

use untorn::map::DefaultHashBuilder;

pub use self::traffic::{Lateness, Measurement, Traffic, play, play_with_writers};

/// The keys of the pair.
pub const KEYS: Keys = ["1", "2"];

/// Both keys of the pair.
pub type Keys = [&'static str; 2];

/// The numbers of the refreshes that wrote the two values.
pub type Pair = (u64, u64);

/// The map that most rivals wrap; without writes it is the baseline row.
type Plain = HashMap<&'static str, u64, DefaultHashBuilder>;

/// Returns the pair as refresh 0 leaves it.
fn first() -> impl Iterator<Item = (&'static str, u64)> {
    KEYS.into_iter().map(|key| (key, 0))
}

const COPIES_ALL: &str = "each refresh copies the whole map: little for two keys, much for many";

/// The guarantee of a map for two values that are written together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// Both values are read together.
    Pairs,
    /// None: the keys are independent. Pairs from two refreshes occur by design.
    PerKey,
}

/// A map type, and how it holds the pair.
pub trait Rival {
    /// The name that selects it.
    const NAME: &'static str;
    /// The map type, and how it is read.
    const IDIOM: &'static str;
    /// The guarantee for the pair.
    const GUARANTEE: Guarantee;
    /// A remark on the figures, if one is needed.
    const REMARK: Option<&'static str> = None;

    /// The map.
    type Map: Sync;

    /// The map with both keys in place, at refresh 0.
    fn map() -> Self::Map;

    /// Returns the function that a writing thread calls at each refresh, with its number.
    fn writer(map: &Self::Map) -> impl FnMut(u64);

    /// Returns the function that a reading thread calls; `None` if a key was not found.
    fn reader(map: &Self::Map) -> impl FnMut(Keys) -> Option<Pair>;
}

/// A rival in the list of all.
#[derive(Clone, Copy)]
pub struct Contender {
    /// The name that selects it.
    pub name: &'static str,
    /// The map type, and how it is read.
    pub idiom: &'static str,
    /// The guarantee for the pair.
    pub guarantee: Guarantee,
    /// A remark on the figures, if one is needed.
    pub remark: Option<&'static str>,
    play: fn(&Traffic) -> io::Result<Measurement>,
}

impl Contender {
    const fn of<R: Rival>() -> Self {
        Self {
            name: R::NAME,
            idiom: R::IDIOM,
            guarantee: R::GUARANTEE,
            remark: R::REMARK,
            play: play::<R>,
        }
    }

    /// Runs the traffic over a new map of this kind.
    ///
    /// # Errors
    /// Returns an error if a thread cannot be started.
    pub fn play(&self, traffic: &Traffic) -> io::Result<Measurement> {
        (self.play)(traffic)
    }

    /// Returns whether a measurement violates the map's guarantee.
    #[must_use]
    pub fn is_broken_by(&self, measurement: &Measurement) -> bool {
        self.guarantee == Guarantee::Pairs && measurement.torn + measurement.missing > 0
    }
}

/// All contenders. The first is the baseline: a map that is not written to.
pub const CONTENDERS: [Contender; 15] = [
    Contender::of::<locks::Unwritten>(),
    Contender::of::<locks::StdMutex>(),
    Contender::of::<locks::StdRwLock>(),
    Contender::of::<locks::ParkingLot>(),
    Contender::of::<per_key::DashMap>(),
    Contender::of::<per_key::Papaya>(),
    Contender::of::<per_key::Scc>(),
    Contender::of::<per_key::SccIndex>(),
    Contender::of::<copies::ArcSwapLoad>(),
    Contender::of::<copies::ArcSwapCache>(),
    Contender::of::<copies::LeftRight>(),
    Contender::of::<ours::Pinned>(),
    Contender::of::<ours::ByReader>(),
    Contender::of::<ours::OneWord>(),
    Contender::of::<ours::Published>(),
];
