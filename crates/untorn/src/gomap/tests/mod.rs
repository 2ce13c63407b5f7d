//! Tests of the table, one topic per file.

mod support;

mod clone;
mod cursor;
mod cursor_growth;
mod cursor_model;
mod delete;
mod drops;
mod growth;
mod hash;
mod inspect;
mod layout;
mod lookup;
mod lookup_hashed;
mod lookup_str;
mod model;
mod panics;
mod retain;
mod same_size;
mod sizes;
mod write;
