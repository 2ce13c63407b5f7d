//! Ways in which the program's own goroutines come to share a map.

use super::Cause;
use super::stacks::{Stacks, call_at};
use crate::addresses;
use crate::candidates::Certainty;
use crate::dump;
use crate::frame::{self, Frame, Word};
use crate::libraries::{self, CODERS, LOGS};

pub(super) fn shared_struct(stacks: &Stacks<'_>) -> Option<Cause> {
    let own = stacks.own()?;
    // A logger or an encoder reads a map that belongs to its caller.
    let serves = |frame: &Frame| libraries::is_of(frame, LOGS) || libraries::is_of(frame, CODERS);
    let is_site = |frame: &&Frame| {
        let site = dump::site(stacks.here);
        std::ptr::eq(*frame, own) || site.is_some_and(|site| std::ptr::eq(*frame, site))
    };
    let mut methods = stacks.here.iter().filter(|frame| {
        !frame.is_standard() && !serves(frame) && (is_site(frame) || !frame.is_of_a_module())
    });
    let (here, other, of_stack) = methods.find_map(|here| {
        let of = here.pointer_receiver()?;
        let same = |frame: &Frame| {
            frame.pointer_receiver() == Some(of) && frame.package() == here.package()
        };
        let (other, certainty) = stacks.find_other(same)?;
        Some((here, other, certainty))
    })?;
    let is_innermost = |frame: &Frame| {
        let mut sites = stacks
            .others
            .iter()
            .flat_map(|other| [dump::own(other.frames), dump::site(other.frames)]);
        sites.any(|site| site.is_some_and(|site| std::ptr::eq(site, frame)))
    };
    let sure = is_site(&here) && (is_innermost(other) || stacks.shared_address);
    let value = stacks.value();
    Some(Cause {
        id: "shared_struct",
        title: format!(
            "the {value} is a field of a struct that goroutines share, and one side bypasses its lock"
        ),
        certainty: if sure { of_stack } else { Certainty::Possibly },
        matched: format!(
            "{} and {} are methods of one type",
            call_at(here),
            call_at(other)
        ),
        change: &[
            "keep the field unexported, lock in every method that uses it, hold the lock until the end of the use (defer), \
             and return values or copies, never the map.",
        ],
    })
}

pub(super) fn captured(stacks: &Stacks<'_>) -> Option<Cause> {
    let here = stacks.own()?;
    // A literal in a package-level variable captures nothing.
    let enclosing = |frame: &Frame| {
        let of = frame.enclosing()?;
        (!of.ends_with("glob.")).then(|| of.to_owned())
    };
    let of = enclosing(here);
    let (certainty, matched) = if let Some(of) = of {
        let siblings = stacks.find_other(|frame| enclosing(frame).as_ref() == Some(&of));
        let outer = || stacks.find_other(|frame| frame.function == of);
        match siblings.or_else(outer) {
            Some((other, certainty)) if other.function == of => {
                let other = call_at(other);
                (
                    certainty,
                    format!("{} is a literal of {other}", call_at(here)),
                )
            }
            Some((other, certainty)) if other.function != here.function => (
                certainty,
                format!(
                    "{} and {} are literals of {of}",
                    call_at(here),
                    call_at(other)
                ),
            ),
            Some((_, certainty)) => (certainty, format!("{} is a literal of {of}", call_at(here))),
            None if stacks.both_known => return None,
            None => (
                Certainty::Possibly,
                format!("{} is a literal of {of}", call_at(here)),
            ),
        }
    } else {
        let literal = |frame: &Frame| enclosing(frame).as_ref() == Some(&here.function);
        let (other, certainty) = stacks.find_other(literal)?;
        // Of `main`, for example, almost every goroutine is a literal.
        let certainty = if stacks.both_known {
            certainty
        } else {
            Certainty::Possibly
        };
        (
            certainty,
            format!("{} is a literal of {}", call_at(other), call_at(here)),
        )
    };
    Some(Cause {
        id: "captured",
        title: "goroutines started by one function share its local variable".into(),
        certainty,
        matched,
        change: &[
            "put the map and its mutex into one type, and pass that to the goroutines; or let one goroutine own the map and \
             send it the changes over a channel.",
        ],
    })
}

