//! The laboratory of untorn: how it is measured, beside whom, and what its table is compared with.

pub mod contest;
pub mod oracle;
