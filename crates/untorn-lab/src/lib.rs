//! The laboratory of untorn: how it is measured, beside whom, what its table is compared with, and what its histories show.

pub mod contest;
pub mod filter;
pub mod forced;
pub mod fuzz;
pub mod history;
pub mod keys;
pub mod oracle;
pub mod rivals;
pub mod sheet;
pub mod toolchain;
pub mod tsan;
