//! Every mutant of the libraries, with the tests that must notice it.

mod live;

use super::Binary::{self, Integration, Lab, Lib, Live, Loom, Memory, Process, Shuttle};
pub(super) use live::LIVE;

/// A run that must fail: mutant, binary, filters of its tests.
pub(super) type Case = (&'static str, Binary, &'static [&'static str]);

const TABLE: &[&str] = &["gomap::"];
const CURSORS: &[&str] = &["gomap::tests::cursor"];
const FUZZ_TABLE: &[&str] = &[
    "fuzz::the_corpus_of_table",
    "fuzz::random_sequences_on_a_table",
];
const FUZZ_MAP: &[&str] = &["fuzz::random_sequences_on_a_map"];
const SHORT_HISTORIES: &[&str] = &["histories::short_histories"];
const LONG_HISTORIES: &[&str] = &["histories::long_histories"];
/// Needs two processors, whose store buffers show a missing fence: in most processes, not in all.
pub(super) const LITMUS: &[&str] = &["free_running::race"];
pub(super) const ORACLE: &[&str] = &["oracle::"];
const EXCLUSION: &[&str] = &["model::exclusion"];
const BLOCKS: &[&str] = &["model::blocks"];
const OVERLAPS: &[&str] = &["overlaps::"];
const CELLS: &[&str] = &["overlap_cell::"];
const THREADS: &[&str] = &["overlap::thread"];
const INITIALIZERS: &[&str] = &["map::initializers"];
const MAP: &[&str] = &["map::tests", "--skip", "gomap::"];

/// Those of untorn; [`LIVE`] has the others.
pub(super) const CASES: &[Case] = &[
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
    ("gate_forgets_the_fence", Lab, LITMUS),
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
    ("keys_are_not_compared", Lab, FUZZ_MAP),
    ("initializer_overwrites", Lab, FUZZ_MAP),
    ("filter_skips_a_change", Lab, FUZZ_MAP),
    ("filter_forgets_what_it_missed", Lab, FUZZ_MAP),
    ("split_loses_an_entry", Lib, MAP),
    ("merge_loses_an_entry", Lib, MAP),
    ("diff_skips_a_segment", Lib, MAP),
    ("dropped_batch_is_published", Lib, MAP),
    ("batch_loses_a_write", Integration, &["map::torn"]),
    ("readers_free_versions", Integration, &["published::"]),
    (
        "nested_block_is_replaced",
        Memory,
        &["reentrant::nested_accesses"],
    ),
    (
        "nested_end_releases_the_record",
        Memory,
        &["reentrant::nested_ends"],
    ),
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
        &["commit_is_visible_and_unlocked"],
    ),
    (
        "notified_before_published",
        Integration,
        &["subscription::steps::each_commit"],
    ),
    (
        "wait_is_extended_by_commits",
        Integration,
        &["waits::commits_do_not_extend"],
    ),
    (
        "wait_does_not_yield",
        Integration,
        &["waits::a_poll_of_a_wait"],
    ),
    (
        "prompt_reclamation_is_late",
        Integration,
        &["prompt_reclamation_drops"],
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
    (
        "cleared_table_is_dropped_at_once",
        Integration,
        &["map::reclamation::clear"],
    ),
    (
        "drops_are_nested",
        Integration,
        &["map::drops_that_write::drops_that"],
    ),
    // Recorded histories: the calls that are not batches, and subscriptions.
    ("keys_are_not_compared", Lab, SHORT_HISTORIES),
    ("initializer_overwrites", Lab, SHORT_HISTORIES),
    ("initializers_do_not_wait", Lab, SHORT_HISTORIES),
    ("wait_returns_a_later_view", Lab, SHORT_HISTORIES),
    ("dropped_batch_is_published", Lab, SHORT_HISTORIES),
    ("keys_are_not_compared", Lab, LONG_HISTORIES),
    ("wait_returns_a_later_view", Lab, LONG_HISTORIES),
    ("filter_skips_a_change", Lab, LONG_HISTORIES),
    ("filter_forgets_what_it_missed", Lab, LONG_HISTORIES),
    ("missed_is_one_more", Lab, LONG_HISTORIES),
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
    (
        "late_fetch_gets_no_pause",
        Lib,
        &["poller::state::tests::a_late_fetch_is_followed_by_a_pause"],
    ),
    (
        "poller_ignores_a_wanted_delay",
        Integration,
        &["poller::wanted_delay"],
    ),
    (
        "poller_ignores_a_wanted_delay",
        Live,
        &["http::pauses::pause_of_a_server"],
    ),
];

/// The mutants of the annotations for ThreadSanitizer; `.ci/tsan` runs them.
pub(super) const TSAN: &[&str] = &[
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
