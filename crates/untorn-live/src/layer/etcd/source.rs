//! The source: lists the keys once, then follows the watch, and lists again where changes may have
//! been missed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use untorn::mutants::mutant;
use untorn::poller::{Delta, FetchedAfter, ResumeToken};

use super::super::{Answer, Change, Contents, Fetch, RemoteState, Trigger};
use super::MAX_BACKOFF;
use super::assemble::{Assembler, Batch, End};
use super::gateway::{CallError, Gateway};
use super::keys::Naming;
use super::listing::{self, Listing, Range};
use super::pace::{Pace, varied};
use super::stream::{Next, Stream};
use super::wire::{Bytes, CreateRequest, Event, EventType, Header, Number, WatchRequest};
use crate::error::{ConfigError, ErrorKind, Place};

/// The most keys for which a quiet watch of a server that has changed is answered by a listing.
const FEW_KEYS: usize = 1000;

/// The time after a listing without a watch until that is opened again.
const REOPEN_AFTER: Duration = Duration::from_millis(200);

pub(super) struct Source {
    pub(super) gateway: Gateway,
    pub(super) naming: Naming,
    pub(super) range: Range,
    pub(super) max_size: usize,
    pub(super) sweep: Duration,
    pub(super) probe_after: Duration,
    pub(super) trigger: Arc<Trigger>,
    pub(super) state: Arc<RemoteState>,
    pub(super) place: Place,
    pub(super) progress: Progress,
    pub(super) pace: Pace,
}

/// Where the source stands.
#[derive(Default)]
pub(super) struct Progress {
    stream: Option<Stream>,
    /// The server of the stream, as the gateway numbers them.
    watched: usize,
    /// The revision of the last answer. The token says whether it was taken.
    revision: Option<u64>,
    /// The revision of the last answer, if a value of it cannot be read.
    unreadable: Option<u64>,
    /// What the server said of its history, at the last listing or probe.
    server: Header,
    /// The revision of the last listing or event, whether it was taken or not.
    known: u64,
    keys: usize,
    /// When the server was asked last, because of a quiet watch, and its revision then.
    probed: Option<(Instant, u64)>,
    next_sweep: Option<Instant>,
    /// A listing that was asked for has failed.
    is_wanted_again: bool,
    has_watched: bool,
    /// The last answer was refused by the store.
    is_refused: bool,
    /// What a listing gave and was refused, until the watch delivers something.
    refused: Option<Refused>,
}

/// The contents of a listing that were refused, or the error in one of its values.
struct Refused {
    revision: u64,
    contents: Result<Contents, ConfigError>,
}

impl Fetch for Source {
    fn fetch(&mut self, token: Option<&ResumeToken>) -> Result<Answer, ConfigError> {
        self.progress.unreadable = None;
        let answer = self.answer(token.and_then(ResumeToken::to_u64));
        if let Err(error) = answer {
            if self.gateway.is_closed() {
                let message = "the store has ended";
                return Err(ConfigError::new(ErrorKind::Ended, message).at(self.place.clone()));
            }
            return Err(error.or_place(|| Some(self.place.clone())));
        }
        let revision = self.progress.revision;
        self.state.update(|remote| remote.revision = revision);
        answer
    }

    fn reset(&mut self) {
        // A refused answer is not the base of later ones.
        self.progress.revision = None;
        self.progress.is_refused = true;
    }

    fn position(&self) -> Option<u64> {
        self.progress.revision.or(self.progress.unreadable)
    }

    fn wanted_delay(&self) -> Option<Duration> {
        // Keys that are not followed yet are so soon. After failures there is a backoff besides.
        (self.progress.stream.is_none()).then_some(REOPEN_AFTER)
    }
}

