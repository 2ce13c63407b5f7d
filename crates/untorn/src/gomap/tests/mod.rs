//! Tests of the table, one topic a file.

mod support;

mod lookup;
mod lookup_hashed;
mod lookup_str;
