//! The lines of a watch, put together: the events of one revision of etcd are one batch.

use std::fmt;

use untorn::mutants::mutant;

use super::wire::{Event, Header, Number, WatchResponse};

/// The most bytes of one revision in parts.
const MAX_BYTES: usize = 256 << 20;

/// All events of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) revision: u64,
    pub(super) events: Vec<Event>,
}

impl Batch {
    pub(super) fn size(&self) -> usize {
        self.events.iter().map(|event| event.kv.size()).sum()
    }
}

/// Why a watch has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The server no longer has the revisions that follow the last one.
    Compacted,
    /// The server has fewer revisions than it had: it was restored, has begun anew, or lags behind
    /// another one.
    Reset { server: u64 },
    /// The server is of another cluster, or of an earlier term: it was restored, has begun anew, or
    /// lags behind another one.
    Other,
    /// Revisions were out of order, so that one may have been missed.
    Disordered,
    /// The server has canceled the watch.
    Canceled(String),
    /// The connection is closed, or an answer is no message.
    Broken(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compacted => f.write_str(
                "etcd has compacted the revisions after the last one; all keys are listed again",
            ),
            Self::Reset { server } => write!(
                f,
                "the watch of etcd is at the older revision {server}: was it restored, or begun \
                 anew, or is its member behind?"
            ),
            Self::Other => f.write_str(
                "the watch of etcd is of another cluster, or of an earlier term: was it restored, \
                 or begun anew, or is its member behind?",
            ),
            Self::Disordered => f.write_str(
                "the watch has sent revisions out of order, so that changes may be missing; all \
                 keys are listed again",
            ),
            Self::Canceled(reason) if reason.is_empty() => {
                f.write_str("the server canceled the watch, without a reason")
            }
            Self::Canceled(reason) => write!(f, "the server canceled the watch: {reason}"),
            Self::Broken(why) => write!(f, "the watch has ended: {why}"),
        }
    }
}

/// Puts the answers of a watch together.
pub(super) struct Assembler {
    /// The history of which the watch must be.
    server: Header,
    /// The revision that the next event has at least.
    next: u64,
    /// The events of answers in parts.
    parts: Vec<Event>,
    size: usize,
}

impl Assembler {
    /// Creates an assembler of a watch from `next`, in the history of `server`.
    pub(super) fn new(next: u64, server: Header) -> Self {
        Self {
            server,
            next,
            parts: Vec::new(),
            size: 0,
        }
    }

    /// Returns the revisions that are complete with this answer, in order.
    pub(super) fn push(&mut self, answer: WatchResponse) -> Result<Vec<Batch>, End> {
        let is_compacted = answer.compact_revision > Number(0)
            || answer.canceled && answer.cancel_reason.contains("has been compacted");
        if is_compacted && !mutant("live_etcd_compaction_is_missed") {
            return Err(End::Compacted);
        }
        if answer.canceled {
            return Err(End::Canceled(answer.cancel_reason));
        }
        let server = answer.header.revision.0;
        // Answers of some versions have no revision in the header.
        if server > 0
            && server.saturating_add(1) < self.next
            && !mutant("live_etcd_reset_is_missed")
        {
            return Err(End::Reset { server });
        }
        if !self.server.is_continued_by(&answer.header) {
            return Err(End::Other);
        }
        self.size += answer
            .events
            .iter()
            .map(|event| event.kv.size())
            .sum::<usize>();
        if self.size > MAX_BYTES {
            let message = format!("a revision has more than {MAX_BYTES} bytes");
            return Err(End::Broken(message));
        }
        self.parts.extend(answer.events);
        if answer.fragment && !mutant("live_etcd_part_is_taken") {
            return Ok(Vec::new());
        }
        self.size = 0;
        let mut batches: Vec<Batch> = Vec::new();
        for event in std::mem::take(&mut self.parts) {
            let revision = event.kv.mod_revision.0;
            match batches.last_mut() {
                Some(batch)
                    if batch.revision == revision && !mutant("live_etcd_transaction_is_split") =>
                {
                    batch.events.push(event);
                }
                _ if revision < self.next && !mutant("live_etcd_disorder_is_taken") => {
                    return Err(End::Disordered);
                }
                _ => {
                    self.next = revision.saturating_add(1);
                    batches.push(Batch {
                        revision,
                        events: vec![event],
                    });
                }
            }
        }
        Ok(batches)
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Bytes, EventType, KeyValue};
    use super::*;

