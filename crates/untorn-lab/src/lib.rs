//! The laboratory of untorn: how it is measured, beside whom.

pub mod contest;
pub mod filter;
pub mod keys;
pub mod rivals;
pub mod sheet;
