//! The laboratory of untorn: benchmarks, rivals, and the checkers of the library.
//!
//! The feature `checkers`, on by default, adds everything that searches for bugs. The command
//! builds without it, since it needs the rivals only.

/// The READMEs and the guides of the library as doctests: their code must compile and run.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../README.md")]
    struct Readme;

    #[doc = include_str!("../../../README.zh-CN.md")]
    struct ReadmeZhCn;

    #[doc = include_str!("../../untorn/docs/limits.md")]
    struct Limits;

    #[doc = include_str!("../../untorn/docs/migrate.md")]
    struct Migrate;

    #[doc = include_str!("../../untorn/docs/overlap-cell.md")]
    struct OverlapCell;

    #[doc = include_str!("../../untorn/docs/stretching.md")]
    struct Stretching;
}

pub mod compare;
pub mod figures;
pub mod filter;
pub mod keys;
pub mod markdown;
pub mod rivals;
pub mod shared_maps;
pub mod sources;
pub mod toolchain;

#[cfg(feature = "checkers")]
pub mod forced;
#[cfg(feature = "checkers")]
pub mod fuzz;
#[cfg(feature = "checkers")]
pub mod history;
#[cfg(feature = "checkers")]
pub mod oracle;
#[cfg(feature = "checkers")]
pub mod prototype;
#[cfg(feature = "checkers")]
mod shrink;
#[cfg(feature = "checkers")]
mod silent_panics;
#[cfg(feature = "checkers")]
pub mod tsan;
