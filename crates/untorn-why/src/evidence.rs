//! Evidence for and against a goroutine as the writer, in points.

use std::ptr;

use serde::Serialize;

use crate::addresses::{Shared, map_address, shared_words};
use crate::dump::{self, Banner, Goroutine, Kind};
use crate::frame::{Access, Frame, Word};
use crate::map_use::{MapUse, Relation};
use crate::names;
use crate::relation::DetectingCode;

/// The points from which on a piece of evidence is strong.
const STRONG: i32 = 20;
/// The points of a write to another map, if that does not depend on a stale argument.
const EXACTLY_ANOTHER_MAP: i32 = -40;

/// One piece of evidence; negative points count against the goroutine.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Reason {
    /// The name of the rule, which does not change between versions.
    pub id: &'static str,
    #[serde(skip)]
    pub(crate) points: i32,
    /// The evidence, in one sentence.
    pub text: String,
}

impl Reason {
    /// Returns `true` if it needs another strong one for the goroutine to be the likely writer.
    pub(crate) fn is_strong(&self) -> bool {
        // Programs write to maps all the time, so a write to any map adds points alone.
        self.points >= STRONG && self.id != "in_a_write"
    }

    /// Returns `true` if it suffices for the goroutine to be the likely writer.
    pub(crate) fn is_conclusive(&self) -> bool {
        matches!(self.id, "writes_the_map" | "noticed_too")
    }

    /// Returns `true` if the goroutine cannot be the likely writer: it has left the map.
    pub(crate) fn is_decisive_against(&self) -> bool {
        self.id == "writes_another_map" && self.points == EXACTLY_ANOTHER_MAP
    }
}

/// The sum of the evidence and, where they are wanted, its sentences.
#[derive(Default)]
pub(crate) struct Tally {
    points: i32,
    reasons: Option<Vec<Reason>>,
}

impl Tally {
    fn with_sentences() -> Self {
        Self {
            reasons: Some(vec![]),
            ..Self::default()
        }
    }

    pub(crate) fn say(&mut self, id: &'static str, points: i32, text: impl FnOnce() -> String) {
        self.points += points;
        if let Some(reasons) = &mut self.reasons {
            let text = text();
            reasons.push(Reason { id, points, text });
        }
    }
}

/// The evidence about one goroutine.
pub(crate) struct Evidence<'g> {
    pub(crate) reasons: Vec<Reason>,
    /// The frame with most of it.
    pub(crate) frame: Option<&'g Frame>,
}

/// The goroutine that detected the overlap first, with which the others are compared.
pub(crate) struct Detecting<'d> {
    side: Option<&'d Goroutine>,
    code: DetectingCode<'d>,
    writes: bool,
    /// `true` for a map that was found corrupted: that may have happened long before.
    is_late: bool,
    map: Option<Word>,
    map_use: Option<MapUse<'d>>,
    words: Vec<Word>,
}

impl<'d> Detecting<'d> {
    pub(crate) fn new(noticed: &'d [Goroutine], banners: &[Banner]) -> Self {
        let side = noticed.first();
        let kind = banners.first().map(|banner| banner.kind);
        let of_frames = side.and_then(|side| dump::access(&side.frames));
        let access = of_frames.or_else(|| kind?.access());
        let writes = access.is_some_and(Access::writes);
        Self {
            side,
            code: DetectingCode::new(side, writes),
            writes,
            is_late: kind == Some(Kind::Damage),
            map: side.and_then(|side| map_address(&side.frames)),
            map_use: side.and_then(|side| MapUse::find(&side.frames, |_| true)),
            words: side.map_or_else(Vec::new, shared_words),
        }
    }

    /// Returns the sum of the points of `goroutine`.
    pub(crate) fn points(&self, goroutine: &Goroutine) -> i32 {
        let mut tally = Tally::default();
        self.weigh(goroutine, &mut tally);
        tally.points
    }

