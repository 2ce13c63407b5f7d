//! Tests of the table, one topic a file.

mod support;

mod delete;
mod layout;
mod lookup;
mod lookup_hashed;
mod lookup_str;
mod sizes;
mod write;
