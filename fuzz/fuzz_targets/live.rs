//! Documents, environment variables, key paths, caches, answers of etcd and of HTTP servers, for
//! `untorn-live`.
#![no_main]

#[path = "../../crates/untorn-live/tests/integration/fuzz/case.rs"]
mod case;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| match bytes {
    // These have no public interface.
    [b's', file @ ..] => untorn_live::fuzz_cache(file),
    [b'w', answer @ ..] => untorn_live::layer::fuzz_etcd(answer),
    [b'h', answer @ ..] => untorn_live::layer::fuzz_http(answer),
    bytes => case::run(bytes),
});
