//! The lines of an input: encodings, line ends, and a bound for each line.

use std::io::{self, BufRead};

/// The most bytes of a line that are stored: a whole dump may stand in one string of a log.
pub(super) const LONGEST: usize = 1 << 20;

/// A line as it stands in the input.
#[derive(Debug)]
pub(super) struct Physical {
    /// Its number, from 1.
    pub(super) number: u64,
    pub(super) text: String,
    /// `true` if a line end follows: without one the line may be truncated.
    pub(super) ended: bool,
    /// `true` if its end was discarded, because it is longer than [`LONGEST`].
    pub(super) cut: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Encoding {
    Utf8,
    /// UTF-16, as PowerShell redirects output; `true` if the lower byte comes first.
    Utf16 {
        little: bool,
    },
}

/// Reads an input line by line.
pub(super) struct Physicals<R> {
    input: R,
    number: u64,
    encoding: Option<Encoding>,
    is_gzip: bool,
    /// The byte that ends a line: a carriage return where the input begins without line feeds.
    end: u8,
    bytes: Vec<u8>,
}

impl<R: BufRead> Physicals<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            encoding: None,
            is_gzip: false,
            end: b'\n',
            bytes: vec![],
        }
    }

    /// Returns `true` if the input, of which a line was read, is a file of gzip.
    pub(super) fn is_gzip(&self) -> bool {
        self.is_gzip
    }

    /// Returns the next line, or `None` at the end of the input.
    pub(super) fn next(&mut self) -> io::Result<Option<Physical>> {
        let encoding = match self.encoding {
            Some(encoding) => encoding,
            None => self.begin()?,
        };
        let (read, ended) = match encoding {
            Encoding::Utf8 => self.read_bytes()?,
            Encoding::Utf16 { little } => self.read_units(little)?,
        };
        if !read {
            return Ok(None);
        }
        self.number += 1;
        let cut = self.bytes.len() > LONGEST;
        self.bytes.truncate(LONGEST);
        while self.bytes.last() == Some(&b'\r') {
            self.bytes.pop();
        }
        Ok(Some(Physical {
            number: self.number,
            text: String::from_utf8_lossy(&self.bytes).into_owned(),
            ended,
            cut,
        }))
    }

    /// Determines the encoding and the line end from the first bytes, and skips a byte order mark.
    fn begin(&mut self) -> io::Result<Encoding> {
        let first = loop {
            match self.input.fill_buf() {
                Ok(first) => break first,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        };
        self.is_gzip = first.starts_with(&[0x1f, 0x8b]);
        let (encoding, mark) = encoding_of(first);
        let carriage_returns = !first.contains(&b'\n') && first.contains(&b'\r');
        if carriage_returns && encoding == Encoding::Utf8 {
            self.end = b'\r';
        }
        self.input.consume(mark);
        self.encoding = Some(encoding);
        Ok(encoding)
    }

    /// Reads a line. Returns whether anything was read, and whether it has an end.
    fn read_bytes(&mut self) -> io::Result<(bool, bool)> {
        self.bytes.clear();
        let mut read = false;
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                return Ok((read, false));
            }
            read = true;
            let at = buffer.iter().position(|byte| *byte == self.end);
            let end = at.unwrap_or(buffer.len());
            // One byte more than the bound, so that a line of exactly the bound is not called cut.
            let room = (LONGEST + 1).saturating_sub(self.bytes.len());
            self.bytes.extend_from_slice(&buffer[..end.min(room)]);
            self.input.consume(at.map_or(end, |at| at + 1));
            if at.is_some() {
                return Ok((true, true));
            }
        }
    }

    /// Reads a line of UTF-16 as UTF-8.
    fn read_units(&mut self, little: bool) -> io::Result<(bool, bool)> {
        self.bytes.clear();
        let mut units = vec![];
        let mut half = None;
        let mut read = false;
        let ended = 'line: loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if buffer.is_empty() {
                break false;
            }
            read = true;
            for (index, byte) in buffer.iter().enumerate() {
                let Some(first) = half.take() else {
                    half = Some(*byte);
                    continue;
                };
                let pair = [first, *byte];
                let unit = match little {
                    true => u16::from_le_bytes(pair),
                    false => u16::from_be_bytes(pair),
                };
                if unit == u16::from(b'\n') {
                    self.input.consume(index + 1);
                    break 'line true;
                }
                if units.len() <= LONGEST {
                    units.push(unit);
                }
            }
            let length = buffer.len();
            self.input.consume(length);
        };
        let text = String::from_utf16_lossy(&units);
        self.bytes.extend_from_slice(text.as_bytes());
        Ok((read, ended))
    }
}