impl Source {
    fn answer(&mut self, taken: Option<u64>) -> Result<Answer, ConfigError> {
        let is_wanted = self.state.take_wanted() && !mutant("live_etcd_refresh_lists_nothing");
        let Some(last) = self.base(taken) else {
            return self.list(0);
        };
        let is_swept = self
            .progress
            .next_sweep
            .is_some_and(|next| next <= Instant::now());
        let is_wanted_again = std::mem::take(&mut self.progress.is_wanted_again);
        if is_wanted || is_wanted_again || is_swept && !mutant("live_etcd_is_not_swept") {
            let answer = self.sweep(last);
            // A caller who has asked during this poll waits for the next one.
            self.progress.is_wanted_again = is_wanted && answer.is_err();
            return answer;
        }
        let Some(stream) = &self.progress.stream else {
            self.watch(last + 1)?;
            return self.unchanged();
        };
        match stream.next(last) {
            Next::Batch(batch) => {
                self.pace.delivered();
                self.batch(batch)
            }
            Next::End(end) => self.end(&end, last),
            Next::Quiet(heard) => self.probe(heard, last),
        }
    }

    /// Returns the revision from which the watch goes on, if there is one.
    fn base(&mut self, taken: Option<u64>) -> Option<u64> {
        if taken.is_some() && taken == self.progress.revision {
            self.progress.is_refused = false;
            self.progress.refused = None;
            return taken;
        }
        let refused = self.progress.refused.as_ref();
        let refused = refused.filter(|_| self.progress.stream.is_some());
        refused.map(|refused| refused.revision)
    }

    /// Returns the answer if nothing has changed: what was refused, again, since it may be right
    /// together with another layer by now.
    fn unchanged(&mut self) -> Result<Answer, ConfigError> {
        let Some(refused) = &self.progress.refused else {
            return Ok(FetchedAfter::Unchanged);
        };
        let (revision, contents) = (refused.revision, refused.contents.clone());
        self.answered(revision, contents)
    }

    /// Returns the answer for one revision.
    fn batch(&mut self, batch: Batch) -> Result<Answer, ConfigError> {
        self.trigger_if_more();
        let revision = batch.revision;
        self.progress.known = revision;
        self.progress.revision = None;
        if self.progress.refused.take().is_some() {
            // It may be right now.
            return self.list(0);
        }
        if self.naming.are_documents_parsed {
            // A document has many keys, and other documents may have some of them.
            return self.list(revision);
        }
        let deltas = self.deltas(batch.events);
        self.set_answered(revision, deltas.is_ok());
        Ok(FetchedAfter::Deltas {
            deltas: deltas?,
            token: revision.into(),
        })
    }

    fn deltas(&self, events: Vec<Event>) -> Result<Vec<Change>, ConfigError> {
        let mut deltas: Vec<Change> = Vec::with_capacity(events.len());
        for event in events {
            let kv = event.kv;
            let entries = match event.kind {
                EventType::Put => self.naming.entries(&kv)?.entries,
                EventType::Delete => Vec::new(),
            };
            // Deleted, or a directory from now on.
            if entries.is_empty() {
                let path = self.naming.path(&kv.key.0)?;
                deltas.extend(path.map(|path| Delta::Delete(path.into())));
            }
            let entries = entries.into_iter();
            deltas.extend(entries.map(|entry| Delta::Put(Arc::clone(&entry.key), entry)));
        }
        Ok(deltas)
    }

    /// Returns the answer for the contents at a revision, or for an error in one of its values.
    fn answered(
        &mut self,
        revision: u64,
        contents: Result<Contents, ConfigError>,
    ) -> Result<Answer, ConfigError> {
        self.set_answered(revision, contents.is_ok());
        Ok(FetchedAfter::Contents {
            contents: contents?,
            token: Some(revision.into()),
        })
    }

    fn set_answered(&mut self, revision: u64, is_readable: bool) {
        self.progress.revision = is_readable.then_some(revision);
        self.progress.unreadable = (!is_readable).then_some(revision);
    }

    /// Triggers a poll if the watch has more than fits into this answer.
    fn trigger_if_more(&self) {
        if self.has_more() {
            self.trigger.fire();
        }
    }

