//! A program run in a child process, its output read while it runs, and an end to it in any case.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How many of the first and of the last lines of output are kept.
const KEPT: usize = 4;

/// The ends of a long output.
#[derive(Default, Serialize)]
pub(crate) struct Ends {
    /// Lines in all.
    pub(crate) lines: u64,
    /// The first ones.
    pub(crate) first: Vec<String>,
    /// The last ones that are not among the first.
    pub(crate) last: VecDeque<String>,
}

impl Ends {
    fn push(&mut self, line: String) {
        self.lines += 1;
        if self.first.len() < KEPT {
            self.first.push(line);
        } else {
            if self.last.len() == KEPT {
                self.last.pop_front();
            }
            self.last.push_back(line);
        }
    }

    /// Lines that were not kept.
    pub(crate) fn left_out(&self) -> u64 {
        self.lines - (self.first.len() + self.last.len()) as u64
    }
}

/// A child process that has ended.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Ends,
    pub(crate) stderr: String,
    pub(crate) after: Duration,
}

/// A child process that is killed when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the command and gives each line of its output to `each`. `None` if it had not ended by then and was killed.
pub(crate) fn run(
    command: &mut Command,
    at_most: Duration,
    each: impl Fn(&str) + Send + 'static,
) -> io::Result<Option<Finished>> {
    let start = Instant::now();
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut child = Running(child);
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
        if start.elapsed() > at_most {
            break None;
        }
        thread::sleep(Duration::from_millis(2));
    };
    let after = start.elapsed();
    drop(child);
    let ended = |_| io::Error::other("the thread that read the program's output panicked");
    let stdout = stdout.join().map_err(ended)??;
    let stderr = stderr.join().map_err(ended)??;
    Ok(status.map(|status| Finished {
        status,
        stdout,
        stderr,
        after,
    }))
}
