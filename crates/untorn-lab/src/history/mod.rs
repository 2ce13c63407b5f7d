//! Recorded histories: what real threads were told by one map, and whether that can be.
//!
//! | file | what |
//! |---|---|
//! | `model.rs` | operations, and what they do to a map that nobody else uses |
//! | `subject.rs` | the calls of a map; `untorn::Map` behind them |
//! | `wrong.rs` | maps that break the contract, and a plain one that keeps it |
//! | `record.rs` | threads that do random things and note what came of it |
//! | `linear.rs` | the black-box checker, for short histories |
//! | `revisions.rs` | the checker that goes by revisions, for long ones |
//! | `shrink.rs` | the shortest violation in a violation |
//! | `plant.rs` | anomalies planted in good histories |
//! | `facts.rs` | what is certain in a good history, so that it can be contradicted |
//! | `timeline.rs` | a history on paper, and how much of it overlapped |
//! | `campaign.rs` | many histories, and their totals |

pub mod campaign;
mod facts;
pub mod linear;
pub mod model;
pub mod plant;
pub mod record;
pub mod revisions;
pub mod shrink;
pub mod subject;
pub mod timeline;
pub mod wrong;
