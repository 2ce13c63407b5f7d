//! `watch`: each line is waited for.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Folder, PATIENCE, SilentServer};

/// A `watch` that runs.
pub(crate) struct Watched {
    child: Child,
    incoming: Receiver<String>,
    /// The lines so far.
    lines: Vec<String>,
}

impl Watched {
    /// Starts `watch` in a folder.
    pub(crate) fn new(folder: &Folder, args: &[&str]) -> Self {
        Self::of(folder.command(&[&["watch"], args].concat()))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command runs");
        let stdout = child.stdout.take().expect("piped");
        let (sender, incoming) = mpsc::channel();
        thread::spawn(move || {
            // A status line ends with a carriage return.
            for line in BufReader::new(stdout).lines() {
                _ = sender.send(line.expect("UTF-8"));
            }
        });
        Self {
            child,
            incoming,
            lines: Vec::new(),
        }
    }

    /// Waits for a line that the closure accepts, and returns it.
    pub(crate) fn wait_for(&mut self, accepts: impl Fn(&str) -> bool) -> String {
        loop {
            let line = self.incoming.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no such line:\n{}", self.lines.join("\n")));
            self.lines.push(line.clone());
            if accepts(&line) {
                return line;
            }
        }
    }

    /// Waits for an event of `--json`.
    pub(crate) fn wait_for_event(&mut self, event: &str) -> Value {
        let line = self.wait_for(|line| {
            let document: Value = serde_json::from_str(line).expect("one object on each line");
            document["event"] == event
        });
        serde_json::from_str(&line).expect("it was parsed above")
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id();
        let status = Command::new("sh")
            .args(["-c", &format!("kill -{name} {pid}")])
            .status();
        assert!(status.expect("a shell").success());
    }

    /// Waits for the end, and returns all lines.
    pub(crate) fn end(mut self, status: Option<i32>) -> String {
        let ended = end_of(&mut self.child);
        let mut errors = String::new();
        let mut stderr = self.child.stderr.take().expect("piped");
        stderr.read_to_string(&mut errors).expect("UTF-8");
        assert_eq!((ended.code(), &*errors), (status, ""));
        self.lines.extend(self.incoming.iter());
        self.lines.join("\n")
    }
}

