//! The messages of etcd's JSON gateway: keys and values in base64, numbers as texts, and no fields
//! for zeros. <https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/>

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};
use untorn::mutants::mutant;

/// Bytes, in base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64;

        impl Visitor<'_> for Base64 {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bytes, E> {
                let bytes = STANDARD.decode(text);
                bytes
                    .map(Bytes)
                    .map_err(|_| E::custom("a key or value is not in base64"))
            }
        }

        deserializer.deserialize_str(Base64)
    }
}

/// A number that is a text, since JavaScript has no integers of 64 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) u64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Of etcd they are signed. The next revision must be a number too.
        match unsigned(deserializer)? {
            number if number < i64::MAX as u64 => Ok(Self(number)),
            _ => Err(de::Error::custom("a revision is too large")),
        }
    }
}

/// Reads a number of 64 bits.
fn unsigned<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Text;

    impl Visitor<'_> for Text {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, or one in a text")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
            text.parse()
                .map_err(|_| E::custom("a revision or an id is no number"))
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }
    }

    deserializer.deserialize_any(Text)
}

/// What each answer says of its server. A field that the answer leaves out is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
pub(super) struct Header {
    #[serde(deserialize_with = "unsigned")]
    pub(super) cluster_id: u64,
    /// The number of the leader's election, which grows within a history.
    #[serde(deserialize_with = "unsigned")]
    pub(super) raft_term: u64,
    pub(super) revision: Number,
}

