//! What the tests of Go's own map verify, in our words; `docs/go-tests.md` has the list, test by test.

mod keys;
mod race;
mod range;
mod runtime_map;
mod std_lib;
mod sync_map;
mod test_dir;
