//! The laboratory of untorn: how it is measured, beside whom.

pub mod contest;

pub mod rivals;
