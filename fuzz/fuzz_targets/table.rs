//! `Table` and `GoMap` beside a model; see `untorn_lab::fuzz`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use untorn_lab::fuzz::{Case, table};

fuzz_target!(|case: table::Case| case.run());
