//! Test programs: built once, run with one mutant at a time.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
#[cfg(unix)]
use std::process::Child;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a run may take: a mutant that makes a test wait forever is noticed by this.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A test binary, and the folder that cargo would run it in.
pub(crate) struct Program {
    path: PathBuf,
    folder: PathBuf,
}

impl Program {
    /// Builds test binaries in the workspace `tree`. Returns them by the names of their packages
    /// and of their targets, which is `lib` for unit tests.
    pub(crate) fn build(
        tree: &Path,
        target: &Path,
        flags: &str,
        arguments: &[&str],
    ) -> Result<BTreeMap<(String, String), Self>> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .args(["test", "--quiet", "--no-run"])
            .args(["--message-format", "json-render-diagnostics"])
            .args(arguments)
            .env("RUSTFLAGS", flags)
            .env("CARGO_TARGET_DIR", target)
            .current_dir(tree)
            .stderr(Stdio::inherit());
        let output = cargo.output().context("cannot run cargo")?;
        if !output.status.success() {
            bail!("cargo cannot build the tests: {arguments:?}");
        }
        let messages = String::from_utf8(output.stdout)?;
        let built = messages.lines().filter_map(|line| {
            let message: serde_json::Value = serde_json::from_str(line).ok()?;
            let is_test = message["profile"]["test"] == true;
            let path = message["executable"].as_str().filter(|_| is_test)?;
            let folder = Path::new(message["manifest_path"].as_str()?).parent()?;
            let package = folder.file_name()?.to_str()?.to_owned();
            let kinds = message["target"]["kind"].as_array()?;
            let name = match kinds.iter().any(|kind| kind == "test") {
                true => message["target"]["name"].as_str()?.to_owned(),
                false => "lib".into(),
            };
            let program = Self {
                path: path.into(),
                folder: folder.into(),
            };
            Some(((package, name), program))
        });
        Ok(built.collect())
    }

    /// Runs the tests that `filters` select, with an environment variable set if one is given.
    pub(crate) fn run(
        &self,
        filters: &[&str],
        variable: Option<(&str, &str)>,
        log: &Path,
    ) -> Result<Outcome> {
        self.run_while(|_| true, filters, variable, log)
    }

    /// Runs the tests that `filters` select until one of them fails; the others are killed then.
    pub(crate) fn run_until_failure(
        &self,
        filters: &[&str],
        variable: (&str, &str),
        log: &Path,
    ) -> Result<Outcome> {
        let goes_on = |log: &Path| {
            let text = fs::read(log).unwrap_or_default();
            failed_tests(&String::from_utf8_lossy(&text))
                .next()
                .is_none()
        };
        self.run_while(goes_on, filters, Some(variable), log)
    }

    fn run_while(
        &self,
        goes_on: impl Fn(&Path) -> bool,
        filters: &[&str],
        variable: Option<(&str, &str)>,
        log: &Path,
    ) -> Result<Outcome> {
        let start = Instant::now();
        let file = File::create(log)?;
        let mut command = Command::new(&self.path);
        command
            .arg("--quiet")
            .args(filters)
            .envs(variable)
            .env("RUST_BACKTRACE", "0")
            .env("UNTORN_QUIET_ACCESSES", "1000000")
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let status = wait(&mut command, || goes_on(log))?;
        let mut text = Vec::new();
        File::open(log)?.read_to_end(&mut text)?;
        Ok(Outcome {
            passed: status.is_some_and(|status| status.success()),
            log: String::from_utf8_lossy(&text).into(),
            took: start.elapsed(),
        })
    }
}

/// Waits for a process and its children; `None` if they were killed, because of the timeout or
/// since `goes_on` returned `false`.
fn wait(command: &mut Command, goes_on: impl Fn() -> bool) -> Result<Option<ExitStatus>> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let start = Instant::now();
    let mut child = command.spawn()?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if start.elapsed() > TIMEOUT || !goes_on() {
            #[cfg(unix)]
            kill_group(&child);
            _ = child.kill();
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Kills a child with its group, which holds what it started.
#[cfg(unix)]
fn kill_group(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    _ = kill_process_group(Pid::from_child(child), Signal::KILL);
}

/// The end of a run.
pub(crate) struct Outcome {
    pub(crate) passed: bool,
    pub(crate) log: String,
    pub(crate) took: Duration,
}

impl Outcome {
    /// Returns the names of the tests that failed, in the order in which they did.
    pub(crate) fn failed_tests(&self) -> Vec<&str> {
        failed_tests(&self.log).collect()
    }

    /// Returns whether any test ran.
    pub(crate) fn ran_tests(&self) -> bool {
        let mut counts = self.log.lines().filter_map(|line| {
            let rest = line.strip_prefix("running ")?;
            rest.split(' ').next()?.parse::<usize>().ok()
        });
        counts.any(|count| count > 0)
    }
}

/// Returns the names of the tests that failed: libtest says so at once.
fn failed_tests(log: &str) -> impl Iterator<Item = &str> {
    log.lines()
        .filter_map(|line| line.strip_suffix(" --- FAILED"))
}

/// Returns the number of processors.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Runs `job` for each item, on so many threads, and returns the results in the order of the items.
pub(crate) fn on_threads<T: Send, R: Send>(
    threads: usize,
    items: Vec<T>,
    job: impl Fn(T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let queue: Mutex<VecDeque<_>> = Mutex::new(items.into_iter().enumerate().collect());
    let results = Mutex::new(Vec::new());
    let lock = |queue: &Mutex<VecDeque<_>>| {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, item)) = lock(&queue) {
                    let result = job(item);
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_unstable_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Creates the folder of logs below a target folder.
pub(crate) fn logs(target: &Path) -> Result<PathBuf> {
    let logs = target.join("logs");
    fs::create_dir_all(&logs)?;
    Ok(logs)
}
