//! Answers of an HTTP server from any bytes, for the fuzz target `live`.

use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, PoisonError};

use untorn::poller::FetchedAfter;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::super::Fetch;
use super::super::remote::Client;
use super::Http;
use super::fetch::Source;
use crate::error::Place;

/// The size of the largest document that is taken.
const MAX_SIZE: u64 = 512;

/// Fetches a document from a server that answers with these bytes but for the first two, which say
/// where the connection is lost in a second attempt.
///
/// # Panics
/// If the crate panics; if the answer is taken and another one when it comes again; or if what
/// came before the loss is taken although the whole is another document.
#[cfg_attr(
    not(untorn_fuzzing),
    allow(unreachable_pub, reason = "the fuzzer calls it")
)]
pub fn run(bytes: &[u8]) {
    let Some((place, answer)) = bytes.split_first_chunk() else {
        return;
    };
    let place = usize::from(u16::from_le_bytes(*place)) % (answer.len() + 1);
    let whole = fetch(answer, answer);
    if let Some(part) = fetch(&answer[..place], answer) {
        assert_eq!(Some(part), whole, "{place} bytes of an answer were taken");
    }
}

/// Fetches a document; returns its keys and values.
fn fetch(first: &[u8], later: &[u8]) -> Option<String> {
    let server = Server {
        first: Mutex::new(Some(first.into())),
        later: later.into(),
    };
    let http = Http::at("http://127.0.0.1/app").max_size(MAX_SIZE);
    let (request, options) = http.follow_redirects(1).checked().expect("a right URL");
    let client = Client::with_connector(options, &Arc::default(), server, FixedAddress);
    let place = Place::of_layer(&"http".into());
    let mut source = Source::new(request, client, place, Arc::default());
    match source.fetch(None) {
        Ok(FetchedAfter::Contents { contents, token }) => {
            if first == later {
                let again = source.fetch(token.as_ref());
                assert!(matches!(again, Ok(FetchedAfter::Unchanged)), "{again:?}");
            }
            // As a text, in which NaN is NaN.
            Some(format!("{contents:?}"))
        }
        Ok(answer) => panic!("not contents, although there were none: {answer:?}"),
        Err(error) => {
            assert!(error.place().is_some(), "{error}");
            None
        }
    }
}

/// A server that gives one answer to its first connection, and another to each later one.
#[derive(Debug)]
struct Server {
    first: Mutex<Option<Vec<u8>>>,
    later: Vec<u8>,
}

impl Connector for Server {
    type Out = Connection;

    fn connect(
        &self,
        _: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Connection>, ureq::Error> {
        let first = self
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        Ok(Some(Connection {
            buffers: LazyBuffers::new(4096, 4096),
            answer: Cursor::new(first.unwrap_or_else(|| self.later.clone())),
        }))
    }
}

/// Finds the server without a thread, which the usual resolver starts for its timeout.
#[derive(Debug)]
struct FixedAddress;

impl Resolver for FixedAddress {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(([127, 0, 0, 1], 80).into());
        Ok(addresses)
    }
}

/// A connection that ends with its answer.
#[derive(Debug)]
struct Connection {
    buffers: LazyBuffers,
    answer: Cursor<Vec<u8>>,
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let read = self.answer.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        // Not to be used for another request.
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{fetch, run};
    use crate::corpus;

    /// The first byte of the files of the corpus that are for this.
    const KIND: u8 = b'h';

    #[test]
    fn answers_of_the_corpus_are_taken_whole_or_not() {
        let mut taken = 0;
        for input in corpus::inputs(KIND) {
            let answer = &input[2..];
            taken += usize::from(fetch(answer, answer).is_some());
            for place in 0..=answer.len() {
                let place = u16::try_from(place).expect("short answers").to_le_bytes();
                run(&[&place, answer].concat());
            }
        }
        assert!(taken >= 5, "only {taken} answers were taken");
    }

    #[test]
    fn changed_answers_of_the_corpus_pass() {
        corpus::run_changed(KIND, b"\r\n:;, 0179HTl{}=\"\x00\xff", run);
    }
}
