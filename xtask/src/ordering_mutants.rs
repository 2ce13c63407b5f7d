//! Each named memory ordering of the detector and of the publication cell, with a loom model that
//! fails when it is weakened.

use anyhow::{Context, Result, bail};

use crate::root;
use crate::run::{Program, cores, logs, on_threads};

/// The environment variable that names the ordering of a run; the file of the same name in
/// the library reads it.
const VARIABLE: &str = "UNTORN_WEAKENED_ORDERING";

/// Site of an ordering, and a model that fails without it.
pub(crate) const SITES: &[(&str, &str)] = &[
    ("enter_read.fence", "writer_and_reader"),
    ("enter_read.writer", "writer_and_reader"),
    ("enter_write.before", "a_write_after_a_write_by_a_flag"),
    (
        "enter_write.writer",
        "a_reader_reports_the_writer_that_stays",
    ),
    ("enter_write.found", "new_writers_are_reported"),
    ("enter_write.fence", "writer_and_reader"),
    ("leave_write.writer", "two_writers"),
    ("set.fence", "an_identity_is_whole"),
    ("set.confirmed", "an_identity_is_whole"),
    ("get.confirmed", "an_identity_is_whole"),
    ("get.fence", "an_identity_is_whole"),
    ("invalidate.seq", "snapshot_is_of_one_read"),
    ("invalidate.fence", "snapshot_is_of_one_read"),
    ("set_delayed.fence", "snapshot_has_its_own_delay"),
    ("publish.word", "snapshot_is_of_one_read"),
    ("unpublish.word", "writer_and_reader"),
    ("unpublish.fence", "a_write_after_a_read_by_a_flag"),
    ("is_reading.word", "writer_and_reader"),
    ("is_reading.gate", "reads_of_two_gates"),
    ("snapshot.seq", "snapshot_is_of_one_read"),
    ("snapshot.word", "snapshot_is_of_one_read"),
    ("records.head", "new_threads_are_seen"),
    ("acquire.owned", "snapshot_is_of_one_thread"),
    ("push.head", "new_threads_are_seen"),
    ("are_in_use.live", "a_read_in_a_slot_block"),
    ("fold.live", "a_read_in_a_slot_block"),
    ("fold.word", "a_read_in_a_slot_block"),
    ("fold.block", "new_slot_blocks_are_seen"),
    ("grow.block", "new_slot_blocks_are_seen"),
    // The publication cell.
    ("pin.fence", "pin_beside_a_commit"),
    ("scan.fence", "pin_beside_a_commit"),
    ("protect.slot", "pin_and_pin_again"),
    ("clear.slot", "pin_beside_a_commit"),
    ("shown.slot", "handle_beside_two_commits"),
    ("protect.newest", "pin_without_a_fence"),
    ("protect_again.newest", "pin_beside_two_commits"),
    ("replace.newest", "pin_without_a_fence"),
    ("collect.occupied", "handle_of_an_ended_thread"),
    ("give_back.occupied", "handle_of_an_ended_thread"),
    ("claim.occupied", "records_are_claimed_again"),
    ("next.slab", "new_slabs_are_scanned"),
    ("push.slab", "new_slabs_are_scanned"),
    ("push.found", "one_slab_is_added"),
    ("take.word", "lock_excludes"),
    ("release.word", "lock_excludes"),
    ("release_to_waiter.word", "lock_after_a_waiter_left"),
];

/// Weakens each ordering in turn.
pub(crate) fn run(all: bool) -> Result<()> {
    let start = std::time::Instant::now();
    let target = root().join("target/ordering-mutants");
    let logs = logs(&target)?;
    let flags = "--cfg untorn_loom --cfg untorn_ordering_mutants";
    let arguments = ["--package", "untorn", "--lib", "--release"];
    let mut built = Program::build(&root(), &target, flags, &arguments)?;
    let models = built.remove(&("untorn".into(), "lib".into()));
    let models = models.context("cargo built no unit tests")?;
    println!("built in {} s", start.elapsed().as_secs());

    let mut named: Vec<_> = SITES
        .iter()
        .map(|(_, model)| format!("model_{model}"))
        .collect();
    named.sort_unstable();
    named.dedup();
    // Each by a process: threads of one would wait for each other to map stacks.
    on_threads(cores(), named, |model| {
        let sound = models.run(&[&model], None, &logs.join(format!("{model}.log")))?;
        if !sound.passed || !sound.ran_tests() {
            bail!("{}\n{model} fails with every ordering as it is", sound.log);
        }
        Ok(())
    })?;
    let survived = on_threads(cores(), SITES.to_vec(), |(site, model)| {
        let model = format!("model_{model}");
        let filter = if all { "model" } else { &model };
        let log = logs.join(format!("{site}.log"));
        let outcome = models.run(&[filter], Some((VARIABLE, site)), &log)?;
        if outcome.passed {
            println!("SURVIVED  {site}");
        } else {
            let failed = outcome.failed_tests();
            let failed = failed
                .iter()
                .filter_map(|name| name.rsplit("model_").next());
            println!(
                "{site} -> caught by {}",
                failed.collect::<Vec<_>>().join(" ")
            );
        }
        Ok(outcome.passed)
    })?;
    let count = survived.iter().filter(|survived| **survived).count();
    println!("{} orderings weakened, {count} survived", SITES.len());
    if count > 0 {
        bail!("{count} orderings can be weakened without any model failing");
    }
    Ok(())
}
