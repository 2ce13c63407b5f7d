//! The map that a goroutine uses, by the calls of the runtime's map functions on its stack.

use crate::frame::{Access, Frame, Word};
use crate::numbers::input_line;

/// The keys for which a map function was compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Keys {
    Bits32,
    Bits64,
    Strings,
    /// Keys of any type, for which a function without a suffix is called.
    General,
}

impl Keys {
    /// Returns the keys of a map function of the runtime, if its name implies them.
    fn of(frame: &Frame) -> Option<Self> {
        const FAST: &[(&str, Keys)] = &[
            ("fast32", Keys::Bits32),
            ("fast64", Keys::Bits64),
            ("faststr", Keys::Strings),
        ];
        let name = frame.in_package().to_lowercase();
        let fast = FAST.iter().find(|(suffix, _)| name.contains(suffix));
        let is_general = || {
            let general = ["mapaccess", "mapassign", "mapdelete"];
            frame.package() == "runtime" && general.iter().any(|start| name.starts_with(start))
        };
        fast.map(|(_, keys)| *keys)
            .or_else(|| is_general().then_some(Self::General))
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Bits32 => "32-bit keys",
            Self::Bits64 => "64-bit keys",
            Self::Strings => "string keys",
            Self::General => "keys of another type",
        }
    }
}

/// A call of the runtime's map functions, and what it shows of the map.
pub(crate) struct MapUse<'f> {
    pub(crate) frame: &'f Frame,
    pub(crate) map: Option<Word>,
    map_type: Option<Word>,
    keys: Option<Keys>,
}

/// The relation of two uses.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Relation {
    /// One map, by its address.
    SameMap {
        how: String,
    },
    /// Two maps, and how that is known.
    OtherMap {
        /// `true` if no argument that may be stale is needed for it.
        exact: bool,
        how: String,
    },
    Unknown,
}

impl<'f> MapUse<'f> {
    /// Returns the use that begins with the innermost call for which `is_wanted` holds.
    pub(crate) fn find(frames: &'f [Frame], is_wanted: impl Fn(Access) -> bool) -> Option<Self> {
        let wanted = |frame: &Frame| frame.access().is_some_and(&is_wanted);
        let at = frames.iter().position(wanted)?;
        // One use takes several calls, such as `mapiterinit` around `mapiternext`.
        let calls = || frames[at..].iter().take_while(|of| of.access().is_some());
        // A call by reflection takes the function for any key, whatever the map's keys are.
        let by_reflection = calls().any(|frame| frame.package() == "reflect");
        let keys = calls().find_map(Keys::of);
        Some(Self {
            frame: &frames[at],
            map: calls().find_map(Frame::map_argument),
            map_type: calls().find_map(Frame::exact_map_type),
            keys: keys.filter(|keys| *keys != Keys::General || !by_reflection),
        })
    }

    /// Compares the map with that of `other`.
    pub(crate) fn relation(&self, other: &Self) -> Relation {
        let by_map = self.by_map(other);
        if self.exact_maps(other) {
            return by_map;
        }
        // A conversion, such as that to `http.Header`, changes the type of one map.
        let by_type = match by_map {
            Relation::SameMap { .. } => Relation::Unknown,
            _ => self.by_type(other),
        };
        let by_keys = self.by_keys(other);
        // What may be stale decides only where nothing exact does.
        let is_exact = |of: &Relation| matches!(of, Relation::OtherMap { exact: true, .. });
        let mut ordered = [by_type, by_map, by_keys];
        ordered.sort_by_key(|relation| !is_exact(relation));
        let mut known = ordered.into_iter();
        known
            .find(|relation| *relation != Relation::Unknown)
            .unwrap_or(Relation::Unknown)
    }

    fn exact_maps(&self, other: &Self) -> bool {
        let exact = |map: Option<Word>| map.is_some_and(|map| map.exact);
        exact(self.map) && exact(other.map)
    }