    fn has_more(&self) -> bool {
        self.progress.stream.as_ref().is_some_and(Stream::has_more)
    }

    /// Follows from where a watch has ended, or lists again where that is not enough.
    fn end(&mut self, end: &End, last: u64) -> Result<Answer, ConfigError> {
        self.progress.stream = None;
        let is_listed = match end {
            End::Compacted | End::Disordered => true,
            // Its member may only be behind.
            End::Reset { .. } | End::Other => {
                let newest = listing::newest(&mut self.gateway, &self.range)?;
                !self.is_continued_by(&newest, last)
                    || mutant("live_etcd_member_that_is_behind_is_a_reset")
            }
            End::Canceled(_) | End::Broken(_) => {
                self.gateway.leave_endpoint();
                false
            }
        };
        if is_listed {
            self.resync();
        }
        if let End::Canceled(_) = end {
            // A token may have ended.
            self.gateway.forget_token();
        }
        let why = end.to_string();
        self.pace.ended(&why, Instant::now())?;
        if is_listed {
            return self.list(0);
        }
        self.watch(last + 1).map_err(|error| {
            let message = format!("{why}; {}", error.message());
            error.with_message(message)
        })?;
        self.unchanged()
    }

    /// Asks a server whose watch is quiet whether it still answers: a connection may be dead
    /// without a sign.
    fn probe(&mut self, heard: Instant, last: u64) -> Result<Answer, ConfigError> {
        let since = self
            .progress
            .probed
            .map_or(heard, |(probed, _)| probed.max(heard));
        if since.elapsed() < self.probe_after || mutant("live_etcd_quiet_watch_is_trusted") {
            return self.unchanged();
        }
        let newest = match listing::newest(&mut self.gateway, &self.range) {
            Ok(newest) => newest,
            Err(error) => {
                self.progress.stream = None;
                return Err(error);
            }
        };
        let is_continued = self.is_continued_by(&newest, last);
        self.progress.server = newest;
        let newest = newest.revision.0;
        let before = self.progress.probed.replace((Instant::now(), newest));
        if !is_continued {
            self.resync();
            return self.list(0);
        }
        self.leave_other_server();
        // Another prefix, most of the time.
        let has_changed = newest > last && before.is_none_or(|(_, before)| before != newest);
        let are_many = self.progress.keys > FEW_KEYS;
        if has_changed && are_many && !mutant("live_etcd_dead_watch_of_many_is_kept") {
            // Another watch from there costs less than a listing, and delivers what is missing.
            self.progress.stream = None;
        }
        if self.progress.stream.is_none() {
            self.watch(last + 1)?;
            return self.unchanged();
        }
        if !has_changed || are_many {
            return self.unchanged();
        }
        self.sweep(last)
    }

    /// Returns whether the server has all that was answered, up to `last`.
    fn is_continued_by(&self, newest: &Header, last: u64) -> bool {
        newest.revision.0 >= last && self.progress.server.is_continued_by(newest)
    }

    /// Drops a watch of another server than the one that has answered now: that one may hang.
    fn leave_other_server(&mut self) {
        let is_other = self.progress.watched != self.gateway.current();
        if is_other && !mutant("live_etcd_watch_of_a_hung_member_is_kept") {
            self.progress.stream = None;
        }
    }

    /// Makes the next answer a listing, since changes may have been missed.
    fn resync(&mut self) {
        self.progress.stream = None;
        self.progress.revision = None;
        self.progress.refused = None;
        self.progress.server = Header::default();
        self.progress.known = 0;
        self.state.update(|remote| remote.resyncs += 1);
    }

