//! `demo live`.

#[cfg(unix)]
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{ChildStdout, ExitStatus, Stdio},
    time::Duration,
};

use super::Folder;

#[test]
fn demo_refuses_and_tears_nothing() {
    let folder = Folder::new(&[]);
    let act = folder.document(&[
        "demo",
        "live",
        "--source",
        "file",
        "--readers",
        "4",
        "--seconds",
        "0.5",
    ]);
    assert_eq!((&act["readers"], &act["torn"]), (&4.into(), &0.into()));
    let number = |name: &str| act[name].as_u64().expect("a number");
    assert!(
        number("reads") > 0 && act["reads_per_second"].as_f64() > Some(0.0),
        "{act}"
    );
    // The first revision is not one of a save. A revision can be replaced by none: each save is
    // waited for.
    let saves = number("saves_by_rename") + number("saves_in_place");
    assert_eq!(number("revisions"), saves + 1, "{act}");
    let refusals = act["refusals"].as_array().expect("a list");
    let of = |save: &str| {
        let refusal = refusals.iter().find(|refusal| refusal["save"] == save);
        &refusal.unwrap_or_else(|| panic!("{save} is not refused: {act}"))["error"]
    };
    assert_eq!(
        (&of("half")["kind"], &of("half")["place"]["line"]),
        (&"syntax".into(), &4.into())
    );
    assert_eq!(of("empty")["kind"], "guard");
    assert_eq!(
        (&of("wrong_type")["kind"], &of("wrong_type")["key"]),
        (&"type".into(), &"pair.two".into())
    );
}

#[test]
fn demo_shows_refusals_with_their_lines() {
    let folder = Folder::new(&[]);
    let (status, shown, error) = folder.outcome(&[
        "demo",
        "live",
        "--source",
        "file",
        "--readers",
        "2",
        "--seconds",
        "0.5",
    ]);
    assert_eq!((status, &*error), (Some(0), ""), "{shown}");
    for part in [
        " by rename: revisions 2 to ",
        " in place, in two writes with a pause: revisions ",
        "half a save:\n  refused: /",
        "app.toml:4: string values must be quoted",
        "an empty file:\n  refused: /",
        "app.toml:4: pair.two: invalid type: string \"many\", expected u64\n  revision ",
        " reads per second, 0 torn; ",
    ] {
        assert!(shown.contains(part), "{part:?} is missing in:\n{shown}");
    }
    assert!(!shown.contains('\x1b'), "color without a terminal");
}

/// Without an etcd the demo plays on a file, and says so.
#[test]
fn demo_plays_on_what_there_is() {
    let folder = Folder::new(&[]);
    let options = ["--readers", "2", "--seconds", "0.5"];
    let (status, shown, error) = folder.outcome(&[&["demo", "live"][..], &options].concat());
    assert_eq!((status, &*error), (Some(0), ""), "{shown}");
    let parts = match std::process::Command::new("etcd").arg("--version").output() {
        Ok(_) => [
            "etcd is killed:\n  refused: ",
            "all keys were listed again",
            "refused to remove all 2 keys",
            "etcd has data again",
        ],
        Err(_) => [
            "Using a file instead: there is no etcd on the PATH.",
            "half a save:\n  refused: /",
            "an empty file:\n  refused: /",
            "a wrong type:\n  refused: /",
        ],
    };
    for part in parts.into_iter().chain([", 0 torn; "]) {
        assert!(shown.contains(part), "{part:?} is missing in:\n{shown}");
    }
}

/// The output of the demo.
#[cfg(unix)]
type Lines = BufReader<ChildStdout>;

/// Starts the demo, ends it by `end` once it plays, and checks that nothing of it is left.
#[cfg(unix)]
#[track_caller]
fn assert_nothing_is_left(
    source: &str,
    end: impl FnOnce(u32, Lines) -> Option<Lines>,
) -> ExitStatus {
    let folder = Folder::new(&[("made/by-the-demo", "")]);
    let made = folder.path("made");
    let mut command = folder.command(&["demo", "live", "--source", source, "--readers", "2"]);
    let command = command.env("TMPDIR", &made).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the command runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped"));
    let mut shown = String::new();
    while !shown.contains("Each\n") && !shown.contains("Each read") {
        let read = lines.read_line(&mut shown).expect("UTF-8");
        assert!(read > 0, "{shown}");
    }
    assert!(made.read_dir().expect("a folder").count() > 1, "{shown}");
    // An output that is closed would end the demo too.
    let _open = end(child.id(), lines);
    let status = child.wait().expect("it ends");
    let left: Vec<_> = made.read_dir().expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    if let Some((_, address)) = shown.split_once(" at http://") {
        let address = address.split(':').take(2).collect::<Vec<_>>().join(":");
        assert!(!is_etcd(&address), "{address} is in use");
    }
    status
}

/// Returns whether an etcd answers. Another process may have taken the port of one that has ended.
#[cfg(unix)]
fn is_etcd(address: &str) -> bool {
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /version HTTP/1.0\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| String::from_utf8_lossy(&answer).contains("\"etcdserver\""))
}

#[cfg(unix)]
#[test]
fn demo_that_ends_early_leaves_nothing() {
    use std::os::unix::process::ExitStatusExt;

    let has_etcd = std::process::Command::new("etcd").arg("--version").output();
    let sources = match has_etcd {
        Ok(_) => &["file", "etcd"][..],
        Err(_) => {
            println!("not with an etcd: there is none on the PATH");
            &["file"]
        }
    };
    for source in sources {
        for (name, number) in [("TERM", 15), ("HUP", 1), ("INT", 2)] {
            let status = assert_nothing_is_left(source, |pid, lines| {
                let mut kill = std::process::Command::new("kill");
                let sent = kill.arg(format!("-{name}")).arg(pid.to_string()).status();
                assert!(sent.expect("there is a kill").success());
                Some(lines)
            });
            assert_eq!(status.signal(), Some(number), "{status}");
        }
        let status = assert_nothing_is_left(source, |_, _| None);
        assert_eq!(status.code(), Some(2), "the output cannot be written");
    }
}
