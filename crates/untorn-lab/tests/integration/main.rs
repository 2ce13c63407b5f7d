//! The tests of the laboratory: short runs of what its programs run for long.

mod compile_fail;
mod forced;
mod fuzz;
mod histories;
mod oracle;
mod rivals;
mod tsan;
mod turns;