pub(super) fn fan_out(stacks: &Stacks<'_>) -> Option<Cause> {
    let here = stacks.own().filter(|_| stacks.writes())?;
    let (other, certainty) = stacks.find_other(|frame| frame.function == here.function)?;
    let value = stacks.value();
    Some(Cause {
        id: "fan_out",
        title: format!(
            "several goroutines that run the same code share one {value}, and write to it"
        ),
        certainty,
        matched: format!(
            "{} on one side, {} on the other",
            call_at(here),
            call_at(other)
        ),
        change: &[
            "let each goroutine fill its own map or slot, and merge them after WaitGroup.Wait; or lock around each write.",
        ],
    })
}

pub(super) fn map_type(stacks: &Stacks<'_>) -> Option<Cause> {
    let here = stacks.site().filter(|_| stacks.between().all(is_of_map))?;
    let of = here.value_receiver()?;
    let [receiver] = frame::words(here.first_argument()).collect::<Vec<_>>()[..] else {
        return None;
    };
    // Without braces, the first word of a struct looks like a receiver of one word.
    if here.first_argument().starts_with('{') || stacks.is_before_braces() || !receiver.exact {
        return None;
    }
    let certainty = match addresses::map_address(stacks.here) {
        Some(map) if map.value == receiver.value => Certainty::Likely,
        None if receiver.may_be_heap() => Certainty::Possibly,
        _ => return None,
    };
    Some(Cause {
        id: "map_type",
        title: format!("the type {of} is a map, which has no room for a lock"),
        certainty,
        matched: format!("the receiver of {} is one address", call_at(here)),
        change: &[
            "make the type a struct that holds the map and its mutex, with pointer receivers, and lock in every method.",
        ],
    })
}

fn is_of_map(frame: &Frame) -> bool {
    matches!(frame.package(), "runtime" | "internal/runtime/maps")
}

pub(super) fn package_level(stacks: &Stacks<'_>) -> Option<Cause> {
    let here = stacks
        .own()
        .filter(|frame| frame.is_plain_function() && frame.function != "main.main")?;
    let is_site = stacks.site().is_some_and(|site| std::ptr::eq(site, here));
    let direct = is_site && stacks.between().all(is_of_map);
    // Inlined calls show no arguments, and neither does a race report.
    if !direct || here.args == "..." || stacks.both_known {
        return None;
    }
    let map = addresses::map_address(stacks.here).filter(|map| map.exact);
    let matched = match map {
        Some(map) if here.words().all(|word| word.value != map.value) => {
            format!("the map at {:#x} is none of its arguments", map.value)
        }
        None if here.bare_words_are_exact() && !has_an_address(here, stacks.is_before_braces()) => {
            "none of its arguments is the address of a map".into()
        }
        _ => return None,
    };
    Some(Cause {
        id: "package_level",
        title: "the map is a package-level variable, which every goroutine can access".into(),
        certainty: Certainty::Possibly,
        matched: format!("{} is a plain function, and {matched}", call_at(here)),
        change: &[
            "make it a field of a type that also has the lock, or protect every use of the variable with one lock.",
        ],
    })
}

/// Returns `true` if an argument may be the address of a map, or of a value that holds one: an
/// address that is not part of a string.
fn has_an_address(frame: &Frame, is_old: bool) -> bool {
    const LONGEST: u64 = 0x1_0000;
    // Since Go 1.17 an argument of several words is in braces; before, its words are not marked.
    let is_string = |words: &[Word], in_braces: bool| {
        matches!(words, [_, length, rest @ ..]
            if length.value < LONGEST && (is_old || in_braces && rest.is_empty()))
    };
    frame.args.split('{').enumerate().any(|(index, after)| {
        let (inside, behind) = after.split_once('}').unwrap_or(match index {
            0 => ("", after),
            _ => (after, ""),
        });
        [(inside, true), (behind, false)]
            .iter()
            .any(|(text, in_braces)| {
                let words: Vec<_> = frame::words(text).collect();
                (0..words.len()).any(|at| {
                    words[at].may_be_heap() && !is_string(&words[at..], *in_braces && at == 0)
                })
            })
    })
}