/// Returns the encoding of an input that begins with `first`, and the length of its mark.
fn encoding_of(first: &[u8]) -> (Encoding, usize) {
    match first {
        [0xef, 0xbb, 0xbf, ..] => return (Encoding::Utf8, 3),
        [0xff, 0xfe, ..] => return (Encoding::Utf16 { little: true }, 2),
        [0xfe, 0xff, ..] => return (Encoding::Utf16 { little: false }, 2),
        _ => {}
    }
    // Without a mark: nearly all characters of a log are ASCII, so that each second byte is zero.
    let pairs = first.chunks_exact(2).take(64);
    let count = |which: fn(&[u8]) -> bool| pairs.clone().filter(|pair| which(pair)).count();
    let (upper, lower) = (
        count(|pair| pair[0] != 0 && pair[1] == 0),
        count(|pair| pair[0] == 0 && pair[1] != 0),
    );
    let most = pairs.len() * 3 / 4;
    match pairs.len() {
        4.. if upper > most => (Encoding::Utf16 { little: true }, 0),
        4.. if lower > most => (Encoding::Utf16 { little: false }, 0),
        _ => (Encoding::Utf8, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Physicals};

    fn texts(input: &[u8]) -> Vec<String> {
        let mut lines = Physicals::new(input);
        let mut texts = vec![];
        while let Some(line) = lines.next().expect("memory can be read") {
            texts.push(line.text);
        }
        texts
    }

    #[test]
    fn each_line_end_is_read() {
        for input in ["a\nb\n", "a\r\nb\r\n", "a\r\r\nb", "a\rb\r", "\u{feff}a\nb"] {
            assert_eq!(texts(input.as_bytes()), ["a", "b"], "{input:?}");
        }
        assert_eq!(
            texts(b"10%\r20%\na\n"),
            ["10%\r20%", "a"],
            "a progress bar is no line end"
        );
    }

    #[test]
    fn utf16_is_read_in_each_form() {
        let text = "fatal error: \u{e9}\u{1f433}\r\ngoroutine 7\r\n";
        for little in [true, false] {
            for mark in ["\u{feff}", ""] {
                let units = mark.encode_utf16().chain(text.encode_utf16());
                let bytes: Vec<u8> = units
                    .flat_map(|unit| match little {
                        true => unit.to_le_bytes(),
                        false => unit.to_be_bytes(),
                    })
                    .collect();
                assert_eq!(
                    texts(&bytes),
                    ["fatal error: \u{e9}\u{1f433}", "goroutine 7"],
                    "little: {little}, mark: {mark:?}"
                );
            }
        }
    }

    #[test]
    fn long_line_is_cut_and_says_so() {
        let input = [vec![b'x'; LONGEST + 7], b"\ny".to_vec()].concat();
        let mut lines = Physicals::new(input.as_slice());
        let line = lines.next().expect("memory").expect("a line");
        assert_eq!((line.text.len(), line.cut), (LONGEST, true));
        let line = lines.next().expect("memory").expect("a line");
        assert_eq!((line.number, line.text.as_str(), line.cut), (2, "y", false));
    }
}
