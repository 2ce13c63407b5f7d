//! The mutants of untorn-live.

use super::Case;
use crate::mutants::Binary::{Live, LiveLib};

const MERGE: &[&str] = &["store::engine"];

pub(in crate::mutants) const LIVE: &[Case] = &[
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
    (
        "live_secret_in_a_text_is_shown",
        Live,
        &["secrets::secrets_in"],
    ),
    (
        "live_unknown_keys_have_no_limit",
        Live,
        &["mistakes::status"],
    ),
    ("live_changed_file_is_complete", LiveLib, &["not_complete"]),
    (
        "live_removed_file_is_missed",
        Live,
        &["kubernetes::file_is"],
    ),
    ("live_names_pile_up", LiveLib, &["names_of_items"]),
    ("live_each_path_has_a_watch", LiveLib, &["paths_of_one"]),
    (
        "live_stop_forgets_the_cache",
        Live,
        &["cache_path::store_ends_though"],
    ),
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
        "live_replaced_position_stays",
        LiveLib,
        &["replaced_contents_have"],
    ),
    (
        "live_recovery_passes_its_refusal",
        LiveLib,
        &["recovery_is_reported_after"],
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
