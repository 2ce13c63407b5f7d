//! All keys below a prefix at one revision, by pages.

use untorn::mutants::mutant;

use super::gateway::{CallError, Gateway};
use super::wire::{Bytes, Header, KeyValue, Number, RangeRequest, RangeResponse, code};
use crate::error::{ConfigError, ErrorKind};

/// The keys of a page, unless they are too large.
const PAGE: u64 = 5000;

/// How often a listing is begun again whose revision was compacted meanwhile.
const ATTEMPTS: u32 = 3;

/// The keys of a prefix.
#[derive(Clone, Debug)]
pub(super) struct Range {
    pub(super) start: Vec<u8>,
    pub(super) end: Vec<u8>,
}

impl Range {
    /// Returns the range of the keys that begin with `prefix`.
    pub(super) fn of_prefix(prefix: &str) -> Self {
        let start = prefix.as_bytes().to_vec();
        let mut end = start.clone();
        // The first key after all of them. UTF-8 has no byte 255.
        match end.last_mut() {
            Some(last) => *last += 1,
            // All keys, by etcd's own convention.
            None => {
                return Self {
                    start: vec![0],
                    end: vec![0],
                };
            }
        }
        Self { start, end }
    }
}

/// All keys at one revision.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) revision: u64,
    /// What the server said of itself.
    pub(super) server: Header,
    pub(super) kvs: Vec<KeyValue>,
}

/// Lists the keys of a range at `revision`, or at the newest if it is zero.
pub(super) fn list(
    gateway: &mut Gateway,
    range: &Range,
    revision: u64,
    max_size: usize,
) -> Result<Listing, ConfigError> {
    let mut attempts = 1;
    loop {
        match pages(gateway, range, revision, max_size) {
            Err(CallError::Server(failure))
                if failure.code == code::OUT_OF_RANGE && attempts < ATTEMPTS && revision == 0 =>
            {
                attempts += 1;
            }
            result => return result.map_err(CallError::into_error),
        }
    }
}

fn pages(
    gateway: &mut Gateway,
    range: &Range,
    mut revision: u64,
    max_size: usize,
) -> Result<Listing, CallError> {
    let mut limit = PAGE;
    let mut kvs: Vec<KeyValue> = Vec::new();
    let mut size = 0;
    let mut key = range.start.clone();
    let mut server = Header::default();
    loop {
        let request = RangeRequest {
            key: Bytes(key.clone()),
            range_end: Bytes(range.end.clone()),
            limit: Number(limit),
            revision: Number(if mutant("live_etcd_pages_are_of_any_revision") {
                0
            } else {
                revision
            }),
            keys_only: false,
        };
        let page: RangeResponse = match gateway.call("/v3/kv/range", &request) {
            // Values may have megabytes.
            Err(CallError::TooLarge) if limit > 1 => {
                limit = (limit / 8).max(1);
                continue;
            }
            page => page?,
        };
        if revision == 0 {
            revision = page.header.revision.0;
        }
        if revision == 0 {
            let message = "the response has no revision: is this etcd?";
            return Err(ConfigError::new(ErrorKind::Unreachable, message).into());
        }
        check(&page, &key, range, revision)?;
        if !server.is_continued_by(&page.header) {
            let message = "the server lists keys of another history than before: was it restored?";
            return Err(ConfigError::new(ErrorKind::Unreachable, message).into());
        }
        server = page.header;
        size += page.kvs.iter().map(KeyValue::size).sum::<usize>();
        if size > max_size {
            let message = format!("the keys have more than {max_size} bytes, which is the limit");
            return Err(ConfigError::new(ErrorKind::Unreadable, message).into());
        }
        let last = page.kvs.last().map(|kv| kv.key.0.clone());
        kvs.extend(page.kvs);
        match last {
            Some(last) if page.more => {
                key = last;
                key.push(0);
            }
            Some(_) | None if !page.more => {
                return Ok(Listing {
                    revision,
                    server,
                    kvs,
                });
            }
            _ => {
                let message = "the server promises more keys and sends none";
                return Err(ConfigError::new(ErrorKind::Unreachable, message).into());
            }
        }
    }
}

/// Checks that a page has what was asked for: keys from `first` on, in order, at a revision.
pub(super) fn check(
    page: &RangeResponse,
    first: &[u8],
    range: &Range,
    revision: u64,
) -> Result<(), ConfigError> {
    let wrong = |message: &str| Err(ConfigError::new(ErrorKind::Unreachable, message));
    // Answers of some versions have no revision in the header.
    if (1..revision).contains(&page.header.revision.0) && !mutant("live_etcd_older_page_is_taken") {
        return wrong("the server lists keys at an older revision than before: was it restored?");
    }
    let mut last = None;
    let is_asked_for = page.kvs.iter().all(|kv| {
        let key = &*kv.key.0;
        let is_next = last.map_or(key >= first, |last| key > last);
        last = Some(key);
        is_next && (key < &*range.end || range.end == [0])
    });
    if !is_asked_for && !mutant("live_etcd_other_keys_are_taken") {
        return wrong("the server lists keys that were not asked for, or out of order");
    }
    let is_newer = |kv: &KeyValue| !(1..=revision).contains(&kv.mod_revision.0);
    if page.kvs.iter().any(is_newer) && !mutant("live_etcd_newer_key_is_taken") {
        return wrong("the server lists keys that are not of the revision that was asked for");
    }
    Ok(())
}

/// Returns the newest revision of the cluster, and its history: a member that is behind catches up
/// before it answers.
pub(super) fn newest(gateway: &mut Gateway, range: &Range) -> Result<Header, ConfigError> {
    let request = RangeRequest {
        key: Bytes(range.start.clone()),
        range_end: Bytes(Vec::new()),
        limit: Number(1),
        revision: Number(0),
        keys_only: true,
    };
    let answer: RangeResponse = gateway
        .call("/v3/kv/range", &request)
        .map_err(CallError::into_error)?;
    Ok(answer.header)
}
