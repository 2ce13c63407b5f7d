//! Runs a program in a child process with a timeout, reading its output while it runs.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;

/// The number of lines stored from the beginning of an output, and from its end.
const STORED: usize = 4;

/// The first and the last lines of an output.
#[derive(Default, Serialize)]
pub(crate) struct Ends {
    /// The number of lines in total.
    pub(crate) lines: u64,
    /// The first lines.
    pub(crate) first: Vec<String>,
    /// The last lines that are not among the first.
    pub(crate) last: VecDeque<String>,
}

impl Ends {
    fn push(&mut self, line: String) {
        self.lines += 1;
        if self.first.len() < STORED {
            self.first.push(line);
        } else {
            if self.last.len() == STORED {
                self.last.pop_front();
            }
            self.last.push_back(line);
        }
    }

    /// Returns the number of lines between the first and the last ones.
    pub(crate) fn omitted(&self) -> u64 {
        self.lines - (self.first.len() + self.last.len()) as u64
    }
}

/// The result of a child process that has exited.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Ends,
    pub(crate) stderr: String,
    /// The time that it ran.
    pub(crate) elapsed: Duration,
}

/// A child process that is killed on drop.
struct KillOnDrop(Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        // Both calls fail if it has exited already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the command and passes each line of its stdout to `each`. Returns `None` if it ran longer
/// than `timeout` and was killed.
pub(crate) fn run(
    command: &mut Command,
    timeout: Duration,
    each: impl Fn(&str) + Send + 'static,
) -> io::Result<Option<Finished>> {
    let start = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut child = KillOnDrop(child);
    let stdout = child.0.stdout.take().expect("it is piped");
    let mut stderr = child.0.stderr.take().expect("it is piped");
    let stdout: JoinHandle<io::Result<Ends>> = thread::spawn(move || {
        let mut ends = Ends::default();
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            each(&line);
            ends.push(line);
        }
        Ok(ends)
    });
    let stderr: JoinHandle<io::Result<String>> = thread::spawn(move || {
        let mut text = Vec::new();
        stderr.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    });
    let status = loop {
        if let Some(status) = child.0.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > timeout {
            break None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let elapsed = start.elapsed();
    drop(child);
    let panicked = |_| io::Error::other("the thread that read the program's output panicked");
    let stdout = stdout.join().map_err(panicked)??;
    let stderr = stderr.join().map_err(panicked)??;
    Ok(status.map(|status| Finished {
        status,
        stdout,
        stderr,
        elapsed,
    }))
}
