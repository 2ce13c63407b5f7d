//! Go's map: the [`Table`] of its runtime, and [`GoMap`], the table with Go's rule.

// The names are Go's own in snake case, so that a search for any word of its source (`tophash`, `oldbuckets`,
// `evacuated`, `keymaybe`, `nevacuate`) lands in the right file:
//
// table.rs                       hmap                                     the header
// bucket.rs, array.rs, chain.rs  bmap, makeBucketArray, newoverflow       memory: the only files with `unsafe`
// slots.rs                       tophash                                  eight tophash bytes as one word
// lookup.rs                      mapaccess1, _fast32, _fast64, _faststr   looking up, branch by branch
// assign.rs, delete.rs           mapassign, mapdelete, mapclear           writing
// retain.rs                      maps.DeleteFunc                          taking out many
// grow.rs                        hashGrow, growWork, evacuate             growing
// walk.rs, walks.rs, map_walk.rs mapiterinit, mapiternext                `range`: going over what changes meanwhile
// float.rs                       f64hash                                  keys that are floats
// clone.rs                       mapclone2                                cloning
// hash.rs, key.rs                alg.hash, hash0, choice of a fast path   hashing, kinds of keys
// inspect.rs                                                              the buckets shown as they are
// map.rs, map_rewrite.rs         the checks of hashWriting                `GoMap`: the table behind the gate
// convert.rs                                                              from and to std's maps

mod array;
mod assign;
mod bucket;
mod chain;
mod clone;
mod convert;
mod delete;
mod flags;
mod float;
mod grow;
mod hash;
mod header;
mod inspect;
mod invariants;
mod iter;
mod key;
mod lookup;
mod map;
mod map_rewrite;
mod map_walk;
mod retain;
#[cfg(all(test, untorn_shuttle))]
mod shuttle;
mod slots;
mod stats;
mod table;
#[cfg(test)]
mod tests;
mod trace;
mod walk;
mod walks;

pub use self::flags::FlagSet;
pub use self::float::{Float32, Float64};
pub use self::grow::Growth;
pub use self::hash::{FoldHash, Seeded, SeededBuildHasher};
pub use self::inspect::{BucketView, Chain};
pub use self::iter::Iter;
pub use self::key::{Key, KeyKind};
pub use self::map::GoMap;
pub use self::map_walk::MapWalk;
pub use self::retain::IntoIter;
pub use self::stats::Stats;
pub use self::table::Table;
pub use self::trace::{Lookup, Step};
pub use self::walk::Walk;
