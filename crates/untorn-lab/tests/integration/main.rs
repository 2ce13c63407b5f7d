//! The tests of the laboratory: short runs of its programs.

#[path = "../../../untorn/tests/support/mod.rs"]
mod support;

mod compile_fail;
mod examples;
mod forced;
mod free_running;
mod fuzz;
mod histories;
mod oracle;
mod pages;
mod prototype;
mod rivals;
mod tidy;
mod tsan;
mod turns;
mod weak_model;
