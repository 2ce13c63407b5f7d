//! Tests that count the threads of their process, and so have their own.

mod poller;
