//! What an operation is, and what it does to a map that nobody else uses: the specification.

use std::fmt;

/// A key. Few, so that operations meet.
pub type Key = u8;
/// A value. A fresh one for each write, so that what was read says who wrote it.
pub type Value = u32;
/// How many keys there are at most.
pub const KEYS: usize = 4;
/// Everything in the map.
pub type Contents = [Option<Value>; KEYS];

/// One thing that an operation did, and what it was told. `None` in a field that is an answer means that nothing was told.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Looked a key up.
    Get {
        /// The key.
        key: Key,
        /// The value that it had.
        saw: Option<Value>,
    },
    /// Asked whether a key has a value.
    Contains {
        /// The key.
        key: Key,
        /// Whether it had one.
        saw: bool,
    },
    /// Asked for the number of entries.
    Len {
        /// The number.
        saw: usize,
    },
    /// Went through all entries.
    All {
        /// The entries.
        saw: Contents,
        /// How many came, repeated ones included.
        entries: usize,
    },
    /// Gave a key a value, or took it out.
    Write {
        /// The key.
        key: Key,
        /// The value; `None` takes the key out.
        value: Option<Value>,
        /// The value that it had before.
        old: Option<Option<Value>>,
    },
    /// Kept the values that leave this rest when divided by two.
    Retain {
        /// The rest.
        rest: Value,
        /// How many entries went.
        gone: Option<usize>,
    },
    /// Took everything out.
    Clear {
        /// How many entries there were.
        of: Option<usize>,
    },
    /// Replaced everything.
    Refresh {
        /// By this.
        to: Contents,
        /// How many entries were added, changed and removed.
        counts: Option<[usize; 3]>,
    },
}

/// How many entries there are.
#[must_use]
pub fn len(contents: &Contents) -> usize {
    contents.iter().flatten().count()
}

impl Step {
    /// Whether a map with these contents tells what this step was told.
    #[must_use]
    pub fn fits(&self, contents: &Contents) -> bool {
        match *self {
            Self::Get { key, saw } => contents[usize::from(key)] == saw,
            Self::Contains { key, saw } => contents[usize::from(key)].is_some() == saw,
            Self::Len { saw } => len(contents) == saw,
            Self::All { saw, entries } => *contents == saw && entries == len(contents),
            Self::Write { key, old, .. } => old.is_none_or(|old| contents[usize::from(key)] == old),
            Self::Retain { rest, gone } => gone.is_none_or(|gone| {
                let goes = |value: &&Value| *value % 2 != rest;
                contents.iter().flatten().filter(goes).count() == gone
            }),
            Self::Clear { of } => of.is_none_or(|of| len(contents) == of),
            Self::Refresh { to, counts } => counts.is_none_or(|counts| {
                let mut expected = [0; 3];
                for (old, new) in contents.iter().zip(&to) {
                    match (old, new) {
                        (None, Some(_)) => expected[0] += 1,
                        (Some(old), Some(new)) if old != new => expected[1] += 1,
                        (Some(_), None) => expected[2] += 1,
                        _ => {}
                    }
                }
                counts == expected
            }),
        }
    }

    /// Does to the contents what this step does.
    pub fn apply(&self, contents: &mut Contents) {
        match *self {
            Self::Write { key, value, .. } => contents[usize::from(key)] = value,
            Self::Retain { rest, .. } => {
                for entry in contents {
                    *entry = entry.filter(|value| value % 2 == rest);
                }
            }
            Self::Clear { .. } => *contents = Contents::default(),
            Self::Refresh { to, .. } => *contents = to,
            Self::Get { .. } | Self::Contains { .. } | Self::Len { .. } | Self::All { .. } => {}
        }
    }

