//! The `ETag`s of the responses that were taken.

use untorn::mutants::mutant;
use untorn::poller::ResumeToken;
use ureq::http::HeaderValue;

use super::super::remote::Url;

/// After this many requests with an `ETag` one has none, since `ETag`s can be wrong.
const MAX_CONDITIONAL: u32 = 9;

/// A response, as far as the next request needs it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tag {
    /// The position that the response leads to.
    pub(super) token: ResumeToken,
    pub(super) etag: Option<HeaderValue>,
    pub(super) url: Url,
}

impl Tag {
    /// Returns the `ETag` if it is one of the document at a URL.
    pub(super) fn etag_for(&self, url: &Url) -> Option<&HeaderValue> {
        self.etag.as_ref().filter(|_| self.url == *url)
    }
}

/// The condition of a request.
#[derive(Debug, PartialEq)]
pub(super) struct Condition {
    pub(super) tag: Option<Tag>,
    /// Whether there is an `ETag` that is left out this time.
    pub(super) is_left_out: bool,
}

/// The `ETag`s of the responses.
#[derive(Default)]
pub(super) struct Tags {
    taken: Option<Tag>,
    /// The last response, until the next request says whether it was taken.
    offered: Option<Tag>,
    /// The number of conditional requests since the last response with contents.
    conditional: u32,
}

impl Tags {
    /// Returns the condition of the next request. The position in force says whether the last
    /// answer was taken: the `ETag` of a refused one would let the server answer that all is well.
    pub(super) fn condition(&mut self, token: Option<&ResumeToken>) -> Condition {
        let is_taken =
            |tag: &Tag| token == Some(&tag.token) || mutant("live_etag_of_refused_is_sent");
        if let Some(offered) = self.offered.take().filter(is_taken) {
            self.taken = Some(offered);
        }
        let tag = self.taken.clone().filter(is_taken);
        let tag = tag.filter(|tag| tag.etag.is_some());
        let is_left_out = tag.is_some()
            && self.conditional >= MAX_CONDITIONAL
            && !mutant("live_etag_is_trusted_for_ever");
        let tag = tag.filter(|_| !is_left_out);
        self.conditional += u32::from(tag.is_some());
        Condition { tag, is_left_out }
    }

    /// Records a response with contents.
    pub(super) fn answered(&mut self) {
        self.conditional = 0;
    }

    /// Records a response with the contents in force, perhaps with another `ETag`.
    pub(super) fn is_same(&mut self, tag: Tag) {
        self.taken = Some(tag);
    }

    /// Records a response that may be taken.
    pub(super) fn is_offered(&mut self, tag: Tag) {
        self.offered = Some(tag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(number: u64) -> Tag {
        Tag {
            token: number.into(),
            etag: Some(HeaderValue::from(number)),
            url: Url::parse("http://a.example/x").expect("a URL"),
        }
    }

    fn sent(tags: &mut Tags, token: Option<u64>) -> Option<Tag> {
        let token = token.map(ResumeToken::from);
        tags.condition(token.as_ref()).tag
    }

    #[test]
    fn etag_of_a_refused_answer_is_not_sent() {
        let mut tags = Tags::default();
        assert_eq!(sent(&mut tags, None), None);
        tags.is_offered(tag(1));
        assert_eq!(sent(&mut tags, None), None, "refused");
        tags.is_offered(tag(1));
        assert_eq!(sent(&mut tags, Some(1)), Some(tag(1)), "taken");
        tags.is_offered(tag(2));
        assert_eq!(sent(&mut tags, Some(1)), Some(tag(1)), "refused");
        assert_eq!(sent(&mut tags, Some(2)), None, "taken by another way");
        assert_eq!(sent(&mut tags, None), None, "all contents are wanted");
    }

    #[test]
    fn each_tenth_request_has_no_condition() {
        let mut tags = Tags::default();
        tags.is_offered(tag(1));
        for _ in 0..3 {
            for _ in 0..MAX_CONDITIONAL {
                assert_eq!(sent(&mut tags, Some(1)), Some(tag(1)));
            }
            let left_out = Condition {
                tag: None,
                is_left_out: true,
            };
            // Until there is a response.
            assert_eq!(tags.condition(Some(&1.into())), left_out);
            assert_eq!(tags.condition(Some(&1.into())), left_out);
            tags.answered();
        }
    }

    #[test]
    fn etag_is_for_its_own_url() {
        let tag = tag(1);
        let other = Url::parse("http://a.example/y").expect("a URL");
        assert!(tag.etag_for(&tag.url).is_some() && tag.etag_for(&other).is_none());
    }
}
