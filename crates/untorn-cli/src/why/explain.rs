//! From what a dump consists of to what it means.

use serde::Serialize;

use super::candidates::{self, Candidate, Certainty};
use super::causes::{self, Cause, Sides};
use super::dump::{self, Crash, Goroutine, Race, Side, Unread};
use super::frame::{Access, Frame, Word};
use super::parts::{self, Part};
use super::place::Place;
use super::{reasons, verdict};

/// What kind of dump it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DumpKind {
    Crash,
    RaceReport,
}

/// A side that the dump names.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Known {
    /// `None` is the main goroutine of a race report.
    pub(crate) goroutine: Option<u64>,
    pub(crate) line: u64,
    pub(crate) access: Option<Access>,
    pub(crate) function: Option<String>,
    pub(crate) place: Option<Place>,
}

/// An address that may be the map's.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Address {
    pub(crate) address: String,
    /// Whether it is the map itself, as a call of the runtime shows; else it may be what holds it.
    pub(crate) is_map: bool,
    /// The goroutines that have it among their arguments.
    pub(crate) goroutines: Vec<u64>,
    /// Those of them that have it with a `?` only: what it was passed in may have been used again since.
    pub(crate) may_be_stale: Vec<u64>,
}

impl Address {
    /// Whether several goroutines have it for sure.
    fn is_shared(&self) -> bool {
        self.goroutines.len() - self.may_be_stale.len() > 1
    }
}

/// All that is told about one dump.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Explained {
    pub(crate) kind: DumpKind,
    pub(crate) first_line: u64,
    pub(crate) last_line: u64,
    pub(crate) message: String,
    /// One sentence.
    pub(crate) verdict: String,
    /// The sides that the dump names: who noticed; both, in a race report.
    pub(crate) known: Vec<Known>,
    /// Who may have been the other side, likeliest first.
    pub(crate) writers: Vec<Candidate>,
    pub(crate) addresses: Vec<Address>,
    /// What the dump cannot tell, and how the next one could.
    pub(crate) notes: Vec<String>,
    pub(crate) parts: Vec<Part>,
    pub(crate) causes: Vec<Cause>,
    pub(crate) change: &'static [&'static str],
    pub(crate) goroutines: u64,
    pub(crate) unread: Unread,
}

const NOBODY_ELSE: &str = "Go cannot name the other side: the writer leaves one bit in the map's header, not its name, and by the time it is \
     stopped it has most often left the map.";

const CUT: &str = "The dump has nobody but the side that noticed, so it was cut: the Go that left it prints every goroutine.";

const ALONE: &str = "The dump has nobody but the side that noticed. Go 1.26 and newer print no more unless told to: run the program \
     with GOTRACEBACK=all, and the next dump has the other goroutines. (An older one was cut.)";

pub(crate) fn crash(crash: &Crash) -> Explained {
    let ranking = candidates::rank(crash);
    let writers = &ranking.writers;
    let known: Vec<_> = (0..crash.noticed.len())
        .map(|index| known_noticed(crash, index))
        .collect();
    let addresses = addresses(crash);
    let first = crash.noticed.first();
    let likely: Vec<_> = writers
        .iter()
        .filter_map(|writer| {
            let mut all = crash.noticed.iter().chain(&crash.others);
            all.find(|one| one.at == writer.line)
        })
        .take(3)
        .collect();
    let causes = first.map_or_else(Vec::new, |first| {
        causes::recognise(&Sides {
            here: &first.frames,
            here_does: known.first().and_then(|known| known.access),
            others: likely.iter().map(|one| one.frames.as_slice()).collect(),
            both_known: false,
            shared_address: addresses.iter().any(Address::is_shared),
        })
    });
    let banner = crash.banners.first();
    let parts = parts::of_crash(crash, writers);
    Explained {
        kind: DumpKind::Crash,
        first_line: banner.map_or(0, |banner| banner.at),
        last_line: crash.last,
        message: banner.map_or_else(String::new, |banner| banner.text.clone()),
        verdict: verdict::of_crash(crash, known.first(), &ranking),
        notes: notes(crash, writers, &parts),
        parts,
        known,
        writers: ranking.writers,
        addresses,
        causes,
        change: causes::ALWAYS,
        goroutines: crash.goroutines,
        unread: crash.unread.clone(),
    }
}

fn known_noticed(crash: &Crash, index: usize) -> Known {
    let goroutine = &crash.noticed[index];
    Known {
        goroutine: Some(goroutine.number),
        line: goroutine.at,
        access: candidates::noticed_access(crash, index),
        function: goroutine.own().map(|frame| frame.function.clone()),
        place: goroutine.own().and_then(|frame| frame.place.clone()),
    }
}

fn addresses(crash: &Crash) -> Vec<Address> {
    let Some(side) = crash.noticed.first() else {
        return vec![];
    };
    let map = reasons::map_address(&side.frames);
    let words = reasons::shared_words(side);
    let mut values: Vec<u64> = map.iter().chain(&words).map(|word| word.value).collect();
    let mut seen = vec![];
    values.retain(|value| {
        let new = !seen.contains(value);
        seen.push(*value);
        new
    });
    let all = || crash.noticed.iter().chain(&crash.others);
    let words_of = |value: u64, goroutine: &Goroutine| {
        let words = goroutine.frames.iter().flat_map(Frame::words);
        words.filter(|word| word.value == value).collect::<Vec<_>>()
    };
    let numbers = |value: u64, which: fn(&[Word]) -> bool| {
        all()
            .filter(|goroutine| which(&words_of(value, goroutine)))
            .map(|goroutine| goroutine.number)
            .collect()
    };
    values
        .into_iter()
        .map(|value| Address {
            address: format!("{value:#x}"),
            is_map: map.is_some_and(|map| map.value == value),
            goroutines: numbers(value, |words| !words.is_empty()),
            may_be_stale: numbers(value, |words| {
                !words.is_empty() && words.iter().all(|word| !word.exact)
            }),
        })
        .filter(|address| address.is_map || address.goroutines.len() > 1)
        .take(8)
        .collect()
}

