use proptest::prelude::*;
use ureq::http::HeaderValue;

use super::*;

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|&(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        })
        .collect()
}

fn status(number: u16) -> StatusCode {
    StatusCode::from_u16(number).expect("a status")
}

fn place() -> Place {
    Place::of_layer(&"http://a.example/x".into())
}

#[test]
fn only_200_has_a_document() {
    let none = HeaderMap::new();
    for number in 100..600 {
        let judged = head(status(number), &none, false);
        match number {
            200 => assert_eq!(judged, Ok(Head::Contents)),
            number => {
                let error = judged.expect_err("no document").to_string();
                assert!(error.contains(&number.to_string()), "{number}: {error}");
            }
        }
    }
    assert_eq!(head(status(304), &none, true), Ok(Head::NotModified));
    let gzip = headers(&[("content-encoding", "gzip")]);
    assert!(head(status(200), &gzip, false).is_err());
    let plain = headers(&[("content-encoding", "identity")]);
    assert_eq!(head(status(200), &plain, false), Ok(Head::Contents));
    let location = headers(&[("location", "/y")]);
    let redirect = Ok(Head::Redirect("/y".into()));
    assert_eq!(head(status(302), &location, false), redirect);
}

#[test]
fn pauses_are_seconds_or_dates() {
    let now = SystemTime::now();
    let of = |pairs: &[(&'static str, &'static str)]| {
        let pause = pause(&headers(pairs), now);
        pause.map(|pause| pause.as_secs())
    };
    let date = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let later = ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT");
    assert_eq!(of(&[("retry-after", "120")]), Some(120));
    assert_eq!(of(&[("retry-after", " 7 ")]), Some(7));
    assert_eq!(of(&[later, date]), Some(30), "by the clock of the server");
    assert_eq!(of(&[later]), None, "long ago");
    let hour = Some(3600);
    assert_eq!(of(&[("retry-after", "86400")]), hour);
    assert_eq!(of(&[("retry-after", "99999999999999999999999")]), hour);
    assert_eq!(
        of(&[("retry-after", "Sat, 06 Nov 2094 08:49:37 GMT")]),
        hour
    );
    for wrong in ["", "0", "-1", "soon", "+5", "1.5"] {
        assert_eq!(of(&[("retry-after", wrong)]), None, "{wrong:?}");
    }
}

#[test]
fn format_is_that_of_the_content_type() {
    for (content_type, format) in [
        ("application/json; charset=utf-8", Some(Format::Json)),
        ("application/vnd.app+JSON", Some(Format::Json)),
        ("text/x-toml", Some(Format::Toml)),
        ("application/toml", Some(Format::Toml)),
        ("text/yaml", Some(Format::Yaml)),
        ("text/html", None),
        ("json", None),
        ("", None),
    ] {
        let judged = by_type(&headers(&[("content-type", content_type)]));
        assert_eq!(judged.ok(), format, "{content_type}");
    }
}

#[test]
fn wrong_bodies_have_a_place() {
    let parse = |body: &[u8]| contents(Some(Format::Json), &HeaderMap::new(), body, &place());
    for (body, text) in [
        (&b""[..], "http://a.example/x: the response is empty"),
        (b" \r\n", "http://a.example/x: the response is empty"),
        (
            b"{\n\"a\": \"\xff\"}",
            "http://a.example/x:2: the response is not UTF-8",
        ),
    ] {
        assert_eq!(parse(body).expect_err("wrong").to_string(), text);
    }
    let error = parse(b"{\n\"a\": }").expect_err("wrong");
    assert_eq!(
        error.place().and_then(|place| place.line),
        Some(2),
        "{error}"
    );
    assert_eq!(
        parse(b"{\"a\": 1}").map(|contents| contents.entries.len()),
        Ok(1)
    );
}

#[test]
fn bodies_have_an_end_by_length_or_chunks() {
    let of = |pairs: &[(&'static str, &'static str)]| has_end(&headers(pairs), false);
    assert!(of(&[("content-length", "3")]) && of(&[("transfer-encoding", "Chunked")]));
    assert!(!of(&[]));
    assert!(!has_end(
        &headers(&[("transfer-encoding", "chunked")]),
        true
    ));
}

/// The bytes of the value of a header.
const BYTES: &str = "[ -~]{0,40}|[0-9]{1,25}|(Sun|Mon), 0[0-9] Nov 19[0-9]{2} 08:49:37 GMT";

proptest! {
    /// Any answer is an error or a document, never a panic; a pause has its limits.
    #[test]
    fn any_answer_is_judged(
        number in 100_u16..1000,
        values in prop::collection::vec((0_usize..7, BYTES), 0..6),
        body in prop::collection::vec(any::<u8>(), 0..80),
        format in 0_usize..4,
        is_conditional: bool,
    ) {
        let names = [
            header::CONTENT_TYPE,
            header::CONTENT_ENCODING,
            header::LOCATION,
            header::RETRY_AFTER,
            header::DATE,
            header::TRANSFER_ENCODING,
            header::ETAG,
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                headers.append(names[name].clone(), value);
            }
        }
        let judged = head(status(number), &headers, is_conditional);
        prop_assert!(number == 200 || judged != Ok(Head::Contents));
        prop_assert!(number == 304 && is_conditional || judged != Ok(Head::NotModified));
        if let Some(pause) = pause(&headers, SystemTime::now()) {
            prop_assert!(pause <= MAX_PAUSE && !pause.is_zero());
        }
        has_end(&headers, is_conditional);
        let format = [None, Some(Format::Json), Some(Format::Toml), Some(Format::Yaml)][format];
        if let Err(error) = contents(format, &headers, &body, &place()) {
            prop_assert!(error.place().is_some());
        }
    }
}

#[test]
fn empty_headers_say_nothing() {
    let tag = |value| etag(&headers(&[("etag", value)]));
    assert_eq!(tag("\"1\"").expect("one"), "\"1\"");
    assert_eq!(tag("\"\"").expect("a quoted one"), "\"\"");
    assert_eq!((tag(""), tag(" ")), (None, None));
    for coding in ["", " ", "identity", "Identity"] {
        let head = head(
            StatusCode::OK,
            &headers(&[("content-encoding", coding)]),
            false,
        );
        assert_eq!(head, Ok(Head::Contents), "{coding:?}");
    }
}
