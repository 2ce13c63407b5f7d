//! What the tests of Go's own map verify, in our words; `docs/go-tests.md` has the list, test by test.

mod support;

#[path = "go/crash.rs"]
mod crash;
#[path = "go/keys.rs"]
mod keys;
#[path = "go/race.rs"]
mod race;
#[path = "go/range.rs"]
mod range;
#[path = "go/runtime_map.rs"]
mod runtime_map;
#[path = "go/std_lib.rs"]
mod std_lib;
#[path = "go/sync_map.rs"]
mod sync_map;
#[path = "go/test_dir.rs"]
mod test_dir;

/// Not a test by itself: what other tests run in a process of its own.
#[test]
fn child() {
    match support::child::body().as_deref() {
        None => {}
        Some("hash") => runtime_map::print_a_hash(),
        Some(body) => crash::play(body),
    }
}
