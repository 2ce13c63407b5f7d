//! Runs the tests that must notice a mutant of a library; `cases.rs` and `cases/live.rs` list them.

mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};

use self::cases::{CASES, Case, LITMUS, LIVE, ORACLE, TSAN};
use crate::run::{Outcome, Program, cores, logs, on_threads};
use crate::{copy, root};

/// The environment variable that names the mutant of a run; `mutants.rs` of the library reads it.
const VARIABLE: &str = "UNTORN_MUTANT";

/// A test binary of the copy.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Binary {
    Lib,
    Integration,
    Process,
    Memory,
    Lab,
    Live,
    LiveLib,
    Loom,
    Shuttle,
}

use Binary::{Integration, Lab, Lib, Live, LiveLib, Loom, Memory, Process, Shuttle};

impl Binary {
    /// Returns the package, and the name of the target.
    fn target(self) -> (&'static str, &'static str) {
        match self {
            Lib | Loom | Shuttle => ("untorn", "lib"),
            Integration => ("untorn", "integration"),
            Process => ("untorn", "process"),
            Memory => ("untorn", "memory"),
            Lab => ("untorn-lab", "integration"),
            LiveLib => ("untorn-live", "lib"),
            Live => ("untorn-live", "integration"),
        }
    }

    /// Returns whether its tests run on one thread and depend on no other load of the machine.
    fn is_model(self) -> bool {
        matches!(self, Loom | Shuttle)
    }
}

/// Builds test binaries: those of the models by themselves, the others by two calls of cargo.
fn build(
    binaries: &BTreeSet<Binary>,
    tree: &Path,
    target: &Path,
) -> Result<BTreeMap<Binary, Program>> {
    let (models, others): (Vec<_>, Vec<_>) = binaries
        .iter()
        .copied()
        .partition(|binary| binary.is_model());
    let mut programs = BTreeMap::new();
    for binary in models {
        let cfg = if binary == Loom { "loom" } else { "shuttle" };
        let flags = format!("--cfg untorn_mutants --cfg untorn_{cfg}");
        let arguments = ["--package", "untorn", "--lib", "--release"];
        let mut built = Program::build(tree, target, &flags, &arguments)?;
        let program = built.remove(&("untorn".into(), "lib".into()));
        programs.insert(binary, program.context("cargo built no unit tests")?);
    }
    // All optimized for the lab: without, an access takes so long that the store buffer is empty
    // again, and a missing fence of the detector never shows.
    let (lab, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(|binary| *binary == Lab);
    let optimized = [
        "--config",
        "profile.test.package.untorn.opt-level=1",
        "--config",
        "profile.test.package.\"*\".opt-level=1",
    ];
    for (binaries, options) in [(lab, &optimized[..]), (rest, &[])] {
        if !binaries.is_empty() {
            build_together(&binaries, options, tree, target, &mut programs)?;
        }
    }
    Ok(programs)
}

/// Builds test binaries, none of them a model's, by one call of cargo.
fn build_together(
    binaries: &[Binary],
    options: &[&str],
    tree: &Path,
    target: &Path,
    programs: &mut BTreeMap<Binary, Program>,
) -> Result<()> {
    // Without repetitions: cargo takes `--lib` once. It builds the unit tests of each package then.
    let (mut packages, mut targets) = (BTreeSet::new(), BTreeSet::new());
    for binary in binaries {
        let (package, name) = binary.target();
        packages.insert(package);
        targets.insert(name);
    }
    let mut arguments = options.to_vec();
    arguments.push("--all-features");
    for package in packages {
        arguments.extend(["--package", package]);
    }
    for target in targets {
        match target {
            "lib" => arguments.push("--lib"),
            name => arguments.extend(["--test", name]),
        }
    }
    let mut built = Program::build(tree, target, "--cfg untorn_mutants", &arguments)?;
    for binary in binaries {
        let (package, name) = binary.target();
        let program = built.remove(&(package.into(), name.into()));
        let program = program.with_context(|| format!("cargo built no {name} of {package}"))?;
        programs.insert(*binary, program);
    }
    Ok(())
}

/// Returns the names of all mutants.
#[cfg(test)]
pub(crate) fn names() -> BTreeSet<&'static str> {
    let cases = CASES.iter().chain(LIVE).map(|(name, ..)| *name);
    cases.chain(TSAN.iter().copied()).collect()
}

