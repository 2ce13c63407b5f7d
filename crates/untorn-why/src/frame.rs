//! One call on a goroutine's stack: the function, its arguments, its source location.

use serde::Serialize;

use crate::libraries;
use crate::source_location::SourceLocation;

/// A word among the arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Word {
    pub(crate) value: u64,
    /// `true` without a `?` after it: the word is the argument, not a reused register.
    pub(crate) exact: bool,
}

impl Word {
    /// Returns `true` if it may point into Go's heap, between the program and its libraries.
    pub(crate) fn may_be_heap(self) -> bool {
        (0x10_0000_0000..0x7000_0000_0000).contains(&self.value)
    }
}

/// A call and its line in the dump.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) at: u64,
    pub(crate) function: String,
    pub(crate) args: String,
    pub(crate) place: Option<SourceLocation>,
    /// `true` if an offset into the function follows the location. Without one, the call is at its
    /// first instruction.
    pub(crate) has_offset: bool,
    /// The length of the import path, with which the function begins.
    package: usize,
    /// `true` if that is a package of the standard library.
    of_go: bool,
}

/// The way in which a call accesses a map.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Access {
    /// A read of one key.
    Read,
    /// A write of one key.
    Write,
    /// A deletion.
    Delete,
    /// A clear.
    Clear,
    /// An iteration.
    Iterate,
    /// A clone.
    Clone,
}

impl Access {
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::Write | Self::Delete | Self::Clear)
    }

    /// Returns the access as a participle, such as "reading".
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Read => "reading",
            Self::Write => "writing",
            Self::Delete => "deleting from",
            Self::Clear => "clearing",
            Self::Iterate => "iterating over",
            Self::Clone => "cloning",
        }
    }
}

impl Frame {
    pub(crate) fn new(at: u64, function: &str, args: &str) -> Self {
        let package = package_end(function);
        let first = function[..package].split('/').next().unwrap_or("");
        Self {
            at,
            function: function.to_owned(),
            args: args.to_owned(),
            place: None,
            has_offset: false,
            package,
            of_go: libraries::is_of_go(first),
        }
    }

    /// Returns the import path: `net/http` of `net/http.Header.Get`.
    pub(crate) fn package(&self) -> &str {
        &self.function[..self.package]
    }

    /// Returns the name without the package: `(*T).Method`, `T.Method`, `main.func1`.
    pub(crate) fn in_package(&self) -> &str {
        let rest = &self.function[self.package().len()..];
        rest.strip_prefix('.').unwrap_or(rest)
    }

    /// Returns `true` for code of the standard library.
    pub(crate) fn is_standard(&self) -> bool {
        self.of_go || self.is_inlined_literal_of_go()
    }

    /// Returns `true` for a literal in a method of the standard library that was inlined.
    ///
    /// It has the name of the function into which it was inlined: `main.run.(*Logger).Printf.1`.
    fn is_inlined_literal_of_go(&self) -> bool {
        let inlined = self.in_package().find(".(*").is_some_and(|at| at > 0);
        let file = self.place.as_ref().filter(|_| inlined);
        file.is_some_and(|place| {
            let sources = place
                .file
                .rfind("go/src/")
                .map_or(0, |at| at + "go/src/".len());
            let mut folders = place.file[sources..].split('/');
            let first = folders.next().unwrap_or("");
            folders.next().is_some() && libraries::is_of_go(first)
        })
    }

    /// Returns `true` for code of a library: a downloaded module, a vendored package, or a known
    /// library in a `GOPATH`.
    pub(crate) fn is_of_a_module(&self) -> bool {
        libraries::is_library(self)
    }

    /// Returns `T` of `pkg.(*T).Method`.
    pub(crate) fn pointer_receiver(&self) -> Option<&str> {
        let rest = self.in_package().strip_prefix("(*")?;
        rest.split(')').next()
    }

    /// Returns `T` of `pkg.T.Method`, which has a copy of `T`.
    pub(crate) fn value_receiver(&self) -> Option<&str> {
        let (of, method) = self.in_package().split_once('.')?;
        let named = !of.is_empty() && !of.starts_with('(') && !of.contains('[');
        let is_method = !method.is_empty() && !method.contains('.') && !is_generated(method);
        (named && is_method && of != "init").then_some(of)
    }

    /// Returns the type of the receiver, by pointer or by value.
    pub(crate) fn receiver(&self) -> Option<&str> {
        self.pointer_receiver().or_else(|| self.value_receiver())
    }

