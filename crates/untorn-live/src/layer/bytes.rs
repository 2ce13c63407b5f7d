//! The bytes of a source: their digest, and their text.

use std::hash::{DefaultHasher, Hasher};

use untorn::mutants::mutant;
use untorn::poller::ResumeToken;

use crate::error::{ConfigError, ErrorKind, Place};

/// A digest of contents, as the position of a source.
pub(super) struct Digest(DefaultHasher);

impl Digest {
    pub(super) fn new() -> Self {
        Self(DefaultHasher::new())
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.write_usize(bytes.len());
        if !mutant("live_digest_has_lengths_only") {
            self.0.write(bytes);
        }
    }

    pub(super) fn token(&self) -> ResumeToken {
        self.0.finish().into()
    }
}

/// Returns the text of bytes, which are those of `what`.
pub(super) fn text(bytes: &[u8], what: &str, place: &Place) -> Result<String, ConfigError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let place = place
            .clone()
            .with_line(u32::try_from(line).unwrap_or(u32::MAX));
        let message = format!("the {what} is not UTF-8");
        ConfigError::new(ErrorKind::Syntax, message).at(place)
    })?;
    // Some editors begin a file with a byte order mark.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).into())
}
