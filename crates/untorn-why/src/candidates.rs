//! Candidates for the writer: the other goroutines of a crash dump, ranked by evidence.

use serde::Serialize;

use crate::dump::{self, Crash, Created, Goroutine};
use crate::evidence::{self, Detecting, Reason};
use crate::frame::Access;
use crate::source_location::SourceLocation;

/// The certainty of a statement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Certainty {
    /// Some evidence.
    Possibly,
    /// Much evidence.
    Likely,
    /// Stated in the dump itself.
    Certainly,
}

impl Certainty {
    /// Returns the certainty as an adverb, such as "likely".
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Possibly => "possibly",
            Self::Likely => "likely",
            Self::Certainly => "certainly",
        }
    }
}

/// The points from which on a candidate is likely.
const LIKELY: i32 = 40;
/// The points from which on a goroutine is a candidate.
const POSSIBLE: i32 = 12;
/// Candidates this close to the first are tied with it: the difference may only be that one ran and
/// another waited when the process stopped.
const TIE_MARGIN: i32 = 6;
/// The most candidates that are listed.
const MAX_CANDIDATES: usize = 5;

/// A goroutine that may have been the writer.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Candidate {
    /// `None` is the main goroutine of a race report.
    pub goroutine: Option<u64>,
    /// The number of the line at which its stack begins.
    pub line: u64,
    /// Its state, such as `running`; empty for a race report.
    pub state: String,
    /// Where it stopped; `None` if its stack could not be read.
    pub function: Option<String>,
    /// The line of the source at which it stopped.
    pub place: Option<SourceLocation>,
    /// The `go` statement that started it.
    pub started: Option<Started>,
    /// The certainty that it was the writer.
    pub certainty: Certainty,
    /// The evidence.
    pub reasons: Vec<Reason>,
    /// Unlisted goroutines that the same `go` statement started; set once for each statement.
    pub same_start: Option<SameStart>,
}

/// A `go` statement and the function that contains it.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Started {
    /// The function that contains the statement.
    pub function: String,
    /// The line of the statement.
    pub place: Option<SourceLocation>,
}

/// Goroutines that are not listed one by one, all started by one `go` statement.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct SameStart {
    /// The `go` statement.
    pub place: SourceLocation,
    /// Their numbers.
    pub goroutines: Vec<u64>,
    /// The number of them that had not begun to run.
    pub not_begun: u64,
    /// `true` if there may be more, as not all goroutines of the dump were stored.
    pub at_least: bool,
}

/// The candidates of a dump.
#[derive(Default)]
pub(crate) struct Ranking {
    /// The listed ones, likeliest first.
    pub(crate) writers: Vec<Candidate>,
    /// The number of candidates tied for the first place, listed or not, including the first.
    pub(crate) tied: usize,
}

/// Returns the access of a detecting goroutine, from its runtime frame or else from the message.
pub(crate) fn noticed_access(crash: &Crash, index: usize) -> Option<Access> {
    let of_frames = dump::access(&crash.noticed.get(index)?.frames);
    let of_message = || {
        crash
            .banners
            .get(index)
            .or(crash.banners.last())?
            .kind
            .access()
    };
    of_frames.or_else(of_message)
}

/// A goroutine with its reasons and the sum of their points.
type Weighed<'d> = (i32, &'d Goroutine, Vec<Reason>);

fn points(reasons: &[Reason]) -> i32 {
    reasons.iter().map(|reason| reason.points).sum()
}

/// Returns the goroutines that have enough points to be candidates.
fn weighed(crash: &Crash) -> Vec<Weighed<'_>> {
    let detecting = Detecting::new(&crash.noticed, &crash.banners);
    let mut weighed: Vec<_> = crash
        .others
        .iter()
        .map(|goroutine| (goroutine, detecting.reasons(goroutine)))
        .collect();
    // Two overlapping writers both detect it, as the second one clears the flag of the first.
    for (index, goroutine) in crash.noticed.iter().enumerate().skip(1) {
        if noticed_access(crash, index).is_some_and(Access::writes) {
            let mut reasons = detecting.reasons(goroutine);
            let text = "it detected an overlap too, while writing: two writers that overlap both print the message"
                .to_owned();
            reasons.push(Reason {
                id: "noticed_too",
                points: LIKELY,
                text,
            });
            weighed.push((goroutine, reasons));
        }
    }
    let reaches = |reasons: &[Reason]| points(reasons) >= POSSIBLE;
    // Almost every `main` waits for the others, so that is evidence only if there is no other
    // candidate.
    if !weighed.iter().any(|(_, reasons)| reaches(reasons)) {
        for (goroutine, reasons) in &mut weighed {
            reasons.extend(evidence::waits(goroutine).filter(|_| goroutine.is_in_main()));
        }
    }
    weighed
        .into_iter()
        .filter(|(_, reasons)| reaches(reasons))
        .map(|(goroutine, reasons)| (points(&reasons), goroutine, reasons))
        .collect()
}