    /// Returns the function that contains a literal: `pkg.main` of `pkg.main.func1.2`.
    pub(crate) fn enclosing(&self) -> Option<&str> {
        let literal = |end: &str| {
            let end = end.strip_prefix("func")?;
            end.starts_with(|c: char| c.is_ascii_digit()).then_some(())
        };
        let mut from = 0;
        while let Some(dot) = self.function[from..].find('.') {
            let dot = from + dot;
            if literal(&self.function[dot + 1..]).is_some() {
                return Some(&self.function[..dot]);
            }
            from = dot + 1;
        }
        None
    }

    /// Returns `true` for a function that is neither a method nor a literal.
    pub(crate) fn is_plain_function(&self) -> bool {
        !self.in_package().contains(['.', '('])
    }

    /// Returns the words of the last name that is not generated, in lower case.
    ///
    /// For `viper.(*Viper).WatchConfig.func1` they are `["watch", "config"]`.
    pub(crate) fn name_words(&self) -> Vec<String> {
        let named = self.enclosing().unwrap_or(&self.function);
        let name = named
            .rsplit(['.', ')', '('])
            .find(|part| !part.is_empty() && !is_generated(part))
            .unwrap_or("");
        let mut words = vec![String::new()];
        for c in name.trim_end_matches("-fm").chars() {
            if c.is_uppercase() || !c.is_alphanumeric() {
                words.push(String::new());
            }
            if c.is_alphanumeric() {
                words
                    .last_mut()
                    .expect("never empty")
                    .extend(c.to_lowercase());
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }

    /// Returns all hexadecimal words among the arguments.
    pub(crate) fn words(&self) -> impl Iterator<Item = Word> {
        words(&self.args)
    }

    /// Returns `true` if each argument of one word, as a map is, is exact.
    pub(crate) fn bare_words_are_exact(&self) -> bool {
        let mut depth = 0;
        self.args.chars().all(|c| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            depth > 0 || c != '?'
        })
    }

    /// Returns the words that may be addresses of shared values.
    pub(crate) fn heap_words(&self) -> impl Iterator<Item = Word> {
        self.words().filter(|word| word.may_be_heap())
    }

    /// Returns the access, if this is a map function of the runtime, of any version of Go.
    pub(crate) fn access(&self) -> Option<Access> {
        const RUNTIME: &[(&str, Access)] = &[
            ("mapaccess", Access::Read),
            ("mapassign", Access::Write),
            ("mapdelete", Access::Delete),
            ("mapclear", Access::Clear),
            ("mapiter", Access::Iterate),
            ("mapIter", Access::Iterate),
            ("mapclone", Access::Clone),
            ("evacuate", Access::Write),
            ("growWork", Access::Write),
        ];
        const SWISS: &[(&str, Access)] = &[
            ("(*Map).Get", Access::Read),
            ("(*Map).get", Access::Read),
            ("(*Map).Put", Access::Write),
            ("(*Map).put", Access::Write),
            ("(*Map).Delete", Access::Delete),
            ("(*Map).Clear", Access::Clear),
            ("(*Map).Clone", Access::Clone),
            ("(*Iter).", Access::Iterate),
        ];
        let known = match self.package() {
            "runtime" | "reflect" => RUNTIME,
            "internal/runtime/maps" => SWISS,
            "maps" if self.in_package().to_lowercase().starts_with("clone") => {
                return Some(Access::Clone);
            }
            _ => return None,
        };
        let name = self.in_package();
        let of = known.iter().find(|(start, _)| name.starts_with(start));
        of.map(|(_, access)| *access)
    }

    /// Returns the first argument as it is written, with the whole of its braces.
    pub(crate) fn first_argument(&self) -> &str {
        let mut depth = 0;
        for (index, c) in self.args.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => return &self.args[..index],
                _ => {}
            }
        }
        &self.args
    }
}

/// Returns all hexadecimal words among these arguments.
pub(crate) fn words(args: &str) -> impl Iterator<Item = Word> {
    args.split(['{', '}', ',', ' ']).filter_map(|text| {
        let (text, exact) = match text.strip_suffix('?') {
            Some(text) => (text, false),
            None => (text, true),
        };
        let value = u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()?;
        Some(Word { value, exact })
    })
}

/// Returns the length of the import path with which a function's name begins.
fn package_end(function: &str) -> usize {
    let name = function.split(['[', '(']).next().unwrap_or("");
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    name[base..].find('.').map_or(name.len(), |dot| base + dot)
}

