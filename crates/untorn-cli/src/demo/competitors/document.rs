//! The JSON document of `demo rivals`.

use serde::Serialize;
use untorn_lab::rivals::Guarantee;

use super::super::lateness::{self, LatenessSeconds};
use super::{Play, SLICES};

/// The results of all runs, for scripts.
#[derive(Serialize)]
pub(super) struct Document {
    processors: usize,
    plays: Vec<PlayDocument>,
}

#[derive(Serialize)]
struct PlayDocument {
    map: &'static str,
    idiom: &'static str,
    /// `true` if a pair from two refreshes would break the map's guarantee.
    promises_pairs: bool,
    readers: u16,
    seconds: f64,
    slices: u16,
    /// The actual time of all slices, until their last reads and refreshes had returned.
    took_seconds: f64,
    longest_slice_seconds: f64,
    refreshes: u64,
    refreshes_due: u64,
    pairs_read: u64,
    /// The rate of the median slice.
    pairs_per_second: f64,
    pairs_per_second_least: f64,
    pairs_per_second_most: f64,
    /// Pairs whose values came from two refreshes.
    torn: u64,
    /// Pairs with a key that was not found.
    missing: u64,
    slowest_read_seconds: f64,
    refresh_late_seconds: LatenessSeconds,
}

impl Document {
    pub(super) fn of(plays: &[Play]) -> Self {
        let plays = plays.iter().map(|play| {
            let Play { entrant, tally, .. } = play;
            let [median, least, most] = play.rate;
            PlayDocument {
                map: entrant.name,
                idiom: entrant.idiom,
                promises_pairs: entrant.guarantee == Guarantee::Pairs,
                readers: play.readers,
                seconds: tally.time.as_secs_f64(),
                slices: SLICES,
                took_seconds: tally.took.as_secs_f64(),
                longest_slice_seconds: play.longest.as_secs_f64(),
                refreshes: tally.refreshes,
                refreshes_due: tally.due,
                pairs_read: tally.pairs,
                pairs_per_second: median,
                pairs_per_second_least: least,
                pairs_per_second_most: most,
                torn: tally.torn,
                missing: tally.missing,
                slowest_read_seconds: tally.slowest.as_secs_f64(),
                refresh_late_seconds: LatenessSeconds::of(&tally.late),
            }
        });
        Self {
            processors: lateness::processors(),
            plays: plays.collect(),
        }
    }
}
