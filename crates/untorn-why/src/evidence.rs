//! Evidence for and against a goroutine as the writer, in points.

use serde::Serialize;

use crate::dump::{self, Banner, Goroutine};
use crate::frame::{Access, Frame, Word};
use crate::numbers::input_line;

/// Words in the names of functions that write.
const UPDATES: &[&str] = &[
    "add",
    "apply",
    "clear",
    "delete",
    "evict",
    "expire",
    "fetch",
    "insert",
    "load",
    "merge",
    "poll",
    "pull",
    "put",
    "reconcile",
    "refresh",
    "register",
    "reload",
    "remove",
    "save",
    "set",
    "store",
    "sync",
    "unregister",
    "update",
    "watch",
    "write",
];

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

/// Returns the address of the map, if a call of the runtime shows it.
pub(crate) fn map_address(frames: &[Frame]) -> Option<Word> {
    frames.iter().find_map(Frame::map_argument)
}

/// The goroutine that detected the overlap first, with which the others are compared.
pub(crate) struct Detecting<'d> {
    side: Option<&'d Goroutine>,
    writes: bool,
}

impl<'d> Detecting<'d> {
    pub(crate) fn new(noticed: &'d [Goroutine], banners: &[Banner]) -> Self {
        let side = noticed.first();
        let of_frames = side.and_then(|side| dump::access(&side.frames));
        let of_message = || banners.first()?.kind.access();
        Self {
            side,
            writes: of_frames.or_else(of_message).is_some_and(Access::writes),
        }
    }

    /// Returns the sum of the points of `goroutine`.
    pub(crate) fn points(&self, goroutine: &Goroutine) -> i32 {
        let reasons = self.reasons(goroutine);
        reasons.iter().map(|reason| reason.points).sum()
    }

    /// Returns the evidence for and against `goroutine`.
    pub(crate) fn reasons(&self, goroutine: &Goroutine) -> Vec<Reason> {
        let mut reasons = vec![];
        let mut say = |id, points, text: String| reasons.push(Reason { id, points, text });

        in_the_runtime(goroutine, &mut say);
        if let Some(side) = self.side {
            addresses(side, goroutine, &mut say);
            self.relation(side, goroutine, &mut say);
        }
        by_name(goroutine, &mut say);
        if !goroutine.has_begun() {
            say("not_begun", -40, "it had not begun to run".to_owned());
        }
        if goroutine.elsewhere.is_some() {
            let text = "it was still running on another thread when the process stopped, so its stack is unknown";
            say("running_elsewhere", 14, text.to_owned());
        } else if goroutine.runs() && goroutine.own().is_some() {
            let id = if goroutine.state == "runnable" {
                "runnable"
            } else {
                "running"
            };
            say(id, 4, format!("it was {}", goroutine.state));
        }
        if !goroutine.is_in_main() {
            reasons.extend(waits(goroutine));
        }
        reasons
    }
}

