//! Who may have been writing: the other goroutines of a crash dump, each with what speaks for it.

use serde::Serialize;

use super::dump::{self, Crash, Created, Goroutine};
use super::frame::Access;
use super::place::Place;
use super::reasons::{self, Noticing, Reason};

/// How sure a statement is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Certainty {
    Possibly,
    Likely,
    /// It stands in the dump.
    Certainly,
}

impl Certainty {
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::Possibly => "possibly",
            Self::Likely => "likely",
            Self::Certainly => "certainly",
        }
    }
}

/// From so many points on.
const LIKELY: i32 = 40;
const POSSIBLE: i32 = 12;
/// So few tell nobody apart: that one ran and another waited when all were stopped.
const EVEN: i32 = 6;
/// Candidates that are told.
const TOLD: usize = 5;

/// A goroutine that may have been the writer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Candidate {
    /// `None` is the main goroutine of a race report.
    pub(crate) goroutine: Option<u64>,
    pub(crate) line: u64,
    pub(crate) state: String,
    /// Where it stood; `None` if its stack could not be read.
    pub(crate) function: Option<String>,
    pub(crate) place: Option<Place>,
    /// The `go` statement that started it.
    pub(crate) started: Option<Started>,
    pub(crate) certainty: Certainty,
    pub(crate) reasons: Vec<Reason>,
    /// Others that the same `go` statement started; told once for each statement.
    pub(crate) same_start: Option<SameStart>,
}

/// A `go` statement, and the function that it stands in.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Started {
    pub(crate) function: String,
    pub(crate) place: Option<Place>,
}

/// Goroutines that are not told one by one, all started by one `go` statement.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SameStart {
    /// Of the statement.
    pub(crate) place: Place,
    pub(crate) goroutines: Vec<u64>,
    /// How many of them had not begun to run.
    pub(crate) not_begun: u64,
    /// Whether there may be more, as not all of the dump was kept.
    pub(crate) at_least: bool,
}

/// The candidates of a dump.
pub(crate) struct Ranking {
    /// Those that are told, likeliest first.
    pub(crate) writers: Vec<Candidate>,
    /// How many, told or not, nothing tells apart from the first, itself counted.
    pub(crate) even: usize,
}

/// What the noticing side did: its runtime frame says it, else the message.
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

/// A goroutine with the reasons, and what they come to.
type Weighed<'d> = (i32, &'d Goroutine, Vec<Reason>);

fn points(reasons: &[Reason]) -> i32 {
    reasons.iter().map(|reason| reason.points).sum()
}

/// Whoever reaches the least number of points.
fn weighed(crash: &Crash) -> Vec<Weighed<'_>> {
    let noticing = Noticing::new(&crash.noticed, &crash.banners);
    let mut weighed: Vec<_> = crash
        .others
        .iter()
        .map(|goroutine| (goroutine, noticing.reasons(goroutine)))
        .collect();
    // Of two writers that meet, both notice, as the second takes the first one's mark away.
    for (index, goroutine) in crash.noticed.iter().enumerate().skip(1) {
        if noticed_access(crash, index).is_some_and(Access::writes) {
            let mut reasons = noticing.reasons(goroutine);
            let text =
                "it noticed too, and was writing: two writers that meet both print their line"
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
    // Almost every `main` waits for the others; that tells something only where nobody else comes into question.
    if !weighed.iter().any(|(_, reasons)| reaches(reasons)) {
        for (goroutine, reasons) in &mut weighed {
            reasons.extend(reasons::waits(goroutine).filter(|_| goroutine.is_in_main()));
        }
    }
    weighed
        .into_iter()
        .filter(|(_, reasons)| reaches(reasons))
        .map(|(goroutine, reasons)| (points(&reasons), goroutine, reasons))
        .collect()
}

/// The candidates, likeliest first.
pub(crate) fn rank(crash: &Crash) -> Ranking {
    let mut weighed = weighed(crash);
    weighed.sort_by_key(|(points, ..)| -points);
    let all_seen = crash.goroutines == (crash.noticed.len() + crash.others.len()) as u64;
    let alone = weighed.len() == 1 && all_seen && only_one_in_question(crash, weighed[0].1);
    let most = weighed.first().map_or(0, |(points, ..)| *points);
    let is_even = |points: i32| most - points <= EVEN;
    // Whom nothing tells apart from the first is as likely as that.
    let certainty = |points| {
        let points = if is_even(points) { most } else { points };
        if points >= LIKELY || alone {
            Certainty::Likely
        } else {
            Certainty::Possibly
        }
    };
    let even = weighed
        .iter()
        .filter(|(points, ..)| is_even(*points))
        .count();
    let mut writers: Vec<_> = weighed
        .into_iter()
        .take(TOLD)
        .map(|(points, goroutine, mut reasons)| {
            reasons.sort_by_key(|reason| -reason.points);
            if alone {
                let text = "no other goroutine of this dump comes into question".to_owned();
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
    add_same_starts(crash, &mut writers, !all_seen);
    Ranking { writers, even }
}

/// Whether one candidate is the writer by exclusion: no stack is missing, and no `main` is left that may write between
/// two waits.
fn only_one_in_question(crash: &Crash, candidate: &Goroutine) -> bool {
    let mut others = crash.others.iter().filter(|one| one.at != candidate.at);
    !others.any(|one| one.is_in_main() && reasons::waits(one).is_some())
        && crash.others.iter().all(|one| one.elsewhere.is_none())
}

/// To the first candidate of each `go` statement those that it started besides, and that are not told themselves.
fn add_same_starts(crash: &Crash, writers: &mut [Candidate], at_least: bool) {
    let mut untold: Vec<&Goroutine> = crash
        .others
        .iter()
        .filter(|one| writers.iter().all(|writer| writer.line != one.at))
        .collect();
    for writer in writers {
        let mut all = crash.others.iter().chain(&crash.noticed);
        let started = all
            .find(|one| one.at == writer.line)
            .and_then(|one| one.created.as_ref());
        let Some((started, place)) = started.and_then(|by| Some((by, by.place.as_ref()?))) else {
            continue;
        };
        let same = |by: &Created| by.function == started.function && by.place == started.place;
        let (alike, rest): (Vec<_>, Vec<_>) = untold
            .into_iter()
            .partition(|one| one.created.as_ref().is_some_and(same));
        untold = rest;
        writer.same_start = (!alike.is_empty()).then(|| SameStart {
            place: place.clone(),
            goroutines: alike.iter().map(|one| one.number).collect(),
            not_begun: alike.iter().filter(|one| !one.has_begun()).count() as u64,
            at_least,
        });
    }
}
