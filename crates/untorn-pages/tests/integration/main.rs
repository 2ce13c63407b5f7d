//! The pages under `docs/` and the examples: what they print, and where their links lead.

mod examples;
mod pages;
