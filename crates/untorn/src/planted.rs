//! Planted bugs: what shows that the tests can fail.
//!
//! A build with `--cfg untorn_planted` reads the name of one bug from `UNTORN_BUG` and behaves as if that mistake
//! had been made; `just planted` runs the tests against each and fails if they still pass. In every other build
//! [`planted`] is a constant `false`.

/// Every bug that can be planted.
#[cfg(untorn_planted)]
const BUGS: &[&str] = &[
    "evacuation_skips_a_slot",
    "sweep_forgets_empty_rest",
    "growth_one_key_late",
    "second_candidate_is_a_miss",
    "walk_forgets_what_moved_to_y",
    "walk_starts_a_moved_chain_over",
    "walk_knows_no_limit",
    "walk_survives_clear",
    "gate_forgets_the_fence",
    "gate_forgets_the_scan",
    "gate_forgets_the_writer",
    "gate_waits_for_the_writer",
    "gate_waits_for_the_readers",
    "all_readers_are_further_ones",
    "retract_is_forgotten_on_overlap",
    "record_is_reused_while_in_use",
    "record_is_reused_while_a_block_is_in_use",
    "records_are_not_retired",
    "scan_skips_the_slot_blocks",
    "bits_above_are_cleared_early",
    "slots_of_blocks_are_not_reused",
    "release_keeps_the_lines_of_blocks",
    "report_mixes_two_accesses",
    "reports_mix",
    "exit_overtakes_the_report",
    "stretch_ignores_its_budget",
    "stretch_alone",
    "stretch_is_not_told",
    "tsan_is_told_nothing",
    "tsan_knows_old_accesses_only",
    "tsan_sees_the_gate",
    "tsan_sees_no_closures",
    "tsan_sees_no_clone",
    "tsan_is_not_told_of_the_end",
    "tsan_takes_all_for_one",
    "tsan_is_not_shown_again",
    "tsan_sees_the_first",
    "tsan_sees_no_hook",
    "tsan_is_waited_for_without_end",
    "batch_loses_a_write",
    "dropped_batch_is_published",
    "split_loses_an_entry",
    "merge_loses_an_entry",
    "diff_skips_a_segment",
    "bytes_count_what_is_shared",
    "readers_free_versions",
    "reclaim_frees_nothing",
    "notified_before_published",
    "missed_is_one_more",
    "dropped_stream_keeps_its_waker",
];

/// Whether this bug is to be made.
#[cfg(untorn_planted)]
pub(crate) fn planted(bug: &str) -> bool {
    use crate::sync::{Counter, Ordering};

    /// No bug has this number.
    const NONE: u64 = u64::MAX;
    const NOT_ASKED: u64 = NONE - 1;
    // Relaxed, here and below: whoever asks is not ordered by that, which ThreadSanitizer would see.
    static CHOSEN: Counter = Counter::new(NOT_ASKED);

    let number = |bug: &str| {
        let number = BUGS.iter().position(|known| *known == bug);
        number.unwrap_or_else(|| panic!("{bug} is not in the list")) as u64
    };
    let mut chosen = CHOSEN.load(Ordering::Relaxed);
    if chosen == NOT_ASKED {
        chosen = std::env::var("UNTORN_BUG").map_or(NONE, |bug| number(&bug));
        CHOSEN.store(chosen, Ordering::Relaxed);
    }
    number(bug) == chosen
}

/// Whether this bug is to be made: never, in this build.
#[cfg(not(untorn_planted))]
#[inline(always)]
pub(crate) const fn planted(_bug: &str) -> bool {
    false
}