/// Adds evidence from the functions of Go's runtime on the stack.
fn in_the_runtime(goroutine: &Goroutine, say: &mut impl FnMut(&'static str, i32, String)) {
    if let Some(frame) = goroutine
        .frames
        .iter()
        .find(|frame| frame.access().is_some_and(Access::writes))
    {
        let text = format!(
            "it is inside {}, which writes to a map ({})",
            frame.function,
            input_line(frame.at)
        );
        say("in_a_write", 50, text);
    }
    if waits_for_others(goroutine) {
        let text = "it only waits for other goroutines to finish".to_owned();
        say("waits_for_others", -30, text);
    }
}

fn waits_for_others(goroutine: &Goroutine) -> bool {
    goroutine
        .frames
        .iter()
        .take_while(|frame| frame.is_standard())
        .any(|frame| frame.function == "sync.(*WaitGroup).Wait")
}

/// Returns evidence if the goroutine waits as a periodic writer does.
pub(crate) fn waits(goroutine: &Goroutine) -> Option<Reason> {
    let waits = matches!(
        goroutine.state.as_str(),
        "sleep" | "select" | "chan receive"
    );
    let own = goroutine.own().filter(|_| waits)?;
    (!own.is_of_a_module() && !waits_for_others(goroutine)).then(|| Reason {
        id: "poller",
        points: 10,
        text: format!(
            "it waits [{}] in the program's own code: a periodic writer is usually found waiting for its next turn",
            goroutine.state
        ),
    })
}

/// Adds evidence if both goroutines have an address among their arguments.
fn addresses(
    side: &Goroutine,
    goroutine: &Goroutine,
    say: &mut impl FnMut(&'static str, i32, String),
) {
    if let Some(map) = map_address(&side.frames)
        && let Some(found) = Shared::find(map, goroutine)
    {
        let points = if found.exact() { 40 } else { 15 };
        let whose = if map.exact {
            "the map's address"
        } else {
            "the map's address unless that register was reused"
        };
        let text = format!(
            "{:#x}, {whose}, is among its arguments {}",
            map.value,
            found.at()
        );
        say("same_map", points, text);
        return;
    }
    let shared = shared_words(side)
        .into_iter()
        .find_map(|word| Shared::find(word, goroutine));
    if let Some(found) = shared {
        let points = if found.exact() { 28 } else { 10 };
        let of_detecting = if found.wanted.exact {
            "an argument of the detecting call"
        } else {
            "an argument of the detecting call (marked `?`: may be stale)"
        };
        let text = format!(
            "{:#x}, {of_detecting}, is among its arguments too {}: the map, or a value that holds it",
            found.wanted.value,
            found.at()
        );
        say("same_address", points, text);
    }
}

/// A word that is an argument in the detecting goroutine and in another one.
struct Shared<'d> {
    wanted: Word,
    frame: &'d Frame,
    found: Word,
}

impl<'d> Shared<'d> {
    /// Finds the strongest occurrence: one without a `?`, outside of Go's own packages.
    fn find(wanted: Word, goroutine: &'d Goroutine) -> Option<Self> {
        let all = goroutine
            .frames
            .iter()
            .flat_map(|frame| frame.words().map(move |word| (frame, word)));
        let (frame, found) = all
            .filter(|(_, word)| word.value == wanted.value)
            .min_by_key(|(frame, word)| (!word.exact, frame.is_standard()))?;
        Some(Self {
            wanted,
            frame,
            found,
        })
    }

    fn exact(&self) -> bool {
        self.wanted.exact && self.found.exact
    }

    /// Formats the line of the dump.
    fn at(&self) -> String {
        let mark = if self.found.exact {
            ""
        } else {
            ", marked `?`: may be stale"
        };
        format!("({}{mark})", input_line(self.frame.at))
    }
}

/// Returns the addresses among the arguments, up to the program's own innermost call. One of them
/// may be the map or a value that holds it.
pub(crate) fn shared_words(side: &Goroutine) -> Vec<Word> {
    let own = side.own();
    let is_own = |frame: &Frame| own.is_some_and(|own| std::ptr::eq(own, frame));
    let end = side.frames.iter().position(is_own).map_or(0, |own| own + 1);
    let mut words: Vec<Word> = vec![];
    for frame in &side.frames[..end] {
        words.extend(frame.heap_words());
    }
    // The outermost call is the program's own; exact words are stronger evidence.
    words.reverse();
    words.sort_by_key(|word| !word.exact);
    words
}

/// Adds evidence from the names of functions.
fn by_name(goroutine: &Goroutine, say: &mut impl FnMut(&'static str, i32, String)) {
    if let Some(own) = goroutine.own() {
        let first = own.name_words().into_iter().next().unwrap_or_default();
        if READS.contains(&first.as_str()) {
            let text = format!(
                "{} is named like a read: \u{201c}{first}\u{201d}",
                own.function
            );
            say("named_for_a_look", -30, text);
            return;
        }
    }
    let named = goroutine
        .frames
        .iter()
        .filter(|frame| !frame.is_standard())
        .find_map(|frame| {
            let words = frame.name_words();
            let word = words.into_iter().find(|word| is_update(word))?;
            Some((frame.function.clone(), word))
        });
    let started = || {
        let function = &goroutine.created.as_ref()?.function;
        let frame = Frame::new(0, function, "");
        let word = frame
            .name_words()
            .into_iter()
            .find(|word| is_update(word))?;
        Some((format!("{function}, which started it,"), word))
    };
    if let Some((function, word)) = named.or_else(started) {
        say(
            "named_for_a_change",
            15,
            format!("{function} is named like a write: \u{201c}{word}\u{201d}"),
        );
    }
}

/// First words in the names of functions that only read.
const READS: &[&str] = &[
    "all", "contains", "find", "get", "has", "is", "len", "list", "lookup", "search", "snapshot",
];

fn is_update(word: &str) -> bool {
    let stem = word
        .strip_suffix("ing")
        .or_else(|| word.strip_suffix("er"))
        .unwrap_or(word);
    UPDATES
        .iter()
        .any(|update| *update == word || *update == stem || update.strip_suffix('e') == Some(stem))
}

impl Detecting<'_> {
    /// Adds evidence if the code of the goroutine is related to that of the detecting one.
    fn relation(
        &self,
        side: &Goroutine,
        goroutine: &Goroutine,
        say: &mut impl FnMut(&'static str, i32, String),
    ) {
        let Some(detecting) = side.own() else {
            return;
        };
        let foreign = || goroutine.frames.iter().filter(|frame| !frame.is_standard());
        let created = goroutine.created.as_ref();
        let started_near = created
            .zip(side.created.as_ref())
            .is_some_and(|(one, other)| one.function == other.function);
        let started_by = created.is_some_and(|created| {
            side.frames
                .iter()
                .any(|frame| frame.function == created.function)
        });
        if started_near || started_by {
            let by = created.map_or("", |created| created.function.as_str());
            say(
                "same_creator",
                5,
                format!(
                    "{by} started it, and also started the detecting goroutine or is on its stack"
                ),
            );
        }
        let reads = dump::access(&goroutine.frames).is_some_and(|access| !access.writes());
        if reads {
            say("reads", -40, "it is reading a map".to_owned());
        }
        if foreign().any(|frame| frame.function == detecting.function) {
            let text = format!(
                "it runs {}, as the detecting goroutine does",
                detecting.function
            );
            say("same_function", if self.writes { 25 } else { -6 }, text);
        }
        let siblings = |frame: &&Frame| {
            frame.function != detecting.function
                && frame
                    .enclosing()
                    .is_some_and(|of| Some(of) == detecting.enclosing())
        };
        let receiver = detecting
            .receiver()
            .map(|receiver| (detecting.package(), receiver));
        let same_type = |frame: &&Frame| {
            receiver.is_some() && frame.receiver().map(|of| (frame.package(), of)) == receiver
        };
        if let Some(frame) = foreign().find(siblings) {
            let text = format!(
                "{} and the detecting {} are literals of one function, and may capture the same variable",
                frame.function, detecting.function
            );
            say("same_enclosing", 20, text);
        } else if let Some(frame) =
            foreign().find(|frame| frame.function != detecting.function && same_type(frame))
        {
            let text = format!(
                "{} is a method of the same type as the detecting {}",
                frame.function, detecting.function
            );
            say("same_type", 20, text);
        }
        let file = detecting.place.as_ref().map(|place| &place.file);
        let at_file = |frame: &&Frame| {
            file.is_some() && frame.place.as_ref().map(|place| &place.file) == file
        };
        let created_at_file = || {
            file.is_some()
                && created
                    .and_then(|created| created.place.as_ref())
                    .map(|place| &place.file)
                    == file
        };
        if foreign().any(|frame| at_file(&frame)) || created_at_file() {
            let base = detecting.place.as_ref().map_or("", |place| place.base());
            say(
                "same_file",
                8,
                format!("its code is in the same file, {base}"),
            );
        } else if foreign().any(|frame| frame.package() == detecting.package()) {
            say(
                "same_package",
                4,
                format!("its code is in the same package, {}", detecting.package()),
            );
        }
    }
}
