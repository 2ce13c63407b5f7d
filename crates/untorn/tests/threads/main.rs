//! Tests that count the threads of their process or leave something behind in it, and so have their
//! own.

mod forgotten_pins;
mod poller;

/// Locked by each test: one must not see the threads of another.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