/// Runs the mutants whose name contains one of `names`, or all; without those of models if
/// `skip_models` is set. With `once`, each runs by the first of its cases, until a test fails.
pub(crate) fn run(names: &[String], skip_models: bool, once: bool) -> Result<()> {
    let start = std::time::Instant::now();
    let chosen = |name: &str| names.is_empty() || names.iter().any(|part| name.contains(part));
    let mut cases: Vec<_> = CASES
        .iter()
        .chain(LIVE)
        .filter(|(name, binary, _)| chosen(name) && !(skip_models && binary.is_model()))
        .copied()
        .collect();
    if once {
        println!(
            "left out: {LITMUS:?}, which depend on the processor; a run without `--once` has them"
        );
        let mut seen = BTreeSet::new();
        cases.retain(|(name, _, filters)| *filters != LITMUS && seen.insert(*name));
    }
    if cases.is_empty() {
        bail!("no mutant has {names:?} in its name; the folder src/mutants of xtask has the lists");
    }
    let tree = copy::prepare()?;
    let target = root().join("target/mutants");
    let logs = logs(&target)?;

    let binaries = cases.iter().map(|(_, binary, _)| *binary).collect();
    let programs = build(&binaries, &tree, &target)?;
    println!("built in {} s", start.elapsed().as_secs());

    if let Some(lab) = programs.get(&Lab) {
        let oracle = lab.run(&["--nocapture", "oracle::"], None, &logs.join("oracle.log"))?;
        if let Some(reason) = oracle.log.lines().find(|line| line.starts_with("skipped:")) {
            println!("beside Go's map: {reason}");
            cases.retain(|(_, _, filters)| *filters != ORACLE);
        }
    }
    check_baseline(&programs, &cases, &logs)?;

    let (models, others): (Vec<_>, Vec<_>) = cases
        .into_iter()
        .partition(|(_, binary, _)| binary.is_model());
    let (waiting, others): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|(_, binary, _)| *binary == Live);
    let job = |(name, binary, filters): Case| {
        let log = logs.join(format!("{name}-{binary:?}.log"));
        let program = &programs[&binary];
        let mutant = (VARIABLE, name);
        let run = || match once {
            true => program.run_until_failure(filters, mutant, &log),
            false => program.run(filters, Some(mutant), &log),
        };
        let mut outcome = run()?;
        // Whether it shows depends on where the memory of the process lies: at once, or never.
        let again = if filters == LITMUS { 4 } else { 0 };
        for _ in 0..again {
            if !outcome.passed {
                break;
            }
            outcome = run()?;
        }
        print(name, binary, &outcome);
        Ok(!outcome.passed)
    };
    let mut caught = on_threads(cores(), models, job)?;
    caught.extend(on_threads(1, others, job)?);
    // Most of their time is spent waiting for a deadline of some seconds.
    caught.extend(on_threads(2 * cores(), waiting, job)?);
    let missed = caught.iter().filter(|caught| !**caught).count();
    println!("{} caught, {missed} missed", caught.len() - missed);

    if missed > 0 {
        bail!("{missed} mutants were missed: no test noticed them");
    }
    Ok(())
}

/// Runs the mutants of the annotations for ThreadSanitizer.
pub(crate) fn run_tsan() -> Result<()> {
    let tree = copy::prepare()?;
    let mut script = std::process::Command::new("bash");
    script.arg(".ci/tsan").arg("mutants").args(TSAN);
    script.env("CARGO_TARGET_DIR", root().join("target/tsan"));
    if !script.current_dir(tree).status()?.success() {
        bail!("a mutant of the annotations for ThreadSanitizer was missed");
    }
    Ok(())
}

/// Checks that the tests of the cases run, and pass without a mutant.
fn check_baseline(programs: &BTreeMap<Binary, Program>, cases: &[Case], logs: &Path) -> Result<()> {
    let mut distinct: Vec<(Binary, &[&str])> = Vec::new();
    for (_, binary, filters) in cases {
        if !distinct.contains(&(*binary, filters)) {
            distinct.push((*binary, filters));
        }
    }
    let (models, others): (Vec<_>, Vec<_>) = distinct
        .into_iter()
        .enumerate()
        .partition(|(_, (binary, _))| binary.is_model());
    let check = |(number, (binary, filters)): (usize, (Binary, &[&str]))| {
        let log = logs.join(format!("baseline-{number}.log"));
        let outcome = programs[&binary].run(filters, None, &log)?;
        if !outcome.passed {
            bail!(
                "{}\nthese tests fail without a mutant: {binary:?} {filters:?}",
                outcome.log
            );
        }
        if !outcome.ran_tests() {
            bail!("there are no such tests: {binary:?} {filters:?}");
        }
        Ok(())
    };
    on_threads(cores(), models, check)?;
    on_threads(1, others, check)?;
    Ok(())
}

fn print(name: &str, binary: Binary, outcome: &Outcome) {
    let seconds = outcome.took.as_secs();
    if outcome.passed {
        println!("MISSED  {name} by {binary:?} ({seconds} s)");
        return;
    }
    match *outcome.failed_tests() {
        [] => println!("caught  {name} by {binary:?}: the run itself ({seconds} s)"),
        [test] => println!("caught  {name} by {binary:?}: {test} ({seconds} s)"),
        [first, ref others @ ..] => println!(
            "caught  {name} by {binary:?}: {first} and {} more ({seconds} s)",
            others.len()
        ),
    }
}