    fn by_map(&self, other: &Self) -> Relation {
        let (Some(map), Some(of_other)) = (self.map, other.map) else {
            return Relation::Unknown;
        };
        let exact = self.exact_maps(other);
        let mark = if exact {
            ""
        } else {
            " (marked `?`: may be stale)"
        };
        if map.value == of_other.value {
            let how = format!("{:#x}{mark}", map.value);
            return Relation::SameMap { how };
        }
        // A reused register may hold anything.
        let may_be_maps = map.may_be_heap() && of_other.may_be_heap();
        if !exact && !may_be_maps {
            return Relation::Unknown;
        }
        Relation::OtherMap {
            exact,
            how: format!("{:#x}, not {:#x}{mark}", map.value, of_other.value),
        }
    }

    fn by_type(&self, other: &Self) -> Relation {
        match (self.map_type, other.map_type) {
            (Some(one), Some(of_other)) if one.value != of_other.value => Relation::OtherMap {
                exact: true,
                how: format!("of the type {:#x}, not {:#x}", one.value, of_other.value),
            },
            _ => Relation::Unknown,
        }
    }

    fn by_keys(&self, other: &Self) -> Relation {
        match (self.keys, other.keys) {
            (Some(keys), Some(of_other)) if keys != of_other => Relation::OtherMap {
                // Libraries that link to the runtime may call the general functions for any map.
                exact: keys != Keys::General && of_other != Keys::General,
                how: format!("with {}, not {}", keys.in_words(), of_other.in_words()),
            },
            _ => Relation::Unknown,
        }
    }

    /// Formats the call, and its line in the dump.
    pub(crate) fn call(&self) -> String {
        let Frame { function, at, .. } = self.frame;
        format!("{function} ({})", input_line(*at))
    }
}

impl Frame {
    /// Returns the address of the map, if a call of the runtime has it as an argument.
    pub(crate) fn map_argument(&self) -> Option<Word> {
        let position = match (self.package(), self.access()?) {
            ("runtime", Access::Iterate) if self.has_only_the_iterator() => return None,
            ("internal/runtime/maps", Access::Iterate) if self.in_package() == "(*Iter).Init" => 2,
            ("internal/runtime/maps", Access::Iterate) => return None,
            ("runtime", _) => 1,
            ("internal/runtime/maps", _) => 0,
            _ => return None,
        };
        self.bare_word(position).filter(|word| word.value > 0xffff)
    }

    /// Returns the address of the map's type, if a call of the runtime has it as an argument that
    /// is not stale.
    fn exact_map_type(&self) -> Option<Word> {
        let position = match (self.package(), self.access()?) {
            ("runtime", Access::Iterate) if self.has_only_the_iterator() => return None,
            ("internal/runtime/maps", Access::Iterate) if self.in_package() != "(*Iter).Init" => {
                return None;
            }
            ("runtime", _) => 0,
            ("internal/runtime/maps", _) => 1,
            _ => return None,
        };
        self.bare_word(position)
            .filter(|word| word.exact && word.value > 0xffff)
    }

    /// Returns `true` for `mapiternext`, whose argument is the iterator.
    fn has_only_the_iterator(&self) -> bool {
        self.in_package().to_lowercase() == "mapiternext"
    }

