//! The programs whose output an input mixes, distinguished by the prefixes of their lines.

use super::dumps::{Dumps, Part};
use super::entries::Line;
use super::lexer::{Beginning, beginning, looks_like_a_stack};
use super::prefix::{Prefix, Source};
use super::{DUMPS, OTHERS};
use crate::dump::Input;

/// The most programs that are distinguished.
const PROGRAMS: usize = 8;
/// The most bytes of a prefix.
const LONGEST_PREFIX: usize = 512;
/// The number of sources of headers in one dump after which the prefix has no stable part.
const SOURCES: usize = 4;

/// The output of one program.
#[derive(Default)]
struct Program {
    prefix: Prefix,
    source: Source,
    /// The sources of the headers of the current dump, if they differ.
    headers: Vec<Source>,
    dumps: Dumps,
}

/// Reads the dumps of each program in an input.
pub(super) struct Programs {
    programs: Vec<Program>,
    /// The program of the last line with a known prefix.
    current: usize,
}

impl Default for Programs {
    fn default() -> Self {
        Self {
            programs: vec![Program::default()],
            current: 0,
        }
    }
}

impl Programs {
    pub(super) fn line(&mut self, line: &Line, found: &mut Input) {
        let start = self.place(line);
        let program = &mut self.programs[self.current];
        let (before, content) = line.text.split_at(start);
        program.dumps.follows(before);
        program.dumps.line(line.number, content, line.ended);
        let inside = program.dumps.is_inside();
        for part in program.dumps.take_finished() {
            found.add(part);
        }
        if !inside && found.stack_like.is_none() && looks_like_a_stack(content) {
            found.stack_like = Some(line.number);
        }
    }

    pub(super) fn finish(&mut self, found: &mut Input) {
        for program in &mut self.programs {
            program.dumps.finish();
            for part in program.dumps.take_finished() {
                found.add(part);
            }
        }
    }

    /// Makes the program of a line the current one. Returns the offset at which the program's own
    /// text begins.
    fn place(&mut self, line: &Line) -> usize {
        let text = &line.text;
        let known = |program: &Program| {
            let length = program.prefix.length_in(text)?;
            (Source::of(&text[..length]) == program.source).then_some(length)
        };
        let begins = beginning(text);
        if !self.programs[self.current].prefix.is_empty()
            || begins.is_none_or(|(start, _)| start == 0)
        {
            let with_prefix = self
                .programs
                .iter()
                .enumerate()
                .filter(|(_, program)| !program.prefix.is_empty())
                .find_map(|(index, program)| Some((index, known(program)?)));
            if let Some((index, length)) = with_prefix {
                self.current = index;
                return length;
            }
        }
        let Some((start, kind)) = begins else {
            return 0;
        };
        let source = match start {
            ..=LONGEST_PREFIX => Source::of(&text[..start]),
            _ => Source::default(),
        };
        let fatal = kind == Beginning::Message;
        self.current = self.program_of(&source, fatal);
        let program = &mut self.programs[self.current];
        if !fatal {
            program.header(&source, line.number);
        } else {
            program.headers.clear();
        }
        // Output of the program in front of a message is a prefix of that line only: the next
        // header or message corrects it.
        let prefix = if start <= LONGEST_PREFIX {
            &text[..start]
        } else {
            ""
        };
        program.prefix = Prefix::new(prefix);
        program.source = source;
        start
    }

    /// Returns the index of the program whose prefix has this source.
    fn program_of(&mut self, source: &Source, fatal: bool) -> usize {
        let same = self
            .programs
            .iter()
            .position(|program| program.source == *source && program.dumps.is_inside());
        if let Some(index) = same {
            return index;
        }
        let current = &self.programs[self.current];
        let another = fatal && current.dumps.is_inside() && !current.source.may_be(source);
        if another && self.programs.len() < PROGRAMS {
            self.programs.push(Program::default());
            return self.programs.len() - 1;
        }
        self.current
    }
}

impl Program {
    /// Notes the source of a header. A source that comes back after another is that of a second
    /// program, whose message is not in the input.
    fn header(&mut self, source: &Source, at: u64) {
        if self.headers.last() == Some(source) {
            return;
        }
        if self.headers.contains(source) && self.headers.len() < SOURCES {
            self.dumps.mixed(at);
        }
        self.headers.push(source.clone());
    }
}

impl Input {
    fn add(&mut self, part: Part) {
        match part {
            Part::Dump(found) if self.found.len() < DUMPS => self.found.push(found),
            Part::Dump(_) => self.more += 1,
            Part::Other(other) if self.others.len() < OTHERS => self.others.push(other),
            Part::Other(_) => {}
        }
    }
}
