//! Answers of an etcd from any bytes, for the fuzz target `live`.

use super::assemble::Assembler;
use super::keys::Naming;
use super::listing::{self, Range};
use super::stream;
use super::wire::{Failure, Header, RangeResponse};
use crate::error::Place;

const PREFIX: &str = "/app/";

/// The revision that a page was asked for.
const REVISION: u64 = 9;

/// Reads bytes as the lines of a watch, as a page of keys, and as a failure.
///
/// # Panics
/// If the crate panics; if a watch gives revisions out of order, or one with an event of another;
/// or if a page that is taken has keys out of order, of another prefix or of a later revision.
#[cfg_attr(
    not(untorn_fuzzing),
    allow(unreachable_pub, reason = "the fuzzer calls it")
)]
pub fn run(bytes: &[u8]) {
    watch(bytes);
    page(bytes);
    _ = Failure::parse(bytes);
}

fn watch(bytes: &[u8]) {
    let mut assembler = Assembler::new(1, Header::default());
    let mut last = 0;
    for line in bytes.split(|&byte| byte == b'\n') {
        let batches = match stream::push(line, &mut assembler) {
            Ok(batches) => batches,
            Err(end) => {
                assert!(!end.to_string().is_empty());
                return;
            }
        };
        for batch in batches {
            assert!(batch.revision > last, "{} after {last}", batch.revision);
            last = batch.revision;
            for event in &batch.events {
                assert_eq!(event.kv.mod_revision.0, last);
            }
        }
    }
}

fn page(bytes: &[u8]) {
    let Ok(page) = serde_json::from_slice::<RangeResponse>(bytes) else {
        return;
    };
    let range = Range::of_prefix(PREFIX);
    if listing::check(&page, &range.start, &range, REVISION).is_err() {
        return;
    }
    assert!(page.kvs.is_sorted_by(|one, other| one.key.0 < other.key.0));
    for are_documents_parsed in [false, true] {
        let naming = Naming {
            prefix: PREFIX.into(),
            separator: "/".into(),
            are_documents_parsed,
            place: Place::of_layer(&"etcd".into()),
        };
        for kv in &page.kvs {
            assert!(kv.key.0.starts_with(PREFIX.as_bytes()));
            assert!((1..=REVISION).contains(&kv.mod_revision.0));
            // Wrong keys and values are errors, which name their place.
            match naming.entries(kv) {
                Ok(contents) => {
                    let mut entries = contents.entries.iter();
                    assert!(entries.all(|entry| !entry.key.is_empty()));
                }
                Err(error) => assert!(error.place().is_some(), "{error}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::run;
    use crate::corpus;

    /// The first byte of the files of the corpus that are for this.
    const KIND: u8 = b'w';

    #[test]
    fn answers_of_the_corpus_pass() {
        corpus::inputs(KIND).iter().for_each(|answer| run(answer));
    }

    #[test]
    fn changed_answers_of_the_corpus_pass() {
        corpus::run_changed(KIND, b"\"\\{}[]:,0179-LA=\n\xff", run);
    }
}