    /// Returns the evidence for and against `goroutine`.
    pub(crate) fn evidence<'g>(&self, goroutine: &'g Goroutine) -> Evidence<'g> {
        let mut tally = Tally::with_sentences();
        let frame = self.weigh(goroutine, &mut tally);
        Evidence {
            reasons: tally.reasons.unwrap_or_default(),
            frame,
        }
    }

    /// Adds all evidence, and returns the frame with most of it.
    fn weigh<'g>(&self, goroutine: &'g Goroutine, tally: &mut Tally) -> Option<&'g Frame> {
        let write = MapUse::find(&goroutine.frames, Access::writes);
        if let Some(write) = &write {
            self.in_a_write(write, tally);
        }
        if waits_for_others(goroutine) {
            tally.say("waits_for_others", -30, || {
                "it only waits for other goroutines to finish".into()
            });
        }
        let before = tally.points;
        let shared = self.address(goroutine, tally);
        if let Some(side) = self.side {
            self.start(side, goroutine, tally);
        }
        let frame = self.best_frame(goroutine, shared);
        if let Some(frame) = frame {
            self.code.relation(frame, tally);
        }
        if tally.points == before && self.side.is_some() {
            unrelated(goroutine, frame, tally);
        }
        self.names(goroutine, frame, tally);
        self.state(goroutine, tally);
        frame.or_else(|| goroutine.own())
    }

    /// Finds the frame that is related most, of several one that is named for a write, and of those
    /// the innermost.
    fn best_frame<'g>(
        &self,
        goroutine: &'g Goroutine,
        shared: Option<&Frame>,
    ) -> Option<&'g Frame> {
        let mut best: Option<(i32, &Frame)> = None;
        for frame in goroutine.program_frames() {
            let mut tally = Tally::default();
            self.code.relation(frame, &mut tally);
            let has_address = shared.is_some_and(|shared| ptr::eq(shared, frame));
            let reads = names::read_word(frame).is_some();
            let points = tally.points + i32::from(has_address) * 20 - i32::from(reads) * 15;
            let is_better = |(most, of): (i32, &Frame)| {
                let is_named = |of| self.code.word(of).is_some();
                points > most || points == most && is_named(frame) && !is_named(of)
            };
            if best.is_none_or(is_better) {
                best = Some((points, frame));
            }
        }
        best.map(|(_, frame)| frame)
    }

    /// Adds evidence from a write to a map, which may be another one.
    fn in_a_write(&self, write: &MapUse<'_>, tally: &mut Tally) {
        let relation = self.map_use.as_ref().map(|of| write.relation(of));
        let inside = || format!("it is inside {}, which writes to", write.call());
        match relation {
            // The address adds the points of `same_map`.
            Some(Relation::SameMap { how }) => {
                tally.say("writes_the_map", 60, || {
                    format!("{} this map: {how}", inside())
                });
            }
            Some(Relation::OtherMap { exact, how }) => {
                let points = if exact { EXACTLY_ANOTHER_MAP } else { -25 };
                tally.say("writes_another_map", points, || {
                    format!("{} another map: {how}", inside())
                });
            }
            Some(Relation::Unknown) | None => {
                tally.say("in_a_write", 50, || format!("{} a map", inside()));
            }
        }
    }

    /// Adds evidence if both goroutines have an address among their arguments. Returns the frame
    /// that has it.
    fn address<'g>(&self, goroutine: &'g Goroutine, tally: &mut Tally) -> Option<&'g Frame> {
        if let Some(map) = self.map
            && let Some(found) = Shared::find(map, goroutine)
        {
            let points = if found.exact() { 40 } else { 15 };
            tally.say("same_map", points, || {
                let whose = if map.exact {
                    "the map's address"
                } else {
                    "the map's address unless that register was reused"
                };
                let at = found.at();
                format!("{:#x}, {whose}, is among its arguments {at}", map.value)
            });
            return Some(found.frame);
        }
        let mut words = self.words.iter();
        let found = words.find_map(|word| Shared::find(*word, goroutine))?;
        let points = if found.exact() { 28 } else { 10 };
        tally.say("same_address", points, || {
            let of_detecting = if found.wanted.exact {
                "an argument of the detecting call"
            } else {
                "an argument of the detecting call (marked `?`: may be stale)"
            };
            format!(
                "{:#x}, {of_detecting}, is among its arguments too {}: the map, or a value that holds it",
                found.wanted.value,
                found.at()
            )
        });
        Some(found.frame)
    }

    /// Adds evidence from the `go` statements that started both.
    fn start(&self, side: &Goroutine, goroutine: &Goroutine, tally: &mut Tally) {
        if waits_for_its_workers(side, goroutine) {
            tally.say("waits_for_its_workers", -40, || {
                "it waits for the goroutines that it started, of which the detecting one is one"
                    .into()
            });
        }
        let Some(created) = &goroutine.created else {
            return;
        };
        let by_both = side.created.as_ref();
        let is_sibling = by_both.is_some_and(|by| {
            by.function == created.function && by.place.is_some() && by.place == created.place
        });
        if is_sibling && created.is_by_the_program() {
            let points = if self.writes { 20 } else { 12 };
            tally.say("same_start", points, || {
                format!(
                    "one `go` statement in {} started it and the detecting goroutine",
                    created.function
                )
            });
            return;
        }
        if self.started_by_or_runs(&created.function) {
            tally.say("same_creator", 5, || {
                format!(
                    "{} started it, and also started the detecting goroutine or is on its stack",
                    created.function
                )
            });
        }
    }

    /// Returns `true` if `function` started the detecting goroutine or is on its stack.
    fn started_by_or_runs(&self, function: &str) -> bool {
        self.side.is_some_and(|side| {
            let started = side.created.iter().any(|by| by.function == function);
            started || side.frames.iter().any(|of| of.function == function)
        })
    }

    /// Adds evidence from names, that of the frame with most evidence first.
    fn names(&self, goroutine: &Goroutine, frame: Option<&Frame>, tally: &mut Tally) {
        let mut frames = frame.into_iter().chain(goroutine.program_frames());
        if let Some((frame, word)) = frames.find_map(|of| Some((of, self.code.word(of)?))) {
            tally.say("named_for_a_change", 15, || {
                let function = &frame.function;
                format!("{function} is named like a write: \u{201c}{word}\u{201d}")
            });
            return;
        }
        if let Some(frame) = frame
            && let Some(word) = names::read_word(frame)
        {
            tally.say("named_for_a_look", -30, || {
                format!(
                    "{} is named like a read: \u{201c}{word}\u{201d}",
                    frame.function
                )
            });
            return;
        }
        let started = || {
            let function = &goroutine.created.as_ref()?.function;
            // The function that started all of them says nothing about one.
            (!self.started_by_or_runs(function)).then_some(())?;
            let word = names::update_word(&Frame::new(0, function, ""))?;
            Some((function, word))
        };
        if let Some((function, word)) = started() {
            tally.say("named_for_a_change", 8, || {
                format!(
                    "{function}, which started it, is named like a write: \u{201c}{word}\u{201d}"
                )
            });
        }
    }

    /// Adds evidence from what the goroutine does, or waits for.
    fn state(&self, goroutine: &Goroutine, tally: &mut Tally) {
        if dump::access(&goroutine.frames).is_some_and(|access| !access.writes()) {
            tally.say("reads", -40, || "it is reading a map".into());
        }
        if !goroutine.has_begun() {
            tally.say("not_begun", -40, || "it had not begun to run".into());
        }
        if goroutine.elsewhere.is_some() {
            tally.say("running_elsewhere", 14, || {
                "it was still running on another thread when the process stopped, so its stack is unknown".into()
            });
        } else if goroutine.runs() {
            if goroutine.own().is_some() {
                let id = if goroutine.state == "runnable" {
                    "runnable"
                } else {
                    "running"
                };
                tally.say(id, 10, || format!("it was {}", goroutine.state));
            }
        } else if goroutine.minutes > 0 && !self.is_late {
            let minutes = goroutine.minutes;
            tally.say("waits_for_minutes", -60, || {
                format!("it has waited for {minutes} minutes, and the writer wrote just before the process stopped")
            });
        } else if goroutine.program_frames().all(Frame::is_of_a_module) {
            tally.say("idle_in_a_library", -40, || {
                format!(
                    "it waits [{}] in a library, outside of the program's own code",
                    goroutine.state
                )
            });
        }
        if waits_for_a_lock(goroutine) {
            tally.say("waits_for_a_lock", -20, || {
                "it waits for a lock, and so was not writing".into()
            });
        }
        if !goroutine.is_in_main()
            && let Some(waits) = waits(goroutine)
        {
            tally.say(waits.id, waits.points, || waits.text);
        }
    }
}

