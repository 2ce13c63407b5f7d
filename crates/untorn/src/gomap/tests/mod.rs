//! Tests of the table, one topic a file.

mod support;

mod delete;
mod growth;
mod layout;
mod lookup;
mod lookup_hashed;
mod lookup_str;
mod same_size;
mod sizes;
mod write;