/// Returns `true` for a name that the compiler generates: `func1`, `gowrap2`, `deferwrap1`, `1`,
/// `func1-range2`.
fn is_generated(name: &str) -> bool {
    let rest = ["func", "gowrap", "deferwrap", "init"]
        .iter()
        .find_map(|start| name.strip_prefix(start))
        .unwrap_or(name);
    rest.starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{Access, Frame};

    fn frame(line: &str) -> Frame {
        let (call, _) = crate::reading::call(line).unwrap_or_else(|| panic!("{line} is a call"));
        Frame::new(1, call.function, call.args)
    }

    #[test]
    fn name_is_split_into_its_parts() {
        for (line, package, pointer, value, enclosing) in [
            (
                "main.main.func2(0xc0000721b0)",
                "main",
                None,
                None,
                Some("main.main"),
            ),
            (
                "main.(*Store).Get(0xc00000e018, 0x1)",
                "main",
                Some("Store"),
                None,
                None,
            ),
            (
                "main.Settings.Get({{0x0, 0x0}, 0xc00008ab40})",
                "main",
                None,
                Some("Settings"),
                None,
            ),
            (
                "net/http.Header.Get(...)",
                "net/http",
                None,
                Some("Header"),
                None,
            ),
            (
                "github.com/a/b.v2/c.(*T[...]).Do(0x1?)",
                "github.com/a/b.v2/c",
                Some("T[...]"),
                None,
                None,
            ),
            (
                "github.com/a/b.Run.func1.2()",
                "github.com/a/b",
                None,
                None,
                Some("github.com/a/b.Run"),
            ),
            ("main.packageLevel.gowrap1()", "main", None, None, None),
            ("main.init.0()", "main", None, None, None),
        ] {
            let frame = frame(line);
            // A dot in the last element of a path ends the package early; no caller depends on it.
            if !line.contains("b.v2") {
                assert_eq!(frame.package(), package, "{line}");
                assert_eq!(frame.pointer_receiver(), pointer, "{line}");
            }
            assert_eq!(frame.value_receiver(), value, "{line}");
            assert_eq!(frame.enclosing(), enclosing, "{line}");
        }
    }

    #[test]
    fn words_with_a_question_mark_are_not_exact() {
        let frame = frame("main.f({{0x0, 0x0}, 0xc00008ab40}, 0x5?, ...)");
        let words: Vec<_> = frame.words().map(|word| (word.value, word.exact)).collect();
        assert_eq!(
            words,
            [(0, true), (0, true), (0xc0_0008_ab40, true), (5, false)]
        );
        assert_eq!(frame.heap_words().count(), 1);
        assert_eq!(frame.first_argument(), "{{0x0, 0x0}, 0xc00008ab40}");
    }

    #[test]
    fn runtime_calls_show_the_map_in_every_version() {
        for (line, access, map) in [
            (
                "runtime.mapaccess1_faststr(0x10b46a0, 0xc0000721b0, 0x10d32ab, 0x1, 0x1) // here",
                Access::Read,
                Some(0xc0_0007_21b0),
            ),
            (
                "runtime.mapassign_faststr(0x4aaf80, 0xc00007c450, {0x4bf298, 0x1})",
                Access::Write,
                Some(0xc0_0007_c450),
            ),
            ("runtime.mapiternext(0xc00005dbd8?)", Access::Iterate, None),
            (
                "internal/runtime/maps.(*Iter).Next(0xbca5490ed8?)",
                Access::Iterate,
                None,
            ),
            (
                "internal/runtime/maps.(*Map).Delete(0xc00007c450, 0x4aaf80, 0x1)",
                Access::Delete,
                Some(0xc0_0007_c450),
            ),
            (
                "reflect.mapaccess_faststr(0x1?, 0x6?, {0x5fd45f?, 0x2a?})",
                Access::Read,
                None,
            ),
            (
                "runtime.mapclone2(0x4aaf80, 0xc00007c450)",
                Access::Clone,
                Some(0xc0_0007_c450),
            ),
        ] {
            let frame = frame(line);
            assert_eq!(frame.access(), Some(access), "{line}");
            assert_eq!(frame.map_argument().map(|word| word.value), map, "{line}");
        }
    }

    #[test]
    fn generated_names_have_no_words() {
        assert_eq!(
            frame("viper.(*Viper).WatchConfig.func1()").name_words(),
            ["watch", "config"]
        );
        assert_eq!(
            frame("main.reload_all(0x1)").name_words(),
            ["reload", "all"]
        );
        assert_eq!(frame("main.main.func1()").name_words(), ["main"]);
    }
}
