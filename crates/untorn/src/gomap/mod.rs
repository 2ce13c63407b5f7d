//! Go's map: the [`Table`] of its runtime, and [`GoMap`], the table behind an overlap detector.

// Names are Go's in snake case, so that a search for any identifier of its source (`tophash`,
// `oldbuckets`, `evacuated`, `keymaybe`, `nevacuate`) finds the right file. There are three layers,
// and each imports only from those below it:
//
// map/    GoMap: the table behind the detector
//
// table/  Go's table, for one thread
//
// raw/    its memory: all `unsafe` code of this folder

mod map;
mod raw;
#[cfg(all(test, untorn_shuttle))]
mod shuttle;
mod table;
#[cfg(all(test, not(any(untorn_loom, untorn_shuttle))))]
mod tests;

pub use self::map::GoMap;
pub use self::map::cursor::MapCursor;
pub use self::table::Table;
pub use self::table::cursor::Cursor;
pub use self::table::flags::FlagSet;
pub use self::table::float::{Float32, Float64};
pub use self::table::hash::{FoldHash, Seeded, SeededBuildHasher};
pub use self::table::inspect::{BucketView, Chain, Chains};
pub use self::table::iter::{Iter, Keys, Values};
pub use self::table::key::{Key, KeyKind};
pub use self::table::load_factor::Growth;
pub use self::table::retain::IntoIter;
pub use self::table::stats::TableStats;
pub use self::table::trace::{Lookup, Step};
pub use crate::hash::FoldHasher;
