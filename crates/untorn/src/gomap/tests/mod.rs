//! Tests of the table, one topic per file.

mod support;

mod clone;
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
mod walk;
mod walk_growth;
mod walk_model;
mod write;
