//! Mutation testing of the library, which shows that its tests can fail, and the web page.
//!
//! `cargo xtask mutants` gives the library one mistake at a time and runs the tests that must see
//! it. `cargo xtask ordering-mutants` weakens one memory ordering at a time and runs the loom model
//! that must notice. Both fail if a mutant survives. `cargo xtask page` builds the page of
//! `untorn why`.

mod copy;
mod mutants;
mod ordering_mutants;
mod page;
mod run;
mod sites;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;

/// Mutation testing of the library, and the web page of `untorn why`.
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask",
    after_help = "Examples:\n  cargo xtask mutants\n  cargo xtask mutants gate_forgets_the_scan\n  cargo xtask ordering-mutants --all"
)]
enum Task {
    /// Runs the tests against each mutant of the library; fails if one survives
    Mutants {
        /// Only mutants whose name contains one of these
        names: Vec<String>,
        /// Leaves out the mutants that models under loom and shuttle must notice
        #[arg(long)]
        skip_models: bool,
        /// Runs each mutant against the first of the tests named for it, not against all
        #[arg(long)]
        once: bool,
    },
    /// Runs the mutants of the annotations for ThreadSanitizer, which needs a nightly toolchain
    TsanMutants,
    /// Weakens each named memory ordering of the detector; fails if the models do not notice
    OrderingMutants {
        /// Runs every model on each ordering, not only the one known to fail: an hour
        #[arg(long)]
        all: bool,
    },
    /// Builds the web page of `untorn why`, one HTML file, in target/page
    Page,
}

fn main() -> Result<()> {
    match Task::parse() {
        Task::Mutants {
            names,
            skip_models,
            once,
        } => mutants::run(&names, skip_models, once),
        Task::TsanMutants => mutants::run_tsan(),
        Task::OrderingMutants { all } => ordering_mutants::run(all),
        Task::Page => page::run(),
    }
}

/// The root of the repository.
fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    folder.expect("xtask stands in the repository").into()
}
