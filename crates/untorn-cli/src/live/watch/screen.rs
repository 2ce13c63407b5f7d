//! What `watch` prints: revisions, refusals, recoveries, and the line of status on a terminal.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use serde::Serialize;
use untorn_live::{Config, Refusal, Revision, Snapshot, Status};

use super::super::changes::{self, KeyChange};
use super::super::keys;
use super::super::load::Reading;
use super::super::problem::Problem;
use super::super::sources::Source;
use super::names;
use crate::escaped::Escaped;
use crate::output::{Output, counted};
use crate::progress;
use crate::utc;

/// The time after which a fetch that is running is worth a word.
const SLOW: Duration = Duration::from_secs(2);

pub(super) struct Screen<'s> {
    output: &'s Output,
    key: Option<&'s str>,
    reading: &'s Reading,
    limit: usize,
    /// The revision that was printed last, and when it came.
    last: Option<Snapshot<Config>>,
    since: Instant,
    /// The line of status on the screen.
    status: Option<String>,
}

/// A line of `--json`.
#[derive(Serialize)]
struct Event<'e> {
    time: f64,
    revision: u64,
    #[serde(flatten)]
    what: What<'e>,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum What<'e> {
    Revision {
        skipped: u64,
        keys: usize,
        changes: &'e [KeyChange<'e>],
    },
    Refused {
        layer: &'e str,
        error: &'e Problem,
    },
    Recovered {
        layer: &'e str,
    },
}

impl<'s> Screen<'s> {
    pub(super) fn new(
        output: &'s Output,
        key: Option<&'s str>,
        reading: &'s Reading,
        limit: usize,
    ) -> Self {
        Self {
            output,
            key,
            reading,
            limit,
            last: None,
            since: Instant::now(),
            status: None,
        }
    }

    /// Prints what is watched, so that a key that was taken for a source is noticed.
    pub(super) fn begin(&self, sources: &[Source]) {
        let sources = names(sources);
        match self.key {
            Some(key) => self.aside(format_args!(
                "Watching the key or section `{key}` of {sources}."
            )),
            None => self.aside(format_args!("Watching {sources}.")),
        }
    }

    /// Prints a refusal.
    pub(super) fn refused(&mut self, refusal: &Refusal, revision: Revision) -> io::Result<()> {
        self.clear();
        let time = utc::time_of_day(refusal.since);
        let error = &Problem::of(&refusal.error);
        self.output
            .failure(Escaped(format_args!("refused, {time}: {error}")));
        let what = What::Refused {
            layer: &refusal.layer,
            error,
        };
        self.event(refusal.since, revision, what)
    }

    /// Prints a recovery.
    pub(super) fn recovered(&mut self, layer: &str) -> io::Result<()> {
        self.clear();
        let now = SystemTime::now();
        let time = utc::time_of_day(now);
        self.output
            .recovery(Escaped(format_args!("recovered, {time}: {layer}")));
        let revision = self.last.as_ref().map(|last| last.revision());
        let what = What::Recovered { layer };
        self.event(now, revision.unwrap_or_default(), what)
    }

    /// Returns whether no revision has been printed.
    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Prints a revision, unless it was printed or has no change of the key.
    pub(super) fn revision(&mut self, config: &Snapshot<Config>) -> io::Result<()> {
        let revision = config.revision();
        let printed = self.last.as_ref().map(|last| last.revision());
        if revision <= printed.unwrap_or_default() {
            return Ok(());
        }
        let last = self.last.replace(config.clone());
        self.since = Instant::now();
        let mut changes = match &last {
            Some(last) => changes::since(last, config),
            None => changes::between(None, config, self.reading),
        };
        if let Some(key) = self.key {
            changes.retain(|change| keys::is_in(change.key(), key));
        }
        if last.is_some() && changes.is_empty() && self.key.is_some() {
            return Ok(());
        }
        // The first one is number 1, and skips those before it all the same.
        let skipped = revision.get() - printed.map_or(0, Revision::get) - 1;
        self.print(config, last.is_none(), skipped, &changes)
    }

    fn print(
        &mut self,
        config: &Config,
        is_first: bool,
        skipped: u64,
        changes: &[KeyChange<'_>],
    ) -> io::Result<()> {
        self.clear();
        let now = SystemTime::now();
        let (number, time) = (config.revision().get(), utc::time_of_day(now));
        let summary = match (is_first, changes.len()) {
            (true, _) => counted(config.len() as u64, "key"),
            (false, 0) => "no value has changed".into(),
            (false, changes) => counted(changes as u64, "change"),
        };
        let skipping = match skipped {
            0 => String::new(),
            skipped => format!(", {} skipped", counted(skipped, "revision")),
        };
        self.output.heading(format_args!(
            "revision {number}, {time}: {summary}{skipping}"
        ));
        let shown = match self.limit {
            0 => changes.len(),
            limit => limit,
        };
        for change in changes.iter().take(shown) {
            change.show(self.output);
        }
        if let Some(more @ 1..) = changes.len().checked_sub(shown) {
            self.output.aside(format_args!(
                "… and {}; --limit 0 shows all",
                counted(more as u64, "more change")
            ));
        }
        if let Some(key) = self.key.filter(|_| is_first && changes.is_empty()) {
            self.aside(keys::missing(&[config], key));
        }
        let what = What::Revision {
            skipped,
            keys: config.len(),
            changes,
        };
        self.event(now, config.revision(), what)
    }

    /// Draws the line of status, if it has changed.
    pub(super) fn draw_status(&mut self, status: &Status) {
        if !self.output.has_status_line() {
            return;
        }
        let age = self.since.elapsed().as_secs();
        let mut text = match &self.last {
            Some(config) => {
                let keys = counted(config.len() as u64, "key");
                format!("revision {}, {age} s old, {keys}", config.revision().get())
            }
            None => format!("no configuration yet, for {age} s"),
        };
        for refusal in status.refusals() {
            text += &format!("; refused: {}", Escaped(Problem::of(&refusal.error)));
        }
        for layer in &status.layers {
            let fetching = layer.polls.as_ref().and_then(|polls| polls.fetching);
            if let Some(fetching) = fetching.filter(|fetching| *fetching > SLOW) {
                let seconds = fetching.as_secs();
                text += &format!("; reading {} for {seconds} s", Escaped(&layer.name));
            }
        }
        if self.status.as_ref() != Some(&text) {
            progress::show(&text);
            self.status = Some(text);
        }
    }

    /// Removes the line of status, at the end.
    pub(super) fn end(&mut self) {
        self.clear();
    }

    /// Removes the line of status, so that lines can be printed.
    fn clear(&mut self) {
        if self.status.take().is_some() {
            progress::clear();
        }
    }

    fn aside(&self, text: impl std::fmt::Display) {
        self.output.aside(Escaped(text));
    }

    fn event(&self, time: SystemTime, revision: Revision, what: What<'_>) -> io::Result<()> {
        self.output.json_line(&Event {
            time: utc::unix_seconds(time),
            revision: revision.get(),
            what,
        })
    }
}