    fn assembler(next: u64) -> Assembler {
        Assembler::new(next, Header::default())
    }

    fn event(key: &str, revision: u64) -> Event {
        Event {
            kind: EventType::Put,
            kv: KeyValue {
                key: Bytes(key.into()),
                value: Bytes::default(),
                mod_revision: Number(revision),
            },
        }
    }

    fn answer(events: &[(&str, u64)], is_part: bool) -> WatchResponse {
        WatchResponse {
            header: Header {
                revision: Number(9),
                ..Header::default()
            },
            fragment: is_part,
            events: events
                .iter()
                .map(|(key, revision)| event(key, *revision))
                .collect(),
            ..WatchResponse::default()
        }
    }

    fn batch(revision: u64, keys: &[&str]) -> Batch {
        Batch {
            revision,
            events: keys.iter().map(|key| event(key, revision)).collect(),
        }
    }

    #[test]
    fn revisions_of_one_answer_are_batches() {
        let mut assembler = assembler(3);
        let batches = assembler.push(answer(&[("a", 3), ("b", 3), ("a", 5)], false));
        assert_eq!(batches, Ok(vec![batch(3, &["a", "b"]), batch(5, &["a"])]));
        // A note without a change.
        assert_eq!(assembler.push(answer(&[], false)), Ok(vec![]));
    }

    #[test]
    fn parts_are_put_together() {
        let mut assembler = assembler(3);
        assert_eq!(assembler.push(answer(&[("a", 3)], true)), Ok(vec![]));
        assert_eq!(assembler.push(answer(&[("b", 3)], true)), Ok(vec![]));
        let batches = assembler.push(answer(&[("c", 3)], false));
        assert_eq!(batches, Ok(vec![batch(3, &["a", "b", "c"])]));
    }

    #[test]
    fn disorder_ends_the_watch() {
        let orders: [&[(&str, u64)]; 3] = [
            &[("a", 2)],
            &[("a", 4), ("b", 3)],
            &[("a", 3), ("b", 4), ("c", 3)],
        ];
        for order in orders {
            let pushed = assembler(3).push(answer(order, false));
            assert_eq!(pushed, Err(End::Disordered), "{order:?}");
        }
        let mut assembler = assembler(3);
        assert!(assembler.push(answer(&[("a", 3)], false)).is_ok());
        let again = assembler.push(answer(&[("a", 3)], false));
        assert_eq!(again, Err(End::Disordered));
    }

    #[test]
    fn server_with_fewer_revisions_was_reset() {
        let mut fewer = answer(&[], false);
        fewer.header.revision = Number(7);
        // The next revision may not exist yet.
        assert_eq!(assembler(8).push(fewer.clone()), Ok(vec![]));
        let reset = assembler(9).push(fewer.clone());
        assert_eq!(reset, Err(End::Reset { server: 7 }));
        fewer.header.revision = Number(0);
        assert_eq!(assembler(9).push(fewer), Ok(vec![]));
    }

    #[test]
    fn server_of_another_history_ends_the_watch() {
        let mut other = answer(&[("a", 3)], false);
        let server = Header {
            cluster_id: 1,
            ..Header::default()
        };
        // The gateway may leave it out.
        assert!(Assembler::new(3, server).push(other.clone()).is_ok());
        other.header.cluster_id = 2;
        let pushed = Assembler::new(3, server).push(other);
        assert_eq!(pushed, Err(End::Other));
    }

    #[test]
    fn compaction_and_cancellation_end_the_watch() {
        let mut end = answer(&[], false);
        end.canceled = true;
        end.cancel_reason = "why".into();
        let canceled = assembler(3).push(end.clone());
        assert_eq!(canceled, Err(End::Canceled("why".into())));
        end.compact_revision = Number(5);
        assert_eq!(assembler(3).push(end.clone()), Err(End::Compacted));
        end.compact_revision = Number(0);
        end.cancel_reason = "etcdserver: mvcc: required revision has been compacted".into();
        assert_eq!(assembler(3).push(end), Err(End::Compacted));
    }
}