    /// Returns the argument at `position`, if no argument up to it consists of several words.
    fn bare_word(&self, position: usize) -> Option<Word> {
        let word = self.words().nth(position)?;
        let before = self.args.split(',').nth(position)?;
        (!before.contains('{')).then_some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::{MapUse, Relation};
    use crate::frame::{Access, Frame};

    fn frames(lines: &[&str]) -> Vec<Frame> {
        let frame = |line: &&str| {
            let (call, _) =
                crate::reading::call(line).unwrap_or_else(|| panic!("{line} is a call"));
            Frame::new(1, call.function, call.args)
        };
        lines.iter().map(frame).collect()
    }

    /// Compares a write with the use of a detecting goroutine.
    fn relation(writer: &[&str], detecting: &[&str]) -> Relation {
        let (writer, detecting) = (frames(writer), frames(detecting));
        let writer = MapUse::find(&writer, Access::writes).expect("it writes");
        let detecting = MapUse::find(&detecting, |_| true).expect("it uses a map");
        writer.relation(&detecting)
    }

    fn other(writer: &[&str], detecting: &[&str]) -> Option<bool> {
        match relation(writer, detecting) {
            Relation::OtherMap { exact, .. } => Some(exact),
            Relation::SameMap { .. } | Relation::Unknown => None,
        }
    }

    fn same(writer: &[&str], detecting: &[&str]) -> Option<String> {
        match relation(writer, detecting) {
            Relation::SameMap { how } => Some(how),
            Relation::OtherMap { .. } | Relation::Unknown => None,
        }
    }

    const READ: &[&str] = &["runtime.mapaccess1_faststr(0x47b360, 0xc000090030, {0x4a8c70, 0x1})"];

    #[test]
    fn other_address_is_another_map() {
        for (write, exact) in [
            (
                "runtime.mapassign_faststr(0x47b360, 0xc000090060, {0x488d49, 0x8})",
                true,
            ),
            (
                "runtime.mapassign_faststr(0x47b360?, 0xc000090060?, {0x488d49, 0x8})",
                false,
            ),
        ] {
            assert_eq!(other(&[write], READ), Some(exact), "{write}");
        }
        // A word that is no address of the heap cannot be a map.
        for write in [
            "runtime.mapassign_faststr(0x1?, 0x47b360?, {0x488d49, 0x8})",
            "runtime.mapassign_faststr(...)",
        ] {
            assert_eq!(relation(&[write], READ), Relation::Unknown, "{write}");
        }
    }

    #[test]
    fn address_of_the_map_decides_over_its_type() {
        let write = "runtime.mapassign_faststr(0x47b300, 0xc000090030, {0x488d49, 0x8})";
        assert_eq!(same(&[write], READ).as_deref(), Some("0xc000090030"));
        let write = "runtime.mapassign_faststr(0x47b300, 0xc000090060?, {0x488d49, 0x8})";
        assert_eq!(other(&[write], READ), Some(true));
        let write = "runtime.mapassign_faststr(0x47b300, 0xc000090030?, {0x488d49, 0x8})";
        assert_eq!(
            same(&[write], READ).as_deref(),
            Some("0xc000090030 (marked `?`: may be stale)")
        );
    }

    #[test]
    fn keys_of_another_size_are_of_another_map() {
        for (write, exact) in [
            ("runtime.mapassign_fast64(0x47b300?, 0x0?, 0x3)", Some(true)),
            (
                "runtime.mapassign_fast64ptr(0x47b300?, 0x0?, 0x3)",
                Some(true),
            ),
            ("runtime.mapdelete_fast32(0x47b300?, 0x0?, 0x3)", Some(true)),
            (
                "runtime.mapdelete_faststr(0x47b300?, 0x0?, {0x0, 0x0})",
                None,
            ),
            (
                "runtime.mapassign(0x47b300?, 0x0?, 0xc00003c000)",
                Some(false),
            ),
            ("runtime.mapclear(0x47b300?, 0x0?)", None),
            (
                "internal/runtime/maps.(*Map).putSlotSmallFast64(0x0?, 0x0?, 0x3)",
                Some(true),
            ),
        ] {
            assert_eq!(other(&[write], READ), exact, "{write}");
        }
        let by_reflection = [
            "runtime.mapassign(0x47b300?, 0x0?, 0xc00003c000)",
            "reflect.mapassign(0x1?, 0x6?, 0x0?, 0x0?)",
        ];
        assert_eq!(relation(&by_reflection, READ), Relation::Unknown);
    }

    #[test]
    fn iteration_shows_its_map() {
        let write = ["runtime.mapassign_faststr(0x49b560?, 0xc000092120, {0x4d2f68, 0x1})"];
        for (calls, exact) in [
            (
                &[
                    "runtime.mapiternext(0xc00008cee0)",
                    "runtime.mapiterinit(0xc00008cee0?, 0xc0000920f0, 0xc00008cee0)",
                ][..],
                Some(true),
            ),
            (
                &["runtime.mapIterStart(0x49b560, 0xc0000920f0, 0xc00008cee0)"],
                Some(true),
            ),
            (
                &["internal/runtime/maps.(*Iter).Init(0xc00008cee0, 0x49b560, 0xc0000920f0)"],
                Some(true),
            ),
            (&["runtime.mapIterNext(0xc00008cee0)"], None),
            (&["internal/runtime/maps.(*Iter).Next(0xc00008cee0)"], None),
        ] {
            assert_eq!(other(&write, calls), exact, "{calls:?}");
        }
    }
}
