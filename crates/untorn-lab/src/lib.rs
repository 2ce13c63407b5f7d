//! The laboratory of untorn: how it is measured, beside whom, and what its histories show.

pub mod contest;
pub mod filter;
pub mod history;
pub mod keys;
pub mod rivals;
pub mod sheet;
