//! The laboratory of untorn: how it is measured, beside whom, what its table is compared with, and what its histories show.
//!
//! The command builds the rivals alone; the feature `checkers`, on by default, adds what finds mistakes.

/// The READMEs and the guides of the library, as tests: their code compiles and runs.
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

pub mod contest;
pub mod filter;
pub mod keys;
pub mod rivals;
pub mod sheet;
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
pub mod tsan;