/// Ranks the candidates, likeliest first.
pub(crate) fn rank(crash: &Crash) -> Ranking {
    let mut weighed = weighed(crash);
    weighed.sort_by_key(|(points, ..)| -points);
    let all_stored = crash.goroutines == (crash.noticed.len() + crash.others.len()) as u64;
    let alone = weighed.len() == 1 && all_stored && is_the_only_one(crash, weighed[0].1);
    let most = weighed.first().map_or(0, |(points, ..)| *points);
    let is_tied = |points: i32| most - points <= TIE_MARGIN;
    // A candidate that is tied with the first is as likely as the first.
    let certainty = |points| {
        let points = if is_tied(points) { most } else { points };
        if points >= LIKELY || alone {
            Certainty::Likely
        } else {
            Certainty::Possibly
        }
    };
    let tied = weighed
        .iter()
        .filter(|(points, ..)| is_tied(*points))
        .count();
    let mut writers: Vec<_> = weighed
        .into_iter()
        .take(MAX_CANDIDATES)
        .map(|(points, goroutine, mut reasons)| {
            reasons.sort_by_key(|reason| -reason.points);
            if alone {
                let text = "no other goroutine of this dump is a candidate".to_owned();
                reasons.push(Reason {
                    id: "the_only_one",
                    points: 0,
                    text,
                });
            }
            Candidate {
                goroutine: Some(goroutine.number),
                line: goroutine.at,
                state: goroutine.state.clone(),
                function: goroutine.own().map(|frame| frame.function.clone()),
                place: goroutine.own().and_then(|frame| frame.place.clone()),
                started: goroutine.created.as_ref().map(|created| Started {
                    function: created.function.clone(),
                    place: created.place.clone(),
                }),
                certainty: certainty(points),
                reasons,
                same_start: None,
            }
        })
        .collect();
    add_same_starts(crash, &mut writers, !all_stored);
    Ranking { writers, tied }
}

/// Returns `true` if the candidate is the writer by exclusion: no stack is missing, and there is no
/// other `main` that may write between two waits.
fn is_the_only_one(crash: &Crash, candidate: &Goroutine) -> bool {
    let mut others = crash
        .others
        .iter()
        .filter(|one| one.number != candidate.number);
    !others.any(|one| one.is_in_main() && evidence::waits(one).is_some())
        && crash.others.iter().all(|one| one.elsewhere.is_none())
}

/// Adds to the first candidate of each `go` statement the unlisted goroutines that it also started.
fn add_same_starts(crash: &Crash, writers: &mut [Candidate], at_least: bool) {
    let mut unlisted: Vec<&Goroutine> = crash
        .others
        .iter()
        .filter(|one| {
            writers
                .iter()
                .all(|writer| writer.goroutine != Some(one.number))
        })
        .collect();
    for writer in writers {
        let mut all = crash.others.iter().chain(&crash.noticed);
        let started = all
            .find(|one| writer.goroutine == Some(one.number))
            .and_then(|one| one.created.as_ref());
        let Some((started, place)) = started.and_then(|by| Some((by, by.place.as_ref()?))) else {
            continue;
        };
        let same = |by: &Created| by.function == started.function && by.place == started.place;
        let (alike, rest): (Vec<_>, Vec<_>) = unlisted
            .into_iter()
            .partition(|one| one.created.as_ref().is_some_and(same));
        unlisted = rest;
        writer.same_start = (!alike.is_empty()).then(|| SameStart {
            place: place.clone(),
            goroutines: alike.iter().map(|one| one.number).collect(),
            not_begun: alike.iter().filter(|one| !one.has_begun()).count() as u64,
            at_least,
        });
    }
}
