//! `Map` beside a model; see `untorn_lab::fuzz`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use untorn_lab::fuzz::{Case, map};

fuzz_target!(|case: map::Case| case.run());