impl Header {
    /// Returns whether an answer after this one is of the same history, as far as its cluster and
    /// its term tell: a cluster that was restored from a backup has another id, or begins with a
    /// small term.
    pub(super) fn is_continued_by(&self, later: &Self) -> bool {
        let is_other = self.cluster_id != later.cluster_id;
        let is_known = self.cluster_id != 0 && later.cluster_id != 0;
        let is_earlier = later.raft_term != 0 && later.raft_term < self.raft_term;
        !(is_known && is_other || is_earlier) || mutant("live_etcd_other_history_is_taken")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(super) struct KeyValue {
    pub(super) key: Bytes,
    #[serde(default)]
    pub(super) value: Bytes,
    #[serde(default)]
    pub(super) mod_revision: Number,
}

impl KeyValue {
    /// Returns about how much memory it takes.
    pub(super) fn size(&self) -> usize {
        self.key.0.len() + self.value.0.len() + size_of::<Self>()
    }
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct RangeRequest {
    pub(super) key: Bytes,
    pub(super) range_end: Bytes,
    pub(super) limit: Number,
    /// Zero for the newest.
    pub(super) revision: Number,
    pub(super) keys_only: bool,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
pub(super) struct RangeResponse {
    #[serde(default)]
    pub(super) header: Header,
    #[serde(default)]
    pub(super) kvs: Vec<KeyValue>,
    #[serde(default)]
    pub(super) more: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct WatchRequest {
    pub(super) create_request: CreateRequest,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct CreateRequest {
    pub(super) key: Bytes,
    pub(super) range_end: Bytes,
    pub(super) start_revision: Number,
    /// Large answers come in parts.
    pub(super) fragment: bool,
    /// An answer now and then, also without a change.
    pub(super) progress_notify: bool,
}

/// A line of the answer to a watch.
#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct WatchLine {
    pub(super) result: Option<WatchResponse>,
    pub(super) error: Option<Failure>,
}

#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct WatchResponse {
    pub(super) header: Header,
    pub(super) created: bool,
    pub(super) canceled: bool,
    pub(super) cancel_reason: String,
    pub(super) compact_revision: Number,
    pub(super) fragment: bool,
    pub(super) events: Vec<Event>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub(super) struct Event {
    #[serde(rename = "type", default)]
    pub(super) kind: EventType,
    pub(super) kv: KeyValue,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum EventType {
    #[default]
    Put,
    Delete,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct AuthenticateRequest<'r> {
    pub(super) name: &'r str,
    pub(super) password: &'r str,
}

#[derive(Clone, Debug, serde::Deserialize)]
pub(super) struct AuthenticateResponse {
    #[serde(default)]
    pub(super) token: String,
}

/// Codes of gRPC that need an answer of their own.
pub(super) mod code {
    pub(in super::super) const INVALID_ARGUMENT: u32 = 3;
    pub(in super::super) const RESOURCE_EXHAUSTED: u32 = 8;
    pub(in super::super) const OUT_OF_RANGE: u32 = 11;
    pub(in super::super) const UNAVAILABLE: u32 = 14;
    pub(in super::super) const UNAUTHENTICATED: u32 = 16;
}

/// An error of the gateway, whose form depends on the version and on the kind of the call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: u32,
    pub(super) message: String,
}

impl<'de> Deserialize<'de> for Failure {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(untagged)]
        enum Form {
            Fields {
                #[serde(alias = "grpc_code", default)]
                code: u32,
                #[serde(alias = "error")]
                message: String,
            },
            Text(String),
        }

        Ok(match Form::deserialize(deserializer)? {
            Form::Fields { code, message } => Self { code, message },
            Form::Text(message) => Self { code: 0, message },
        })
    }
}

impl Failure {
    /// Parses the body of an answer that is an error.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Body {
            error: Option<Failure>,
            message: Option<String>,
            #[serde(default)]
            code: u32,
        }

        let body: Body = serde_json::from_slice(body).ok()?;
        let inner = body.error.unwrap_or_default();
        let code = if inner.code == 0 {
            body.code
        } else {
            inner.code
        };
        let message = body.message.unwrap_or(inner.message);
        (!message.is_empty()).then_some(Self { code, message })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_all_forms_are_parsed() {
        let expected = |code: u32| Failure {
            code,
            message: "no".into(),
        };
        let bodies = [
            (r#"{"error":"no","message":"no","code":11}"#, 11),
            (r#"{"code":11,"message":"no","details":[]}"#, 11),
            (
                r#"{"error":{"grpc_code":14,"http_code":503,"message":"no"}}"#,
                14,
            ),
            (r#"{"error":"no"}"#, 0),
        ];
        for (body, code) in bodies {
            assert_eq!(
                Failure::parse(body.as_bytes()),
                Some(expected(code)),
                "{body}"
            );
        }
        for body in ["", "{}", "Not Found", r#"{"error":3}"#] {
            assert_eq!(Failure::parse(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn histories_have_ids_and_terms() {
        let header = |cluster_id, raft_term| Header {
            cluster_id,
            raft_term,
            revision: Number(4),
        };
        let text = r#"{"cluster_id":"14841639068965178418","raft_term":"7","revision":"4"}"#;
        let before: Header = serde_json::from_str(text).expect("a header");
        let id = 14_841_639_068_965_178_418;
        assert_eq!(before, header(id, 7));
        // A field may be left out.
        for same in [header(id, 7), header(id, 8), header(0, 7), header(id, 0)] {
            assert!(before.is_continued_by(&same), "{same:?}");
            assert!(Header::default().is_continued_by(&same), "{same:?}");
        }
        for other in [header(id, 6), header(3, 7), header(3, 0), header(0, 6)] {
            assert!(!before.is_continued_by(&other), "{other:?}");
        }
    }

    #[test]
    fn lines_of_both_versions_are_parsed() {
        let line = r#"{"result":{"header":{"revision":"4"},"events":[
            {"kv":{"key":"YQ==","mod_revision":"4","value":"NQ=="}},
            {"type":"DELETE","kv":{"key":"Yg==","mod_revision":"4"}}]}}"#;
        let line: WatchLine = serde_json::from_str(line).expect("a line");
        let result = line.result.expect("a result");
        assert_eq!(result.header.revision, Number(4));
        let kinds: Vec<_> = result.events.iter().map(|event| event.kind).collect();
        assert_eq!(kinds, [EventType::Put, EventType::Delete]);
        assert_eq!(result.events[0].kv.value, Bytes(b"5".to_vec()));
        let wrong = [
            r#"{"result":{"header":{"revision":"-4"}}}"#,
            r#"{"result":{"header":{"revision":"9223372036854775807"}}}"#,
            r#"{"result":{"header":{"revision":9223372036854775807}}}"#,
            r#"{"result":{"events":[{"kv":{"key":"?"}}]}}"#,
            r#"{"result":{"events":[{"type":"MOVE","kv":{"key":""}}]}}"#,
            r#"{"result":"#,
        ];
        for wrong in wrong {
            assert!(serde_json::from_str::<WatchLine>(wrong).is_err(), "{wrong}");
        }
    }
}