    /// Lists all keys although they are followed, and drops a watch that has lost a change.
    fn sweep(&mut self, last: u64) -> Result<Answer, ConfigError> {
        let listing = match self.fetch_all(0) {
            Ok(listing) => listing,
            Err(error) => {
                // Later, since the watch goes on from the same revision.
                let pause = varied(self.sweep.min(MAX_BACKOFF));
                self.progress.next_sweep = Instant::now().checked_add(pause);
                self.trigger_if_more();
                return Err(error);
            }
        };
        let is_newer = listing.kvs.iter().any(|kv| kv.mod_revision.0 > last);
        // What has come by now was not lost.
        if is_newer && !self.has_more() && !mutant("live_etcd_watch_that_loses_is_kept") {
            self.progress.stream = None;
        }
        self.compared(&listing)
    }

    /// Lists all keys, and watches what follows.
    fn list(&mut self, revision: u64) -> Result<Answer, ConfigError> {
        let listing = self.fetch_all(revision)?;
        self.compared(&listing)
    }

    /// Returns the answer for a listing, whose server may have begun anew.
    fn compared(&mut self, listing: &Listing) -> Result<Answer, ConfigError> {
        let is_continued = self.progress.server.is_continued_by(&listing.server);
        if listing.revision < self.progress.known || !is_continued {
            // The watch of a server that has begun anew waits for a revision of the old one.
            self.resync();
        }
        self.listed(listing)
    }

    fn fetch_all(&mut self, revision: u64) -> Result<Listing, ConfigError> {
        self.pace.check(Instant::now())?;
        listing::list(&mut self.gateway, &self.range, revision, self.max_size)
    }

    /// Returns the answer for a listing, and watches what follows.
    fn listed(&mut self, listing: &Listing) -> Result<Answer, ConfigError> {
        self.progress.known = listing.revision;
        self.progress.server = listing.server;
        self.progress.keys = listing.kvs.len();
        // A fleet that has started at once does not list at once.
        self.progress.next_sweep = Instant::now().checked_add(varied(self.sweep));
        self.leave_other_server();
        // Before an error in a value is known: a change may mend it. Without a watch the keys are
        // good all the same, and the next poll has the error.
        _ = self.watch(listing.revision + 1);
        let contents = self.contents(listing);
        let is_wrong = contents.is_err() || self.progress.is_refused;
        let is_kept = is_wrong && !mutant("live_etcd_refused_keys_are_listed_again");
        self.progress.refused = is_kept.then(|| Refused {
            revision: listing.revision,
            contents: contents.clone(),
        });
        // A change or an end that has come meanwhile: its trigger may have caused this poll.
        self.trigger_if_more();
        self.answered(listing.revision, contents)
    }

    fn contents(&self, listing: &Listing) -> Result<Contents, ConfigError> {
        let mut contents = Contents::default();
        for kv in &listing.kvs {
            contents.entries.extend(self.naming.entries(kv)?.entries);
        }
        Ok(contents)
    }

    /// Opens a watch from a revision, unless there is one.
    fn watch(&mut self, from: u64) -> Result<(), ConfigError> {
        if self.progress.stream.is_some() {
            return Ok(());
        }
        self.pace.check(Instant::now())?;
        let request = WatchRequest {
            create_request: CreateRequest {
                key: Bytes(self.range.start.clone()),
                range_end: Bytes(self.range.end.clone()),
                start_revision: Number(from),
                fragment: true,
                progress_notify: true,
            },
        };
        let (connection, response) = self
            .gateway
            .watch(&request)
            .map_err(CallError::into_error)?;
        let trigger = Arc::clone(&self.trigger);
        let stream = Stream::start(
            connection,
            response,
            Assembler::new(from, self.progress.server),
            trigger,
            &self.place.layer,
        );
        self.progress.stream = Some(stream.map_err(|error| {
            let message = format!("cannot start a thread: {error}");
            ConfigError::new(ErrorKind::Source, message)
        })?);
        self.progress.watched = self.gateway.current();
        self.pace.opened(Instant::now());
        if std::mem::replace(&mut self.progress.has_watched, true) {
            self.state.update(|remote| remote.reconnects += 1);
        }
        Ok(())
    }
}
