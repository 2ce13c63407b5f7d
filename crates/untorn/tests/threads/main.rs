//! Tests that count the threads of their process or leave something behind in it, and so have their
//! own.

mod forgotten_pins;
mod poller;