fn notes(crash: &Crash, writers: &[Candidate], parts: &[Part]) -> Vec<String> {
    let mut notes = vec![];
    if let Some(first) = crash.noticed.first() {
        notes.push(NOBODY_ELSE.to_owned());
        // Up to Go 1.18 it was a throw, and a throw prints every goroutine.
        let old = first
            .frames
            .iter()
            .any(|frame| frame.function == "runtime.throw");
        if crash.goroutines == crash.noticed.len() as u64 {
            notes.push(if old { CUT } else { ALONE }.to_owned());
        }
        if dump::access(&first.frames).is_none() {
            notes.push(
                "The runtime's own frames are hidden (since Go 1.19): with GOTRACEBACK=system the next dump shows the map's \
                 address, by which the other side can be told."
                    .into(),
            );
        }
        let mut reasons = writers.iter().flat_map(|writer| &writer.reasons);
        let inexact = parts.iter().any(|part| part.text.contains('?'))
            || reasons.any(|reason| reason.text.contains('?'));
        if inexact {
            notes.push("A `?` behind an argument (since Go 1.18): it was passed in a register, which may have been reused since.".into());
        }
    } else if crash
        .unread
        .first
        .iter()
        .any(|(_, line)| line.starts_with("thread \""))
    {
        notes.push("This is a report of untorn's own GoMap, which names both sides by itself: read it as it is.".into());
    } else if crash.goroutines == 0 {
        notes.push(
            "There is no stack: GOTRACEBACK=none hides them, and a log may have kept the line alone. Look for what follows the \
             line in the program's stderr, or run it with GOTRACEBACK=all."
                .into(),
        );
    }
    if writers.is_empty() && crash.goroutines > 1 {
        notes.push("Where the other goroutines were started tells more than where they stand: look for one that is started for an update.".into());
    }
    if crash.banners.len() > 1 {
        notes.push(format!(
            "{} goroutines noticed at once, and each printed its line: at most one of them is the other's other side.",
            crash.banners.len()
        ));
    }
    notes
}

pub(crate) fn race(race: &Race) -> Explained {
    let known: Vec<_> = race.sides.iter().map(known_side).collect();
    let whole = race.is_whole();
    let writers: Vec<_> = race
        .sides
        .iter()
        .zip(&known)
        .filter(|(side, _)| side.writes)
        .map(|(side, known)| Candidate {
            goroutine: side.goroutine,
            line: side.at,
            state: String::new(),
            function: known.function.clone(),
            place: known.place.clone(),
            started: None,
            certainty: if whole && known.place.is_some() {
                Certainty::Certainly
            } else {
                Certainty::Likely
            },
            reasons: vec![],
            same_start: None,
        })
        .collect();
    let causes = match race.sides.as_slice() {
        [one, other] if race.is_of_a_map() => causes::recognise(&Sides {
            here: &one.frames,
            here_does: known[0].access,
            others: vec![&other.frames],
            both_known: true,
            shared_address: true,
        }),
        _ => vec![],
    };
    let mut notes = vec![];
    if whole {
        notes.push(
            "A race report names both sides exactly: it goes by what orders them, not by luck."
                .into(),
        );
    } else {
        notes
            .push("The report is cut: the other side, or the end of its stack, is missing.".into());
    }
    if !race.is_of_a_map() {
        notes.push("No function of Go's map is on these stacks: it is another variable that is raced for, maybe one that holds a map, or a value inside one.".into());
    }
    if race.sides.iter().any(|side| side.lost.is_some()) {
        notes.push("One stack is no longer known; GORACE=history_size=7 keeps more.".into());
    }
    notes.push("Its goroutine numbers are the race detector's, not those of a crash dump.".into());
    let address = race.sides.first().map(|side| Address {
        address: format!("{:#x}", side.address),
        is_map: race.is_of_a_map(),
        goroutines: race
            .sides
            .iter()
            .filter_map(|side| side.goroutine)
            .collect(),
        may_be_stale: vec![],
    });
    Explained {
        kind: DumpKind::RaceReport,
        first_line: race.at,
        last_line: race.last,
        message: "WARNING: DATA RACE".into(),
        verdict: verdict::of_race(race, &known),
        notes,
        parts: parts::of_race(race),
        known,
        writers,
        addresses: address.into_iter().collect(),
        causes,
        change: causes::ALWAYS,
        goroutines: race.sides.len() as u64,
        unread: race.unread.clone(),
    }
}

fn known_side(side: &Side) -> Known {
    let own = dump::own(&side.frames);
    let by_detector = if side.writes {
        Access::Write
    } else {
        Access::Read
    };
    // The runtime's function says more, as long as both agree.
    let by_frame = dump::access(&side.frames).filter(|access| access.writes() == side.writes);
    Known {
        goroutine: side.goroutine,
        line: side.at,
        access: Some(by_frame.unwrap_or(by_detector)),
        function: own.map(|frame| frame.function.clone()),
        place: own.and_then(|frame| frame.place.clone()),
    }
}
