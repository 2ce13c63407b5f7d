//! Operations and their effect on a map of one thread: the specification.

use std::fmt;

use super::detail::Detail;

/// A key. There are few, so that operations conflict.
pub type Key = u8;
/// A value. Each write has a new one, so that a read identifies its write.
pub type Value = u32;
/// The maximum number of keys.
pub const KEYS: usize = 4;
/// The contents of the map.
pub type Contents = [Option<Value>; KEYS];

/// One step of an operation and its result. `None` as a result means that the call returned none.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Looked up a key.
    Get {
        /// The key.
        key: Key,
        /// The value read.
        saw: Option<Value>,
    },
    /// Checked whether a key is present.
    Contains {
        /// The key.
        key: Key,
        /// The result.
        saw: bool,
    },
    /// Read the number of entries.
    Len {
        /// The number.
        saw: usize,
    },
    /// Iterated over all entries.
    All {
        /// The entries.
        saw: Contents,
        /// The number of entries returned, duplicates included.
        entries: usize,
    },
    /// Inserted or removed a value.
    Write {
        /// The key.
        key: Key,
        /// The value; `None` removes the key.
        value: Option<Value>,
        /// The old value.
        old: Option<Option<Value>>,
    },
    /// Retained the values with this remainder modulo two.
    Retain {
        /// The remainder.
        rest: Value,
        /// The number of removed entries.
        gone: Option<usize>,
    },
    /// Removed all entries.
    Clear {
        /// The number of entries before.
        of: Option<usize>,
    },
    /// Removed the keys outside of a set.
    Keep {
        /// The set.
        keys: [bool; KEYS],
        /// The number of removed entries.
        gone: Option<usize>,
    },
    /// Replaced the contents.
    Refresh {
        /// The new contents.
        to: Contents,
        /// The numbers of added, changed and removed entries.
        counts: Option<[usize; 3]>,
    },
    /// Found that one key at least is not as it was in a view.
    Differ {
        /// The value of each compared key in the view.
        from: [Option<Option<Value>>; KEYS],
    },
}

/// Returns the number of entries.
#[must_use]
pub fn len(contents: &Contents) -> usize {
    contents.iter().flatten().count()
}

impl Step {
    /// Returns whether a map with these contents gives the results of this step.
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
            Self::Keep { keys, gone } => gone.is_none_or(|gone| {
                let kept = contents.iter().zip(keys);
                let removed = kept.filter(|(value, keep)| value.is_some() && !keep);
                removed.count() == gone
            }),
            Self::Differ { from } => {
                let mut compared = contents.iter().zip(from);
                compared.any(|(now, from)| from.is_some_and(|from| from != *now))
            }
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

    /// Applies the step to the contents.
    pub fn apply(&self, contents: &mut Contents) {
        match *self {
            Self::Write { key, value, .. } => contents[usize::from(key)] = value,
            Self::Retain { rest, .. } => {
                for entry in contents {
                    *entry = entry.filter(|value| value % 2 == rest);
                }
            }
            Self::Clear { .. } => *contents = Contents::default(),
            Self::Keep { keys, .. } => {
                for (entry, keep) in contents.iter_mut().zip(keys) {
                    *entry = entry.filter(|_| keep);
                }
            }
            Self::Refresh { to, .. } => *contents = to,
            Self::Get { .. }
            | Self::Contains { .. }
            | Self::Len { .. }
            | Self::All { .. }
            | Self::Differ { .. } => {}
        }
    }

    /// Returns whether the step only reads.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(
            self,
            Self::Get { .. }
                | Self::Contains { .. }
                | Self::Len { .. }
                | Self::All { .. }
                | Self::Differ { .. }
        )
    }

    /// Returns whether the step changed the contents, according to its result: such a step creates
    /// a revision.
    #[must_use]
    pub fn changes(&self) -> bool {
        match *self {
            Self::Write { value, old, .. } => value.is_some() || old != Some(None),
            Self::Retain { gone, .. } | Self::Keep { gone, .. } => gone != Some(0),
            Self::Clear { of } => of != Some(0),
            Self::Refresh { counts, .. } => counts != Some([0; 3]),
            _ => false,
        }
    }
}

/// The end of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The call returned normally, with its effect if it has one.
    Completed,
    /// The batch was dropped without a commit.
    Aborted,
    /// The closure returned an error, the source had a key twice, or the time was over.
    Failed,
    /// The closure panicked.
    Panicked,
    /// The map was no longer as the call expected.
    Moved,
}

/// A call and its results.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The calling thread.
    pub thread: usize,
    /// The name of the method.
    pub call: &'static str,
    /// The moment just before the call.
    pub invoked: u64,
    /// The moment just after the return; for a view, just after it was taken.
    pub returned: u64,
    /// The moment after the last read through a view; for all other calls, the return.
    pub until: u64,
    /// The steps in order, as if at one moment.
    pub steps: Vec<Step>,
    /// The end. Unless the operation completed, its writes must have no effect.
    pub outcome: Outcome,
    /// The returned revision: that of the commit, or the newest one if nothing was committed.
    pub revision: Option<u64>,
    /// The revision that the call expected.
    pub only_at: Option<u64>,
    /// A detail that the steps cannot express.
    pub detail: Option<Detail>,
}

impl Operation {
    /// Returns a completed operation of a thread, invoked and returned at these moments, without
    /// steps or a revision.
    #[must_use]
    pub fn new(thread: usize, call: &'static str, (invoked, returned): (u64, u64)) -> Self {
        Self {
            thread,
            call,
            invoked,
            returned,
            until: returned,
            steps: Vec::new(),
            outcome: Outcome::Completed,
            revision: None,
            only_at: None,
            detail: None,
        }
    }

    /// Returns the contents after the operation if its results fit the contents `before`.
    #[must_use]
    pub fn after(&self, before: &Contents) -> Option<Contents> {
        let mut contents = *before;
        for step in &self.steps {
            if !step.fits(&contents) {
                return None;
            }
            step.apply(&mut contents);
        }
        Some(if self.outcome == Outcome::Completed {
            contents
        } else {
            *before
        })
    }

    /// Returns the contents after the operation, without checking its results.
    #[must_use]
    pub fn apply_unchecked(&self, before: &Contents) -> Contents {
        let mut contents = *before;
        if self.outcome == Outcome::Completed {
            self.steps.iter().for_each(|step| step.apply(&mut contents));
        }
        contents
    }

    /// Returns whether the operation created a revision.
    #[must_use]
    pub fn commits(&self) -> bool {
        self.outcome == Outcome::Completed && self.steps.iter().any(Step::changes)
    }

    /// Returns whether the operation reads one state several times: a pin, a snapshot or a reader.
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
            Self::Keep { keys, gone } => {
                let kept = (0..KEYS).filter(|key| keys[*key]);
                let kept: Vec<_> = kept.map(|key| format!("k{key}")).collect();
                write!(f, "keep only [{}]", kept.join(" "))?;
                gone.map_or(Ok(()), |gone| write!(f, " ({gone} went)"))
            }
            Self::Differ { from } => {
                let compared = (0..KEYS).filter_map(|key| Some((key, from[key]?)));
                let compared: Vec<_> = compared
                    .map(|(key, from)| format!("k{key}={}", value(from)))
                    .collect();
                write!(f, "not all of [{}]", compared.join(" "))
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
        if self.outcome != Outcome::Completed {
            write!(f, " {:?}", self.outcome)?;
        }
        if let Some(detail) = &self.detail {
            write!(f, " {detail:?}")?;
        }
        self.revision
            .map_or(Ok(()), |revision| write!(f, " -> r{revision}"))
    }
}
