//! Every mutant of the library, with the tests that must notice it.

use super::Binary::{self, Integration, Lab, Lib, Live, LiveLib, Loom, Memory, Process, Shuttle};

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
const MERGE: &[&str] = &["store::engine"];
const MAP: &[&str] = &["map::tests", "--skip", "gomap::"];

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
        "poller_ignores_a_wanted_delay",
        Integration,
        &["poller::wanted_delay"],
    ),
    (
        "poller_ignores_a_wanted_delay",
        Live,
        &["http::pauses::pause_of_a_server"],
    ),
    // untorn-live.
    ("live_guard_allows_all", Live, &["guard::"]),
    ("live_guard_allows_all", Live, &["editors::writers::empty"]),
    ("live_acceptance_stays", Live, &["guard::acceptance_ends"]),
    (
        "live_acceptance_is_for_any_loss",
        Live,
        &["guard::acceptance"],
    ),
    (
        "live_acceptance_is_for_a_text",
        Live,
        &["guard::acceptance_is_for_the_keys"],
    ),
    (
        "live_refresh_fails_for_what_was_taken",
        Live,
        &["together::refresh_of_layers"],
    ),
    (
        "live_layers_are_tried_alone",
        Live,
        &["together::layers_that"],
    ),
    (
        "live_position_of_refused_is_kept",
        Live,
        &["together::contents_taken"],
    ),
    (
        "live_end_waits_for_the_cache",
        Live,
        &["cache_path::store_ends_though"],
    ),
    (
        "live_old_directories_stay_watched",
        Live,
        &["watches::old_releases"],
    ),
    (
        "live_guard_forgets_the_cache",
        Live,
        &["cache::silent::source_that"],
    ),
    (
        "live_wrong_answer_spoils_the_cache",
        Live,
        &["cache::silent::wrong_answer"],
    ),
    ("live_conflict_is_missed", Live, &["layers::table_against"]),
    ("live_conflict_is_missed", LiveLib, MERGE),
    (
        "live_filled_table_is_no_conflict",
        Live,
        &["layers::empty_table"],
    ),
    ("live_filled_table_is_no_conflict", LiveLib, MERGE),
    ("live_duplicate_is_missed", LiveLib, MERGE),
    ("live_repeated_name_is_missed", Live, &["repeated_key"]),
    ("live_refused_update_stays", Live, &["guard::refused"]),
    ("live_refused_update_stays", LiveLib, MERGE),
    ("live_masked_change_is_reported", Live, &["layers::masked"]),
    ("live_masked_change_is_reported", LiveLib, MERGE),
    ("live_unknown_key_is_missed", Live, &["unknown_key"]),
    ("live_secret_is_shown", Live, &["secrets::"]),
    ("live_secret_is_quoted", Live, &["secrets::types"]),
    ("live_secret_is_quoted", Live, &["secrets::checks"]),
    (
        "live_generation_is_not_checked",
        LiveLib,
        &["swap_while_read"],
    ),
    (
        "live_change_while_read_is_missed",
        LiveLib,
        &["change_while_read"],
    ),
    (
        "live_half_save_is_read",
        LiveLib,
        &["stable::tests::recent_file"],
    ),
    (
        "live_publication_is_not_marked",
        Live,
        &["threads::store_cannot_be_written_by"],
    ),
    ("live_pin_takes_a_lock", LiveLib, &["reads_take_no_lock"]),
    ("live_digest_has_lengths_only", Live, &["plain_directory"]),
    (
        "live_deleted_directory_counts_as_watched",
        Live,
        &["editors::moves::directory_is_removed"],
    ),
    ("live_short_body_is_taken", Live, &["http::hostile::"]),
    ("live_short_body_is_taken", LiveLib, &["http::fuzz"]),
    (
        "live_answer_without_end_is_taken",
        Live,
        &["http::hostile::answer_without"],
    ),
    ("live_answer_without_end_is_taken", LiveLib, &["http::fuzz"]),
    (
        "live_etag_of_refused_is_sent",
        Live,
        &["http::pauses::etag"],
    ),
    ("live_etag_of_refused_is_sent", LiveLib, &["http::tags"]),
    (
        "live_etag_is_trusted_for_ever",
        Live,
        &["http::pauses::each_tenth"],
    ),
    (
        "live_retry_after_is_ignored",
        Live,
        &["http::pauses::no_request"],
    ),
    (
        "live_redirect_is_followed",
        Live,
        &["http::redirects::redirects_are_refused"],
    ),
    (
        "live_token_goes_to_another_server",
        Live,
        &["http::redirects::secrets"],
    ),
    (
        "live_end_waits_for_writers",
        Live,
        &["threads::end_interrupts"],
    ),
    ("live_cache_is_shared", Live, &["cache::stores_that_share"]),
    ("live_end_leaves_waiters", Live, &["ready::end_of"]),
    (
        "live_refused_revision_is_waited_for",
        Live,
        &["reached::refused_revision"],
    ),
    (
        "live_recovery_without_a_refusal",
        LiveLib,
        &["recovery_follows"],
    ),
    (
        "live_recovery_has_one_reason",
        Live,
        &["recovery::recovery_counts"],
    ),
    (
        "live_etcd_compaction_is_missed",
        LiveLib,
        &["assemble::tests::compaction"],
    ),
    (
        "live_etcd_reset_is_missed",
        LiveLib,
        &["assemble::tests::server_with_fewer"],
    ),
    (
        "live_etcd_part_is_taken",
        LiveLib,
        &["assemble::tests::parts"],
    ),
    ("live_etcd_part_is_taken", LiveLib, &["model::lines_give"]),
    (
        "live_etcd_disorder_is_taken",
        LiveLib,
        &["assemble::tests::disorder"],
    ),
    ("live_etcd_disorder_is_taken", LiveLib, &["model::swapped"]),
    (
        "live_etcd_transaction_is_split",
        LiveLib,
        &["assemble::tests::revisions"],
    ),
    (
        "live_etcd_transaction_is_split",
        LiveLib,
        &["model::lines_give"],
    ),
    (
        "live_etcd_watches_have_no_pause",
        LiveLib,
        &["pace::tests::failed"],
    ),
    (
        "live_etcd_watches_have_no_pause",
        Live,
        &["etcd::lies::revisions_out_of_order"],
    ),
    (
        "live_etcd_older_page_is_taken",
        LiveLib,
        &["model::checked_pages"],
    ),
    (
        "live_etcd_other_keys_are_taken",
        LiveLib,
        &["model::checked_pages"],
    ),
    (
        "live_etcd_newer_key_is_taken",
        LiveLib,
        &["model::checked_pages"],
    ),
    (
        "live_etcd_key_has_no_revision",
        LiveLib,
        &["keys::tests::keys_have"],
    ),
    (
        "live_etcd_pages_are_of_any_revision",
        Live,
        &["etcd::lies::pages_ask"],
    ),
    (
        "live_etcd_refresh_lists_nothing",
        Live,
        &["etcd::lies::refresh_lists"],
    ),
    ("live_etcd_is_not_swept", Live, &["etcd::lies::sweep_finds"]),
    (
        "live_etcd_quiet_watch_is_trusted",
        Live,
        &["etcd::lies::silent_watch_from"],
    ),
    (
        "live_etcd_watch_that_loses_is_kept",
        Live,
        &["etcd::lies::watch_that_loses"],
    ),
    (
        "live_etcd_watch_that_loses_is_kept",
        Live,
        &["etcd::silence::sweep_replaces"],
    ),
    (
        "live_etcd_dead_watch_of_many_is_kept",
        Live,
        &["etcd::silence::dead_watch"],
    ),
    (
        "live_etcd_watch_of_a_hung_member_is_kept",
        Live,
        &["etcd::silence::hung_member"],
    ),
    (
        "live_etcd_refused_keys_are_listed_again",
        Live,
        &["etcd::listings::refused_value"],
    ),
    (
        "live_etcd_other_history_is_taken",
        Live,
        &["etcd::histories::keys_of_two"],
    ),
    (
        "live_etcd_member_that_is_behind_is_a_reset",
        Live,
        &["etcd::histories::member_that"],
    ),
    (
        "live_etcd_token_is_not_renewed",
        Live,
        &["etcd::lies::token_that_ends"],
    ),
    (
        "live_etcd_endpoint_is_kept",
        Live,
        &["etcd::lies::endpoint_that_cancels"],
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
