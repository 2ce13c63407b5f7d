//! The pages under `docs/` whose code has to compile and run: `cargo test -p untorn-pages`.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/limits.md")]
struct Limits;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/migrate.md")]
struct Migrate;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/overlap-cell.md")]
struct OverlapCell;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/stretching.md")]
struct Stretching;
