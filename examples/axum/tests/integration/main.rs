//! The service as a router, and the program around it.

mod program;
mod service;
