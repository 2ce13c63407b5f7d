//! Recorded histories: the results that real threads received from one map, and whether they are
//! consistent.
//!
//! | file | contents |
//! |---|---|
//! | `model.rs` | operations, and their effect on a map of one thread: the specification |
//! | `detail.rs` | what the steps of an operation cannot express |
//! | `subject.rs` | the interface of a recorded map |
//! | `untorn_map.rs`, `subscriber.rs` | the interface, implemented for `untorn::Map` |
//! | `forked.rs` | a fork as plain contents |
//! | `faulty_maps.rs`, `faulty_subscriber.rs` | maps that violate the contract, and a plain one that satisfies it |
//! | `key_by_key.rs` | a correct map that is used without its batches and views |
//! | `record/` | threads that run random operations and record the results |
//! | `linearizability.rs` | the black-box checker, for short histories |
//! | `revisions.rs` | the checker that uses revisions, for long ones |
//! | `subscriptions.rs` | the checker of subscriptions, which uses revisions too |
//! | `initializers.rs` | the checker of initializers, for both kinds of history |
//! | `shrink.rs` | reduces a violation |
//! | `inject.rs`, `inject_detail.rs` | anomalies injected into correct histories |
//! | `known_facts.rs` | facts about a correct history that an injection contradicts |
//! | `timeline.rs` | formats a history and counts its overlaps |
//! | `campaign.rs` | many histories and their totals |

pub mod campaign;
pub mod detail;
pub mod faulty_maps;
mod faulty_subscriber;
mod forked;
pub mod initializers;
pub mod inject;
mod inject_detail;
pub mod key_by_key;
mod known_facts;
pub mod linearizability;
pub mod model;
pub mod record;
pub mod revisions;
pub mod shrink;
pub mod subject;
pub mod subscriber;
mod subscriptions;
pub mod timeline;
pub mod untorn_map;
