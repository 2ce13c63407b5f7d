//! Explains a parsed dump: who accessed the map, why, and how to fix it.

use super::{addresses, verdict};
use crate::annotate;
use crate::candidates::{self, Candidate, Certainty, Ranking};
use crate::causes::{self, Other, Stacks};
use crate::dump::{self, Crash, Goroutine, Race, Side};
use crate::frame::{Access, Frame, Word};
use crate::model::{Address, CalledFrom, DumpKind, Explained, Known, StateCount};
use crate::notes;

/// Explains a crash dump.
pub(crate) fn crash(crash: &Crash) -> Explained {
    // A goroutine of another program is no candidate.
    let ranking = match crash.mixed {
        Some(_) => Ranking::default(),
        None => candidates::rank(crash),
    };
    let writers = &ranking.writers;
    let known: Vec<_> = (0..crash.noticed.len())
        .map(|index| known_noticed(crash, index))
        .collect();
    let addresses = shared_addresses(crash);
    let first = crash.noticed.first();
    let likely = writers.iter().filter_map(|writer| {
        let mut all = crash.noticed.iter().chain(&crash.others);
        let found = all.find(|one| writer.goroutine == Some(one.number))?;
        Some(Other {
            frames: &found.frames,
            certainty: writer.certainty,
        })
    });
    let causes = first.map_or_else(Vec::new, |first| {
        causes::recognize(&[Stacks {
            here: &first.frames,
            here_does: known.first().and_then(|known| known.access),
            others: likely.take(3).collect(),
            both_known: false,
            of_a_map: true,
            shared_address: addresses.iter().any(Address::is_shared),
        }])
    });
    let banner = crash.banners.first();
    let parts = annotate::crash(crash, writers);
    Explained {
        kind: DumpKind::Crash,
        first_line: banner.map_or(0, |banner| banner.at),
        last_line: crash.last,
        message: banner.map_or_else(String::new, |banner| banner.text.clone()),
        verdict: verdict::of_crash(crash, known.first(), &ranking),
        notes: notes::of_crash(crash, writers),
        background: notes::background_of_crash(crash, writers, &parts),
        parts,
        known,
        writers: ranking.writers,
        addresses,
        causes,
        change: match crash.is_of_untorn() {
            // The report has the advice that fits it, and the one for Go does not fit Rust.
            true => &[],
            false => causes::GENERAL_ADVICE,
        },
        goroutines: crash.goroutines,
        states: states(crash),
        unread: crash.unread.clone(),
    }
}

fn known_noticed(crash: &Crash, index: usize) -> Known {
    let goroutine = &crash.noticed[index];
    Known {
        goroutine: Some(goroutine.number),
        line: goroutine.at,
        access: candidates::noticed_access(crash, index),
        function: dump::site(&goroutine.frames).map(|site| site.function.clone()),
        place: dump::site(&goroutine.frames).and_then(|site| site.place.clone()),
        called_from: called_from(&goroutine.frames),
    }
}

fn called_from(frames: &[Frame]) -> Option<CalledFrom> {
    dump::called_from(frames).map(|frame| CalledFrom {
        function: frame.function.clone(),
        place: frame.place.clone(),
    })
}

/// Counts the goroutines by state. Those in further states than the parser counts are left out.
fn states(crash: &Crash) -> Vec<StateCount> {
    let counted = crash.states.iter().filter(|(_, count)| **count > 0);
    let mut states: Vec<_> = counted
        .map(|(state, count)| StateCount {
            state: state.clone(),
            goroutines: *count,
        })
        .collect();
    states.sort_by_key(|state| std::cmp::Reverse(state.goroutines));
    states
}

fn shared_addresses(crash: &Crash) -> Vec<Address> {
    let Some(side) = crash.noticed.first() else {
        return vec![];
    };
    let map = addresses::map_address(&side.frames);
    let words = addresses::shared_words(side);
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

/// Explains a race report.
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
    let view = |here: usize, other: usize| {
        let (here, other, known) = (
            race.sides.get(here)?,
            race.sides.get(other)?,
            known.get(here)?,
        );
        Some(Stacks {
            here: &here.frames,
            here_does: known.access,
            others: vec![Other {
                frames: &other.frames,
                certainty: Certainty::Certainly,
            }],
            both_known: true,
            of_a_map: race.is_of_a_map(),
            shared_address: true,
        })
    };
    let views: Vec<_> = view(0, 1).into_iter().chain(view(1, 0)).collect();
    let address = race.sides.first().and_then(|side| side.address);
    let address = address.map(|address| Address {
        address: format!("{address:#x}"),
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
        notes: notes::of_race(race),
        background: notes::background_of_race(race),
        parts: annotate::race(race),
        known,
        writers,
        addresses: address.into_iter().collect(),
        causes: causes::recognize(&views),
        change: causes::GENERAL_ADVICE_FOR_A_RACE,
        goroutines: race.sides.len() as u64,
        states: vec![],
        unread: race.unread.clone(),
    }
}

fn known_side(side: &Side) -> Known {
    let site = dump::site(&side.frames);
    let by_detector = if side.writes {
        Access::Write
    } else {
        Access::Read
    };
    // The runtime's function is more specific, if it agrees with the report.
    let by_frame = dump::access(&side.frames).filter(|access| access.writes() == side.writes);
    Known {
        goroutine: side.goroutine,
        line: side.at,
        access: Some(by_frame.unwrap_or(by_detector)),
        function: site.map(|frame| frame.function.clone()),
        place: site.and_then(|frame| frame.place.clone()),
        called_from: called_from(&side.frames),
    }
}
