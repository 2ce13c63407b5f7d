//! `Map` beside a model; see `untorn_lab::fuzz`.
#![no_main]

#[cfg(not(untorn_fuzzing))]
compile_error!("cannot fuzz without the test configuration of the library: set RUSTFLAGS=\"--cfg untorn_fuzzing\", as .ci/fuzz does");

use libfuzzer_sys::fuzz_target;
use untorn_lab::fuzz::{Case, map};

fuzz_target!(|case: map::Case| case.run());