    /// Whether this step only looks.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(
            self,
            Self::Get { .. } | Self::Contains { .. } | Self::Len { .. } | Self::All { .. }
        )
    }

    /// Whether this step changed something, going by what it was told: what makes a revision.
    #[must_use]
    pub fn changes(&self) -> bool {
        match *self {
            Self::Write { value, old, .. } => value.is_some() || old != Some(None),
            Self::Retain { gone, .. } => gone != Some(0),
            Self::Clear { of } => of != Some(0),
            Self::Refresh { counts, .. } => counts != Some([0; 3]),
            _ => false,
        }
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It took effect, if it had one.
    Took,
    /// The batch was dropped without a commit.
    Aborted,
    /// The closure returned an error.
    Failed,
    /// The closure panicked.
    Panicked,
    /// The map was no longer at the revision that was asked for.
    Moved,
}

/// A call and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Who made it.
    pub thread: usize,
    /// Which one it was.
    pub call: &'static str,
    /// The moment just before the call.
    pub invoked: u64,
    /// The moment just after it; of a view, just after it was taken.
    pub returned: u64,
    /// The moment after the last read through a view; of everything else, that of the return.
    pub until: u64,
    /// What happened inside, in order, as if at one moment.
    pub steps: Vec<Step>,
    /// How it ended. Unless it took effect, its writes must leave nothing.
    pub outcome: Outcome,
    /// The revision that it told: that of the commit, or the newest one if nothing was committed.
    pub revision: Option<u64>,
    /// The revision that it was to be committed at.
    pub only_at: Option<u64>,
}

impl Operation {
    /// What the map holds afterwards, if the operation can have come at a moment when it held `before`.
    #[must_use]
    pub fn after(&self, before: &Contents) -> Option<Contents> {
        let mut contents = *before;
        for step in &self.steps {
            if !step.fits(&contents) {
                return None;
            }
            step.apply(&mut contents);
        }
        Some(if self.outcome == Outcome::Took {
            contents
        } else {
            *before
        })
    }

    /// What the map holds afterwards, whatever the operation was told.
    #[must_use]
    pub fn forced(&self, before: &Contents) -> Contents {
        let mut contents = *before;
        if self.outcome == Outcome::Took {
            self.steps.iter().for_each(|step| step.apply(&mut contents));
        }
        contents
    }

    /// Whether it made a revision.
    #[must_use]
    pub fn commits(&self) -> bool {
        self.outcome == Outcome::Took && self.steps.iter().any(Step::changes)
    }

    /// Whether it shows one state to several reads: a pin, a snapshot or a reader.
    #[must_use]
    pub fn is_view(&self) -> bool {
        matches!(self.call, "pin" | "snapshot" | "latest")
    }
}

fn value(value: Option<Value>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}

fn contents(contents: &Contents) -> String {
    contents.map(value).join(" ")
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get { key, saw } => write!(f, "k{key}={}", value(*saw)),
            Self::Contains { key, saw } => write!(f, "k{key}?{saw}"),
            Self::Len { saw } => write!(f, "len={saw}"),
            Self::All { saw, entries } => write!(f, "all {entries}=[{}]", contents(saw)),
            Self::Write {
                key,
                value: new,
                old,
            } => {
                write!(f, "k{key}:={}", value(*new))?;
                old.map_or(Ok(()), |old| write!(f, " (was {})", value(old)))
            }
            Self::Retain { rest, gone } => {
                let kept = if *rest == 0 { "even" } else { "odd" };
                write!(f, "keep {kept}")?;
                gone.map_or(Ok(()), |gone| write!(f, " ({gone} went)"))
            }
            Self::Clear { of } => {
                f.write_str("clear")?;
                of.map_or(Ok(()), |of| write!(f, " (of {of})"))
            }
            Self::Refresh { to, counts } => {
                write!(f, "all:=[{}]", contents(to))?;
                counts.map_or(Ok(()), |[added, changed, removed]| {
                    write!(f, " (+{added} ~{changed} -{removed})")
                })
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call)?;
        if let Some(revision) = self.only_at {
            write!(f, " at r{revision}")?;
        }
        let steps: Vec<String> = self.steps.iter().map(Step::to_string).collect();
        write!(f, " {{ {} }}", steps.join(", "))?;
        if self.outcome != Outcome::Took {
            write!(f, " {:?}", self.outcome)?;
        }
        self.revision
            .map_or(Ok(()), |revision| write!(f, " -> r{revision}"))
    }
}
