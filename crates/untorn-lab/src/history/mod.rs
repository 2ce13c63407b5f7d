//! Recorded histories: the results that real threads received from one map, and whether they are
//! consistent.
//!
//! | file | contents |
//! |---|---|
//! | `model.rs` | operations, and their effect on a map of one thread: the specification |
//! | `subject.rs` | the interface of a recorded map, implemented for `untorn::Map` |
//! | `faulty_maps.rs` | maps that violate the contract, and a plain one that satisfies it |
//! | `record.rs` | threads that run random operations and record the results |
//! | `linearizability.rs` | the black-box checker, for short histories |
//! | `revisions.rs` | the checker that uses revisions, for long ones |
//! | `shrink.rs` | reduces a violation |
//! | `inject.rs` | anomalies injected into correct histories |
//! | `known_facts.rs` | facts about a correct history that an injection contradicts |
//! | `timeline.rs` | formats a history and counts its overlaps |
//! | `campaign.rs` | many histories and their totals |

pub mod campaign;
pub mod faulty_maps;
pub mod inject;
mod known_facts;
pub mod linearizability;
pub mod model;
pub mod record;
pub mod revisions;
pub mod shrink;
pub mod subject;
pub mod timeline;