/// Adds evidence against a goroutine whose code is not related to the detecting one.
fn unrelated(goroutine: &Goroutine, frame: Option<&Frame>, tally: &mut Tally) {
    if frame.is_some() {
        tally.say("unrelated", -16, || {
            "its code is not related to that of the detecting goroutine".into()
        });
    } else if !goroutine.frames.is_empty() {
        // The packages of Go write to maps of their own all the time.
        tally.say("unrelated", -30, || {
            "no call of the program is on its stack".into()
        });
    }
}

fn waits_for_others(goroutine: &Goroutine) -> bool {
    goroutine
        .frames
        .iter()
        .take_while(|frame| frame.is_standard())
        .any(|frame| frame.function == "sync.(*WaitGroup).Wait")
}

fn waits_for_a_lock(goroutine: &Goroutine) -> bool {
    const LOCKS: &[&str] = &[
        "sync.(*Mutex).Lock",
        "sync.(*RWMutex).Lock",
        "sync.(*RWMutex).RLock",
    ];
    let frames = goroutine.frames.iter();
    let mut called = frames.take_while(|frame| frame.is_standard());
    !goroutine.runs() && called.any(|frame| LOCKS.contains(&frame.function.as_str()))
}

/// Returns `true` if the goroutine waits in the function that started the detecting one.
fn waits_for_its_workers(side: &Goroutine, goroutine: &Goroutine) -> bool {
    const WAITS: &[&str] = &[
        "chan receive",
        "select",
        "select (no cases)",
        "semacquire",
        "sync.Cond.Wait",
        "sync.WaitGroup.Wait",
    ];
    let starter = side.created.as_ref().map(|by| by.function.as_str());
    let own = goroutine.own().map(|own| own.function.as_str());
    starter.is_some() && starter == own && WAITS.contains(&goroutine.state.as_str())
}

/// Returns evidence if the goroutine waits as a periodic writer does.
pub(crate) fn waits(goroutine: &Goroutine) -> Option<Reason> {
    let waits = matches!(
        goroutine.state.as_str(),
        "sleep" | "select" | "chan receive"
    );
    let own = goroutine
        .own()
        .filter(|_| waits && goroutine.minutes == 0)?;
    (!own.is_of_a_module() && !waits_for_others(goroutine)).then(|| Reason {
        id: "poller",
        points: 10,
        text: format!(
            "it waits [{}] in the program's own code: a periodic writer is usually found waiting for its next turn",
            goroutine.state
        ),
    })
}
