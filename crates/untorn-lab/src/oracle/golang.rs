//! The Go program: built if there is a toolchain, then queried sequence by sequence.

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use tempfile::TempDir;

use super::buckets::Dump;
use super::operation::Sequence;
use super::record::Record;
use crate::toolchain::Toolchain;

/// The reason why no suitable Go is available.
#[derive(Debug)]
pub struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A running Go program that executes sequences. It terminates on drop.
pub struct Oracle {
    child: Child,
    /// `None` after the input was closed.
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    version: String,
    _folder: TempDir,
}

impl Oracle {
    /// Builds and starts the program.
    ///
    /// # Errors
    /// Returns an error if there is no `go` on the `PATH`, or its release has another map.
    ///
    /// # Panics
    /// Panics if there is such a `go`, but the program cannot be built or started: that is a bug,
    /// not a missing toolchain.
    pub fn start() -> Result<Self, Unavailable> {
        let toolchain = Toolchain::find(Path::new("go"))
            .ok_or_else(|| Unavailable("no Go toolchain on the PATH".to_string()))?;
        let version = toolchain.version().to_string();
        if !has_the_map(&version) {
            return Err(Unavailable(format!(
                "unsupported Go toolchain {version} on the PATH; use go1.22.10 or later, or go1.23.2 or later, of these two releases"
            )));
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let program = folder.path().join("oracle");
        toolchain.build("oracle", &program);
        let mut child = Command::new(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the oracle starts");
        let requests = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        Ok(Self {
            child,
            requests,
            answers,
            version,
            _folder: folder,
        })
    }

    /// Returns the release of Go, such as `go1.23.9`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns Go's result of each step of a sequence.
    ///
    /// # Panics
    /// Panics if the program has terminated; its message is on stderr.
    pub fn execute(&mut self, sequence: &Sequence) -> Vec<Record> {
        self.exchange(sequence, false).expect("the oracle answers")
    }

    /// Returns Go's results, and the contents of both maps after the last step.
    pub(super) fn execute_with_dump(&mut self, sequence: &Sequence) -> (Vec<Record>, [Dump; 2]) {
        let answers = self.exchange(sequence, true).expect("the oracle answers");
        let dump = self.read_dump().expect("the oracle dumps");
        (answers, dump)
    }

    /// Sends a request. The program reads all of it before it answers, so neither side blocks on a
    /// full pipe.
    fn exchange(&mut self, sequence: &Sequence, dump: bool) -> io::Result<Vec<Record>> {
        let requests = self.requests.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        requests.write_all(&sequence.request(dump))?;
        let mut record = [0; Record::BYTES];
        let mut answers = Vec::with_capacity(sequence.operations.len());
        for _ in &sequence.operations {
            self.answers.read_exact(&mut record)?;
            answers.push(Record::decode(&record));
        }
        Ok(answers)
    }

    fn read_dump(&mut self) -> io::Result<[Dump; 2]> {
        let mut read_word = || {
            let mut bytes = [0; 8];
            self.answers.read_exact(&mut bytes)?;
            io::Result::Ok(u64::from_le_bytes(bytes))
        };
        let words = (0..read_word()?).map(|_| read_word());
        let mut words = words.collect::<io::Result<Vec<u64>>>()?.into_iter();
        let mut dump = || Dump::decode(&mut words).ok_or(io::ErrorKind::UnexpectedEof);
        Ok([dump()?, dump()?])
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // The program terminates at the end of its input.
        drop(self.requests.take());
        let _ = self.child.wait();
    }
}

/// Returns whether this release has the map under comparison: the classic one, with a load factor
/// of 6.5 (Go 1.21 shipped 6.0) and with a clone that handles an overloaded map (golang/go#69110).
fn has_the_map(version: &str) -> bool {
    let mut numbers = version
        .strip_prefix("go1.")
        .unwrap_or("")
        .split('.')
        .map(|number| number.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(22), Some(patch)) => patch >= 10,
        (Some(23), Some(patch)) => patch >= 2,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::has_the_map;

    #[test]
    fn releases_with_another_map_are_unsupported() {
        for (version, has) in [
            ("go1.23.9", true),
            ("go1.23.2", true),
            ("go1.23.1", false),
            ("go1.22.10", true),
            ("go1.22.9", false),
            ("go1.22", false),
            ("go1.21.13", false),
            ("go1.24.3", false),
            ("go1.27.3", false),
            ("devel go1.23-0f1e2d", false),
        ] {
            assert_eq!(has_the_map(version), has, "{version}");
        }
    }
}
