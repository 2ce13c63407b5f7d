//! Tests of the service as a router, and of the program around it.

mod hosts;
mod program;
mod service;
mod settings;
