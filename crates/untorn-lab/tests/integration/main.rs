//! The tests of the laboratory: short runs of its programs.

mod compile_fail;
mod examples;
mod forced;
mod fuzz;
mod histories;
mod oracle;
mod pages;
mod prototype;
mod rivals;
mod tidy;
mod tsan;
mod turns;