/// Waits for the end of a process, which is killed if it does not come.
fn end_of(child: &mut Child) -> ExitStatus {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return status;
        }
        if began.elapsed() > PATIENCE {
            _ = child.kill();
            panic!("it does not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Replaces times of day.
fn without_times(line: &str) -> String {
    let mut words: Vec<_> = line.split(' ').collect();
    for index in 1..words.len() {
        if words[index].starts_with("UTC") {
            words[index - 1] = "TIME";
        }
    }
    words.join(" ")
}

/// A missing file, a first revision, a change, an error and its end.
#[test]
fn revisions_refusals_and_recoveries_are_printed() {
    let folder = Folder::new(&[]);
    let mut watched = Watched::new(&folder, &["app.toml"]);
    watched.wait_for(|line| line.starts_with("refused"));
    folder.save("app.toml", "port = 80\nname = \"a\"");
    watched.wait_for(|line| line.starts_with("recovered"));
    folder.save("app.toml", "port = 81\nlimit = 1");
    watched.wait_for(|line| line.starts_with("+ limit"));
    watched.wait_for(|line| line.starts_with("~ port"));
    folder.save("app.toml", "port = 81\nlimit = ");
    watched.wait_for(|line| line.starts_with("refused"));
    folder.save("app.toml", "port = 81\nlimit = 1");
    watched.wait_for(|line| line.starts_with("recovered"));
    folder.save("app.toml", "# One line more.\nport = 81\nlimit = 1");
    watched.wait_for(|line| line.starts_with("revision 3"));
    watched.signal("TERM");
    let lines: Vec<_> = watched.end(Some(0)).lines().map(without_times).collect();
    let expected = [
        "Watching app.toml.",
        "refused, TIME UTC: app.toml: there is no such file; create it, or write file:app.toml?optional if it may be missing",
        "revision 1, TIME UTC: 2 keys",
        "+ name: \"a\"",
        "+ port: 80",
        "recovered, TIME UTC: app.toml",
        "revision 2, TIME UTC: 3 changes",
        "+ limit: 1",
        "- name: \"a\"",
        "~ port: 80 → 81",
        "refused, TIME UTC: app.toml:2: string values must be quoted, expected literal string",
        "recovered, TIME UTC: app.toml",
        "revision 3, TIME UTC: no value has changed",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn json_has_one_event_on_each_line() {
    let folder = Folder::new(&[]);
    let mut watched = Watched::new(&folder, &["app.json", "--json"]);
    let refused = watched.wait_for_event("refused");
    assert_eq!(refused["revision"], 0);
    assert_eq!(refused["error"]["kind"], "unreadable");
    folder.save("app.json", "{\"port\": 80}");
    let first = watched.wait_for_event("revision");
    assert_eq!(
        (&first["revision"], &first["skipped"]),
        (&json!(1), &json!(0))
    );
    let added = json!([{"change": "added", "key": "port", "is_secret": false, "new": 80}]);
    assert_eq!(first["changes"], added);
    assert_eq!(watched.wait_for_event("recovered")["layer"], "app.json");
    folder.save("app.json", "{\"port\":\n}");
    let refused = watched.wait_for_event("refused");
    assert_eq!(
        refused["error"]["place"],
        json!({"layer": "app.json", "line": 2})
    );
    watched.signal("INT");
    watched.end(Some(0));
}

#[test]
fn only_changes_of_the_key_are_printed() {
    let folder = Folder::new(&[("app.toml", "[http]\nport = 80\n[log]\nlevel = 1")]);
    let mut watched = Watched::new(&folder, &["log", "app.toml", "--json"]);
    let first = watched.wait_for_event("revision");
    assert_eq!(first["changes"].as_array().map(Vec::len), Some(1));
    // A watch of all keys tells when the store of such a process has taken the save.
    let mut all = Watched::new(&folder, &["app.toml", "--json"]);
    all.wait_for_event("revision");
    folder.save("app.toml", "[http]\nport = 81\n[log]\nlevel = 1");
    all.wait_for_event("revision");
    folder.save("app.toml", "[http]\nport = 81\n[log]\nlevel = 2");
    let second = watched.wait_for_event("revision");
    assert_eq!(second["changes"][0]["key"], "log.level");
    assert_eq!(second["changes"].as_array().map(Vec::len), Some(1));
    for watched in [watched, all] {
        watched.signal("TERM");
        watched.end(Some(0));
    }
}

#[test]
fn a_missing_key_is_waited_for() {
    let folder = Folder::new(&[("app.toml", "level = 1")]);
    let mut watched = Watched::new(&folder, &["levle", "app.toml"]);
    let line = watched.wait_for(|line| line.contains("did you mean"));
    assert!(line.contains("`level`"), "{line}");
    folder.save("app.toml", "level = 1\nlevle = 2");
    watched.wait_for(|line| line == "+ levle: 2");
    watched.signal("TERM");
    watched.end(Some(0));
}

#[test]
fn the_environment_alone_is_a_revision() {
    let folder = Folder::new(&[]);
    let mut watched = Watched::new(&folder, &["env:APP_"]);
    watched.wait_for(|line| line == "+ http.port: \"8080\"");
    watched.signal("TERM");
    watched.end(Some(0));
}

#[test]
fn many_changes_are_cut() {
    let folder = Folder::new(&[("app.toml", "a = 1\nb = 2\nc = 3")]);
    let mut watched = Watched::new(&folder, &["app.toml", "--limit", "1"]);
    watched.wait_for(|line| line.starts_with('…'));
    watched.signal("TERM");
    let lines = watched.end(Some(0));
    assert!(
        lines.ends_with("\n+ a: 1\n… and 2 more changes; --limit 0 shows all"),
        "{lines}"
    );
}

/// Also while nothing changes, so that nothing is written.
#[test]
fn a_closed_pipe_ends_it() {
    let folder = Folder::new(&[("app.toml", "a = 1")]);
    let mut child = folder
        .command(&["watch", "app.toml"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command runs");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    while !line.starts_with("+ a") {
        line.clear();
        assert!(stdout.read_line(&mut line).expect("a line") > 0);
    }
    drop(stdout);
    assert_eq!(end_of(&mut child).code(), Some(2));
    let mut errors = String::new();
    let mut stderr = child.stderr.take().expect("piped");
    stderr.read_to_string(&mut errors).expect("UTF-8");
    assert_eq!(errors, "");
}

/// A source that does not answer does not prevent the end.
#[test]
fn a_signal_ends_it_beside_a_silent_source() {
    let folder = Folder::new(&[("app.toml", "a = 1")]);
    let silent = SilentServer::new();
    let mut watched = Watched::new(&folder, &["app.toml", &silent.url]);
    watched.wait_for(|line| line == format!("Watching app.toml, {}.", silent.url));
    let _open = silent.accept();
    watched.signal("TERM");
    watched.end(Some(0));
}

/// The line of status is redrawn on a terminal, in color beside the diff, and removed at the end.
#[test]
fn status_is_redrawn_on_a_terminal() {
    if Command::new("script").arg("--version").output().is_err() {
        println!("skipped: there is no script to run it on a terminal");
        return;
    }
    let folder = Folder::new(&[("app.toml", "a = 1")]);
    let mut command = Command::new("script");
    let untorn = env!("CARGO_BIN_EXE_untorn");
    // The shell's own pid is that of the command after `exec`.
    let run = format!("echo pid $$; exec {untorn} watch app.toml");
    command.args(["-qefc", &run, "/dev/null"]);
    command.current_dir(folder.path("")).env("TERM", "xterm");
    command.env_remove("NO_COLOR");
    let mut watched = Watched::of(command);
    let pid = watched.wait_for(|line| line.starts_with("pid "));
    watched.wait_for(|line| line.contains("\x1b[32m+ a: 1"));
    folder.save("app.toml", "a = ");
    let refused = watched.wait_for(|line| line.contains("refused, "));
    let before = refused.split("refused, ").next().unwrap_or_default();
    assert!(
        before.contains("revision 1, ") && before.contains(" s old, 1 key"),
        "{before:?}"
    );
    assert!(
        before.ends_with("\x1b[K\x1b[?7l\x1b[?7h\x1b[1m\x1b[31m"),
        "{before:?}"
    );
    // The line of status has a refusal unless the next revision is there before it is drawn.
    let is_shown = (2..22).any(|value| {
        let number = format!("revision {value}, ");
        folder.save("app.toml", &format!("a = {value}"));
        let revision = watched.wait_for(|line| line.contains(&number));
        let status = revision.split(&number).next().unwrap_or_default();
        let change = format!("\x1b[33m~ a: {} → {value}", value - 1);
        watched.wait_for(|line| line.contains(&change));
        let is_shown = status.contains("; refused: app.toml:1: ");
        if !is_shown {
            folder.save("app.toml", "a = ");
            watched.wait_for(|line| line.contains("refused, "));
        }
        is_shown
    });
    assert!(is_shown, "no line of status has a refusal");
    let pid = pid.trim_start_matches("pid ").trim();
    let kill = Command::new("sh")
        .args(["-c", &format!("kill -INT {pid}")])
        .status();
    assert!(kill.expect("a shell").success());
    let lines = watched.end(Some(0));
    assert!(lines.ends_with("\r\x1b[K\x1b[?7l\x1b[?7h"), "{lines:?}");
}
