//! Every mutant of the library with the tests that must notice it, and the run of them all.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

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
    Loom,
    Shuttle,
}

use Binary::{Integration, Lab, Lib, Loom, Memory, Process, Shuttle};

impl Binary {
    fn build(self, tree: &Path, target: &Path) -> Result<Program> {
        let (package, cfgs, arguments): (_, &str, &[&str]) = match self {
            Lib => ("untorn", "", &["--all-features", "--lib"]),
            Integration => ("untorn", "", &["--all-features", "--test", "integration"]),
            Process => ("untorn", "", &["--all-features", "--test", "process"]),
            Memory => ("untorn", "", &["--all-features", "--test", "memory"]),
            Lab => ("untorn-lab", "", &["--test", "integration"]),
            Loom => ("untorn", " --cfg untorn_loom", &["--lib", "--release"]),
            Shuttle => ("untorn", " --cfg untorn_shuttle", &["--lib", "--release"]),
        };
        let flags = format!("--cfg untorn_mutants{cfgs}");
        Program::build(tree, target, package, &flags, arguments)
    }

    /// Returns whether its tests run on one thread and depend on no other load of the machine.
    fn is_model(self) -> bool {
        matches!(self, Loom | Shuttle)
    }
}

/// A run that must fail: mutant, binary, filters of its tests.
type Case = (&'static str, Binary, &'static [&'static str]);

const TABLE: &[&str] = &["gomap::"];
const CURSORS: &[&str] = &["gomap::tests::cursor"];
const FUZZ_TABLE: &[&str] = &[
    "fuzz::the_corpus_of_table",
    "fuzz::random_sequences_on_a_table",
];
const FUZZ_MAP: &[&str] = &["fuzz::random_sequences_on_a_map"];
const ORACLE: &[&str] = &["oracle::"];
const EXCLUSION: &[&str] = &["model::exclusion"];
const BLOCKS: &[&str] = &["model::blocks"];
const OVERLAPS: &[&str] = &["overlaps::"];
const CELLS: &[&str] = &["overlap_cell::"];
const THREADS: &[&str] = &["overlap::thread"];
const INITIALIZERS: &[&str] = &["map::initializers"];
const MAP: &[&str] = &["map::tests", "--skip", "gomap::"];

const CASES: &[Case] = &[
    // Go's table.
    ("evacuation_skips_a_slot", Lib, TABLE),
    ("sweep_forgets_empty_rest", Lib, TABLE),
    ("growth_one_key_late", Lib, TABLE),
    ("second_candidate_is_a_miss", Lib, TABLE),
    ("cursor_forgets_what_moved_to_y", Lib, CURSORS),
    ("cursor_starts_a_moved_chain_over", Lib, CURSORS),
    ("cursor_knows_no_limit", Lib, CURSORS),
    ("cursor_survives_clear", Lib, CURSORS),
    ("evacuation_skips_a_slot", Lab, ORACLE),
    ("sweep_forgets_empty_rest", Lab, ORACLE),
    ("growth_one_key_late", Lab, ORACLE),
    ("second_candidate_is_a_miss", Lab, ORACLE),
    ("evacuation_skips_a_slot", Lab, FUZZ_TABLE),
    ("second_candidate_is_a_miss", Lab, FUZZ_TABLE),
    ("cursor_forgets_what_moved_to_y", Lab, FUZZ_TABLE),
    ("cursor_starts_a_moved_chain_over", Lab, FUZZ_TABLE),
    ("cursor_survives_clear", Lab, FUZZ_TABLE),
    // The detector.
    ("gate_forgets_the_fence", Loom, EXCLUSION),
    ("gate_forgets_the_scan", Loom, EXCLUSION),
    ("gate_forgets_the_writer", Loom, EXCLUSION),
    ("retract_is_forgotten_on_overlap", Loom, EXCLUSION),
    (
        "record_is_reused_while_in_use",
        Loom,
        &["model::thread_exit"],
    ),
    ("record_is_reused_while_a_block_is_in_use", Loom, BLOCKS),
    ("scan_skips_the_slot_blocks", Loom, BLOCKS),
    ("bits_above_are_cleared_early", Loom, BLOCKS),
    ("release_keeps_the_lines_of_blocks", Loom, BLOCKS),
    (
        "report_mixes_two_accesses",
        Loom,
        &["model_snapshot_is_of_one_read"],
    ),
    (
        "all_readers_are_further_ones",
        Loom,
        &["model::reader_count"],
    ),
    ("gate_forgets_the_scan", Shuttle, &["gomap::shuttle"]),
    ("gate_forgets_the_writer", Shuttle, &["gomap::shuttle"]),
    ("gate_forgets_the_scan", Shuttle, &["overlap::shuttle"]),
    ("gate_forgets_the_writer", Shuttle, &["overlap::shuttle"]),
    (
        "record_is_reused_while_in_use",
        Shuttle,
        &["overlap::shuttle"],
    ),
    ("scan_skips_the_slot_blocks", Shuttle, &["overlap::shuttle"]),
    ("gate_waits_for_the_writer", Shuttle, &["shuttle_progress"]),
    ("gate_waits_for_the_readers", Shuttle, &["shuttle_progress"]),
    ("gate_forgets_the_scan", Integration, OVERLAPS),
    ("gate_forgets_the_writer", Integration, OVERLAPS),
    ("gate_forgets_the_scan", Integration, CELLS),
    ("gate_forgets_the_writer", Integration, CELLS),
    ("scan_skips_the_slot_blocks", Integration, CELLS),
    ("bits_above_are_cleared_early", Integration, CELLS),
    ("gate_forgets_the_scan", Lab, &["forced::"]),
    ("gate_forgets_the_writer", Lab, &["forced::"]),
    (
        "gate_forgets_the_fence",
        Integration,
        &["race::", "--skip", "go::", "--skip", "overlap_cell::"],
    ),
    ("records_are_not_retired", Lib, THREADS),
    ("slots_of_blocks_are_not_reused", Lib, THREADS),
    ("record_is_reused_while_a_block_is_in_use", Lib, THREADS),
    ("reports_mix", Process, &["exit_blocked_stderr::"]),
    (
        "exit_overtakes_the_report",
        Process,
        &["exit_blocked_stderr::"],
    ),
    ("stretch_ignores_its_budget", Lib, &["overlap::stretch"]),
    ("stretch_alone", Lib, &["overlap::stretch"]),
    (
        "stretch_is_not_reported",
        Process,
        &["is_reported_with_its_time"],
    ),
    // Map, Published and Subscription.
    ("split_loses_an_entry", Lab, FUZZ_MAP),
    ("merge_loses_an_entry", Lab, FUZZ_MAP),
    ("diff_skips_a_segment", Lab, FUZZ_MAP),
    ("batch_loses_a_write", Lab, FUZZ_MAP),
    ("dropped_batch_is_published", Lab, FUZZ_MAP),
    ("reclaim_frees_nothing", Lab, FUZZ_MAP),
    ("missed_is_one_more", Lab, FUZZ_MAP),
    ("split_loses_an_entry", Lib, MAP),
    ("merge_loses_an_entry", Lib, MAP),
    ("diff_skips_a_segment", Lib, MAP),
    ("dropped_batch_is_published", Lib, MAP),
    ("batch_loses_a_write", Integration, &["map::torn"]),
    ("readers_free_versions", Integration, &["published::"]),
    ("reclaim_frees_nothing", Memory, &["retained::"]),
    ("bytes_count_what_is_shared", Memory, &["retained::"]),
    ("missed_is_one_more", Integration, &["subscription::"]),
    (
        "filter_forgets_what_it_missed",
        Integration,
        &["subscription::filtered"],
    ),
    (
        "notified_before_published",
        Integration,
        &["subscription::steps::each_commit"],
    ),
    (
        "notified_before_published",
        Integration,
        &["commit_is_visible_and_unlocked"],
    ),
    ("initializers_do_not_wait", Integration, INITIALIZERS),
    ("initializers_do_not_wait", Shuttle, &["initializers"]),
    ("failed_initializer_wakes_none", Shuttle, &["initializers"]),
    ("initialized_twice", Shuttle, &["initializers"]),
    (
        "dropped_stream_keeps_its_waker",
        Integration,
        &["dropped_stream_leaves"],
    ),
    // The poller.
    (
        "poller_refuses_nothing",
        Integration,
        &["poller::guard::empty_answer_is_refused"],
    ),
    (
        "poller_publishes_late_answers",
        Integration,
        &["poller::deadline"],
    ),
    (
        "poller_advances_without_a_commit",
        Integration,
        &["poller::deltas"],
    ),
    ("triggers_skip_the_gap", Lib, &["poller::schedule"]),
];

/// The mutants of the annotations for ThreadSanitizer; `.ci/tsan` runs them.
pub(crate) const TSAN: &[&str] = &[
    "tsan_gets_no_annotation",
    "tsan_knows_old_accesses_only",
    "tsan_sees_the_gate",
    "tsan_sees_no_closures",
    "tsan_sees_no_clone",
    "tsan_gets_no_end",
    "tsan_takes_all_for_one",
    "tsan_is_not_shown_again",
    "tsan_sees_the_first",
    "tsan_sees_no_hook",
    "tsan_is_waited_for_without_end",
];

/// Returns the names of all mutants.
#[cfg(test)]
pub(crate) fn names() -> std::collections::BTreeSet<&'static str> {
    let cases = CASES.iter().map(|(name, ..)| *name);
    cases.chain(TSAN.iter().copied()).collect()
}

/// Runs the mutants whose name contains one of `names`, or all; without those of models if
/// `skip_models` is set.
pub(crate) fn run(names: &[String], skip_models: bool) -> Result<()> {
    let start = std::time::Instant::now();
    let chosen = |name: &str| names.is_empty() || names.iter().any(|part| name.contains(part));
    let mut cases: Vec<_> = CASES
        .iter()
        .filter(|(name, binary, _)| chosen(name) && !(skip_models && binary.is_model()))
        .copied()
        .collect();
    if cases.is_empty() {
        bail!("no mutant has {names:?} in its name; src/mutants.rs of xtask has the list");
    }
    let tree = copy::prepare()?;
    let target = root().join("target/mutants");
    let logs = logs(&target)?;

    let mut programs = BTreeMap::new();
    for (_, binary, _) in &cases {
        if !programs.contains_key(binary) {
            programs.insert(*binary, binary.build(&tree, &target)?);
        }
    }
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
    let job = |(name, binary, filters): Case| {
        let log = logs.join(format!("{name}-{binary:?}.log"));
        let program = &programs[&binary];
        let outcome = program.run(filters, Some((VARIABLE, name)), &log)?;
        print(name, binary, &outcome);
        Ok(!outcome.passed)
    };
    let mut caught = on_threads(cores(), models, job)?;
    caught.extend(on_threads(1, others, job)?);
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
    let failed = outcome.failed_tests();
    let such_as = failed.first().copied().unwrap_or("the run itself");
    let (count, seconds) = (failed.len(), outcome.took.as_secs());
    if outcome.passed {
        println!("MISSED  {name} by {binary:?} ({seconds} s)");
    } else {
        println!("caught  {name} by {count} tests of {binary:?}, such as: {such_as} ({seconds} s)");
    }
}
