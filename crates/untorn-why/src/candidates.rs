//! Candidates for the writer: the other goroutines of a crash dump, ranked by evidence.

use std::cmp::Reverse;

use serde::Serialize;

use crate::dump::{self, Crash, Created, Extent, Goroutine};
use crate::evidence::{self, Detecting, Evidence, Reason};
use crate::frame::Access;
use crate::source_location::SourceLocation;

/// The certainty of a statement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Certainty {
    /// Some evidence.
    Possibly,
    /// Two pieces of strong evidence, or one that is conclusive.
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

/// The points from which on a candidate is likely if it ran when the process stopped.
const LIKELY: i32 = 45;
/// The points from which on a candidate is likely if it waited: it may have done so for long.
const LIKELY_TO_WAIT: i32 = 65;
/// The points for a related goroutine that is the only candidate.
const ALONE: i32 = 20;
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
    /// The function on its stack with most of the evidence; `None` if its stack could not be read.
    pub function: Option<String>,
    /// The line of that function at which it was.
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

/// A goroutine with the evidence about it.
struct Weighed<'d> {
    goroutine: &'d Goroutine,
    evidence: Evidence<'d>,
}

impl Weighed<'_> {
    fn points(&self) -> i32 {
        let reasons = self.evidence.reasons.iter();
        reasons.map(|reason| reason.points).sum()
    }

    fn is_likely(&self) -> bool {
        let waits = !self.goroutine.runs();
        let enough = if waits { LIKELY_TO_WAIT } else { LIKELY };
        self.points() >= enough && self.may_be_likely()
    }

    /// Returns `true` if its evidence is strong enough, and none rules it out.
    fn may_be_likely(&self) -> bool {
        let reasons = || self.evidence.reasons.iter();
        let strong = reasons().filter(|reason| reason.is_strong()).count();
        (strong >= 2 || reasons().any(Reason::is_conclusive)) && !self.is_ruled_out()
    }

    fn is_ruled_out(&self) -> bool {
        self.evidence
            .reasons
            .iter()
            .any(Reason::is_decisive_against)
    }
}

/// Returns the goroutines that have enough points to be candidates, likeliest first.
fn weighed(crash: &Crash) -> Vec<Weighed<'_>> {
    let detecting = Detecting::new(&crash.noticed, &crash.banners);
    let weigh = |goroutine| Weighed {
        goroutine,
        evidence: detecting.evidence(goroutine),
    };
    let mut weighed: Vec<_> = crash.others.iter().map(weigh).collect();
    // Two overlapping writers both detect it, as the second one clears the flag of the first.
    for (index, goroutine) in crash.noticed.iter().enumerate().skip(1) {
        if noticed_access(crash, index).is_some_and(Access::writes) {
            let mut weighed_too = weigh(goroutine);
            if weighed_too.is_ruled_out() {
                continue;
            }
            let text = "it detected an overlap too, while writing: two writers that overlap both print the message";
            weighed_too.evidence.reasons.push(Reason {
                id: "noticed_too",
                points: LIKELY,
                text: text.to_owned(),
            });
            weighed.push(weighed_too);
        }
    }
    // Almost every `main` waits for the others, so that is evidence only if there is no other
    // candidate.
    if !weighed.iter().any(|one| one.points() >= POSSIBLE) {
        for one in &mut weighed {
            let waits = evidence::waits(one.goroutine).filter(|_| one.goroutine.is_in_main());
            one.evidence.reasons.extend(waits);
        }
    }
    weighed.retain(|one| one.points() >= POSSIBLE);
    weighed.sort_by_key(|one| -one.points());
    weighed
}

/// Ranks the candidates, likeliest first.
pub(crate) fn rank(crash: &Crash) -> Ranking {
    let mut weighed = weighed(crash);
    let all_stored = crash.goroutines == (crash.noticed.len() + crash.others.len()) as u64;
    if let [only] = weighed.as_mut_slice()
        && all_stored
        && crash.extent() == Extent::Whole
        && is_the_only_one(crash, only.goroutine)
    {
        only.evidence.reasons.push(Reason {
            id: "the_only_one",
            points: ALONE,
            text: "no other goroutine of this dump is a candidate".to_owned(),
        });
    }
    let likely = weighed.iter().filter(|one| one.is_likely());
    let most = likely.map(Weighed::points).max();
    let certainty = |one: &Weighed<'_>| {
        // A candidate that is tied with a likely one is as likely.
        let tied = || most.is_some_and(|most| most - one.points() <= TIE_MARGIN);
        if one.is_likely() || one.may_be_likely() && tied() {
            Certainty::Likely
        } else {
            Certainty::Possibly
        }
    };
    weighed.sort_by_key(|one| Reverse((certainty(one), one.points())));
    let first = weighed.first().map(|one| (certainty(one), one.points()));
    let is_tied = |one: &Weighed<'_>| {
        first.is_some_and(|(of_first, most)| {
            certainty(one) == of_first && most - one.points() <= TIE_MARGIN
        })
    };
    let tied = weighed.iter().take_while(|one| is_tied(one)).count();
    let listed = weighed.into_iter().take(MAX_CANDIDATES);
    let mut writers: Vec<_> = listed
        .map(|one| {
            let certainty = certainty(&one);
            candidate(one, certainty)
        })
        .collect();
    add_same_starts(crash, &mut writers, !all_stored);
    Ranking { writers, tied }
}

fn candidate(of: Weighed<'_>, certainty: Certainty) -> Candidate {
    let Weighed {
        goroutine,
        evidence,
    } = of;
    let mut reasons = evidence.reasons;
    reasons.sort_by_key(|reason| -reason.points);
    let frame = evidence.frame;
    Candidate {
        goroutine: Some(goroutine.number),
        line: goroutine.at,
        state: goroutine.state.clone(),
        function: frame.map(|frame| frame.function.clone()),
        place: frame.and_then(|frame| frame.place.clone()),
        started: goroutine.created.as_ref().map(|created| Started {
            function: created.function.clone(),
            place: created.place.clone(),
        }),
        certainty,
        reasons,
        same_start: None,
    }
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
