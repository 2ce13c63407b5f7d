//! Tests that count the threads of their process, so they have one of their own.

mod poller;
