//! The properties that the tests of Go's own map verify; `docs/go-tests.md` lists them test by
//! test.

mod keys;
mod race;
mod range;
mod runtime_map;
mod std_lib;
mod sync_map;
mod test_dir;
