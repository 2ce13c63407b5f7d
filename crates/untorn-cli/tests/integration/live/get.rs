//! `get`, `explain` and `check`, and the sources that all commands take.

use std::fs;

use serde_json::json;

use super::{APP, BROKEN, Folder, SilentServer};

#[test]
fn a_value_is_printed_without_quotes() {
    let folder = Folder::new(&[APP, ("config/motd", "two\nlines\n")]);
    for (key, source, expected) in [
        ("name", "app.toml", "shop\n"),
        ("http.port", "file:app.toml", "80\n"),
        ("http.hosts", "app.toml", "[\"a\",\"b\"]\n"),
        ("tls.\"a.example\".days", "app.toml", "1.5\n"),
        ("http.port", "env:APP_", "8080\n"),
        // The newline at the end of a mounted file is not doubled.
        ("motd", "config", "two\nlines\n"),
        ("motd", "mount:config", "two\nlines\n"),
    ] {
        let outcome = folder.outcome(&["get", key, source]);
        assert_eq!(outcome, (Some(0), expected.into(), String::new()), "{key}");
    }
}

/// A script gets the bytes of the value, also those that would color a terminal.
#[test]
fn a_value_is_not_altered_for_scripts() {
    let folder = Folder::new(&[("app.json", r#"{"red": "\u001b[31mred\u001b[0m\u0007"}"#)]);
    let (_, shown, _) = folder.outcome(&["get", "red", "app.json"]);
    assert_eq!(shown, "\x1b[31mred\x1b[0m\x07\n");
    // A line of text has them escaped.
    let (_, shown, _) = folder.outcome(&["get", "", "app.json"]);
    assert_eq!(shown, "red = \"\\u001b[31mred\\u001b[0m\\u0007\"\n");
}

#[test]
fn a_section_prints_its_keys() {
    let folder = Folder::new(&[APP]);
    let (status, shown, _) = folder.outcome(&["get", "http", "app.toml", "env:APP_"]);
    assert_eq!(status, Some(0));
    assert_eq!(shown, "http.hosts = [\"a\",\"b\"]\nhttp.port = \"8080\"\n");
    let (_, all, _) = folder.outcome(&["get", "", "app.toml"]);
    assert_eq!(all.lines().count(), 4, "{all}");
}

#[test]
fn json_is_the_value_or_an_object() {
    let folder = Folder::new(&[APP]);
    let get = |key| folder.document(&["get", key, "app.toml"]);
    assert_eq!(get("http.port"), json!(80));
    assert_eq!(get("name"), json!("shop"));
    assert_eq!(get("http"), json!({"port": 80, "hosts": ["a", "b"]}));
    let expected = json!({
        "name": "shop",
        "http": {"port": 80, "hosts": ["a", "b"]},
        "tls": {"a.example": {"days": 1.5}},
    });
    assert_eq!(get(""), expected);
}

#[test]
fn a_merged_document_is_a_source_again() {
    let folder = Folder::new(&[APP]);
    let merged = folder.document(&["get", "", "app.toml"]);
    fs::write(folder.path("merged.json"), merged.to_string()).unwrap();
    let outcome = folder.outcome(&["diff", "app.toml", "merged.json"]);
    assert_eq!(outcome, (Some(0), String::new(), String::new()));
}

/// The key `http` is an empty table, and has keys too, of another source.
#[test]
fn an_empty_table_gives_way_to_its_keys() {
    let folder = Folder::new(&[("empty.toml", "http = {}\nhttp-x = 1"), APP]);
    let sources = ["empty.toml", "app.toml"];
    let get = |args: &[&str]| folder.document(&[&["get"][..], args, &sources].concat());
    let http = json!({"port": 80, "hosts": ["a", "b"]});
    assert_eq!(get(&["http"]), http);
    assert_eq!(get(&[""])["http"], http);
    let hidden = json!({"port": "***", "hosts": "***"});
    assert_eq!(get(&["", "--secret", "http"])["http"], hidden);
}

#[test]
fn a_missing_key_exits_with_1_and_a_suggestion() {
    let folder = Folder::new(&[APP]);
    for command in ["get", "explain"] {
        let (status, shown, error) = folder.outcome(&[command, "http.prot", "app.toml"]);
        assert_eq!((status, &*shown), (Some(1), ""));
        assert!(error.contains("did you mean `http.port`?"), "{error}");
    }
}

/// A script can tell a missing key, which has a default, from a file that cannot be read.
#[test]
fn a_wrong_source_exits_with_2() {
    let folder = Folder::new(&[APP, BROKEN]);
    for command in [
        &["get", "http"][..],
        &["explain", "http"],
        &["diff", "app.toml"],
    ] {
        let (status, shown, error) = folder.outcome(&[command, &["broken.toml"]].concat());
        assert_eq!((status, &*shown), (Some(2), ""));
        assert!(error.starts_with("untorn: broken.toml:2: "), "{error}");
    }
}

#[test]
fn options_of_a_source_apply() {
    let folder = Folder::new(&[
        ("app.conf", "port = 80"),
        ("config/app.yaml", "http:\n  port: 81\n"),
    ]);
    let get = |key, source| folder.outcome(&["get", key, source]).1;
    assert_eq!(get("port", "file:app.conf?toml"), "80\n");
    assert_eq!(get("http.port", "mount:config?documents"), "81\n");
    let sources = ["get", "port", "file:app.conf?toml", "file:no.toml?optional"];
    assert_eq!(folder.outcome(&sources).1, "80\n");
    let (status, _, error) = folder.outcome(&["get", "port", "app.conf"]);
    assert_eq!(status, Some(2));
    assert_eq!(
        error,
        "untorn: app.conf: unknown format: let the name end in .toml, .json, .yaml or .yml; or name \
         the format: file:app.conf?toml, ?json or ?yaml\n"
    );
}

#[test]
fn an_unknown_scheme_is_refused_with_the_list() {
    let folder = Folder::new(&[APP]);
    for command in [
        &["get", "http"][..],
        &["check"],
        &["watch"],
        &["diff", "app.toml"],
    ] {
        let (status, _, error) = folder.outcome(&[command, &["consul://127.0.0.1/"]].concat());
        assert_eq!(status, Some(2), "{error}");
        assert!(
            error.contains("the schemes are file:, mount:, env:"),
            "{error}"
        );
    }
}

#[test]
fn explain_names_the_winner_and_the_overridden() {
    let folder = Folder::new(&[APP, ("local.toml", "http.port = 81")]);
    let sources = ["app.toml", "local.toml", "env:APP_"];
    let explain = |key| folder.outcome(&[&["explain", key][..], &sources].concat());
    let port = "http.port = \"8080\" from APP_HTTP__PORT\n  overrides 81 from local.toml:1\n  \
                overrides 80 from app.toml:3\n";
    assert_eq!(explain("http.port"), (Some(0), port.into(), String::new()));
    let section = format!("http.hosts = [\"a\",\"b\"] from app.toml:4\n{port}");
    assert_eq!(explain("http"), (Some(0), section, String::new()));
    let document = folder.document(&[&["explain", "http.port"][..], &sources].concat());
    let key = &document["keys"][0];
    assert_eq!(
        key["place"],
        json!({"layer": "env:APP_", "item": "APP_HTTP__PORT"})
    );
    assert_eq!(
        key["overridden"][1]["place"],
        json!({"layer": "app.toml", "line": 3})
    );
}

#[test]
fn check_lists_the_first_error_of_each_source() {
    let folder = Folder::new(&[APP, BROKEN, ("twice.json", "{\"a\": 1,\n\"a\": 2}")]);
    let (status, shown, error) = folder.outcome(&["check", "app.toml", "env:APP_"]);
    assert_eq!((status, &*error), (Some(0), ""));
    assert_eq!(shown, "2 sources, 4 keys: no errors\n");

    let sources = ["broken.toml", "app.toml", "twice.json", "missing.toml"];
    let (status, shown, error) = folder.outcome(&[&["check"][..], &sources].concat());
    assert_eq!((status, &*error), (Some(1), ""));
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!(lines.len(), 4, "{shown}");
    assert!(lines[0].starts_with("broken.toml:2: "), "{shown}");
    assert!(lines[1].starts_with("twice.json:2: a: "), "{shown}");
    assert_eq!(
        lines[2],
        "missing.toml: there is no such file; create it, or write file:missing.toml?optional if it \
         may be missing"
    );
    assert_eq!(lines[3], "3 of 4 sources are wrong");
}

/// An environment that is wrong does not hide the errors of files, and neither the other way round.
#[test]
fn check_tries_files_beside_a_wrong_environment() {
    let folder = Folder::new(&[APP, BROKEN]);
    let args = ["check", "env:APP_", "broken.toml", "env:BAD_", "app.toml"];
    let mut command = folder.command(&args);
    let output = command
        .env("BAD__X", "1")
        .env("BAD___", "2")
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        shown.contains("\nbroken.toml:2: ") && shown.starts_with("BAD__"),
        "{shown}"
    );
    assert!(shown.ends_with("\n2 of 4 sources are wrong\n"), "{shown}");
}

/// Nor does a source that is wrong by its arguments, whatever its kind.
#[test]
fn check_tries_all_beside_wrong_arguments() {
    let folder = Folder::new(&[APP, BROKEN, ("app.conf", "a = 1"), ("config/port", "80")]);
    let wrong = [
        "app.conf",
        "mount:config?only=../y",
        "http://u:hunter2@127.0.0.1/x.toml",
        "etcd://127.0.0.1:none/app/",
    ];
    let sources = [&["check", "app.toml"], &wrong[..], &["broken.toml"]].concat();
    let (status, shown, error) = folder.outcome(&sources);
    assert_eq!((status, &*error), (Some(1), ""));
    for start in [
        "app.conf: ",
        "config: cannot select `../y`",
        "http://127.0.0.1/x.toml: the URL has a user",
        "etcd:/app/: ",
        "broken.toml:2: ",
    ] {
        let mut lines = shown.lines();
        assert!(
            lines.any(|line| line.starts_with(start)),
            "{start}: {shown}"
        );
    }
    assert!(shown.ends_with("\n5 of 6 sources are wrong\n"), "{shown}");
}

#[test]
fn check_finds_a_table_against_a_value() {
    let folder = Folder::new(&[APP, ("other.toml", "[http.port]\nlow = 1")]);
    let (status, shown, _) = folder.outcome(&["check", "app.toml", "other.toml"]);
    assert_eq!(status, Some(1));
    assert!(
        shown.contains("app.toml:3") && shown.contains("other.toml:2"),
        "{shown}"
    );
    assert!(shown.ends_with("\n1 of 2 sources is wrong\n"), "{shown}");
}

#[test]
fn a_source_that_does_not_answer_is_named() {
    let folder = Folder::new(&[APP]);
    let silent = SilentServer::new();
    // It comes first: on a busy machine the file may be late too, and the line of it follows.
    let args = ["check", &silent.url, "app.toml", "--timeout", "0.3"];
    let (status, shown, _) = folder.outcome(&args);
    assert_eq!(status, Some(1));
    let expected = format!(
        "{} did not respond within 300ms; check the source, or use a longer --timeout\n",
        silent.url
    );
    assert!(shown.starts_with(&expected), "{shown}");
}

#[test]
fn help_of_each_command_explains_sources() {
    let folder = Folder::new(&[]);
    for command in ["get", "explain", "check", "watch", "diff"] {
        let (status, shown, _) = folder.outcome(&[command, "--help"]);
        assert_eq!(status, Some(0));
        for part in [
            "\nExamples:\n",
            "env:APP_    the environment",
            "\nExit status: 0 ",
        ] {
            assert!(shown.contains(part), "{part:?} is missing in:\n{shown}");
        }
    }
    let (_, shown, _) = folder.outcome(&["watch", "--help"]);
    assert!(
        shown.contains("Usage: untorn watch [OPTIONS] [KEY] <SOURCES>...\n"),
        "{shown}"
    );
}

#[test]
fn swapped_arguments_get_the_command_that_is_meant() {
    let folder = Folder::new(&[APP, ("local.toml", "x = 1"), ("config/motd", "a")]);
    for (command, args, meant) in [
        (
            "get",
            &["app.toml", "http.port"][..],
            "get http.port app.toml",
        ),
        (
            "explain",
            &["app.toml", "env:APP_", "http.port"],
            "explain http.port app.toml env:APP_",
        ),
        ("get", &["env:APP_", "http"], "get http env:APP_"),
        ("get", &["config", "motd"], "get motd config"),
        // No key at all.
        (
            "get",
            &["app.toml", "local.toml"],
            "get \"\" app.toml local.toml",
        ),
    ] {
        let (status, shown, error) = folder.outcome(&[&[command][..], args].concat());
        assert!(
            matches!(status, Some(1 | 2)) && shown.is_empty(),
            "{args:?}"
        );
        let expected = format!(
            "untorn: `{}` is a source, and the key comes first: untorn {meant}\n",
            args[0]
        );
        assert_eq!(error, expected);
    }
    let (status, _, error) = folder.outcome(&["get", "app.toml"]);
    assert_eq!(status, Some(2));
    assert!(
        error.contains("to show all keys: untorn get \"\" app.toml"),
        "{error}"
    );
}

#[test]
fn check_refuses_sources_without_keys() {
    let folder = Folder::new(&[APP, ("empty.toml", "# nothing\n")]);
    fs::create_dir(folder.path("config")).expect("a folder");
    let args = [
        "check",
        "empty.toml",
        "app.toml",
        "config",
        "env:NONE_",
        "file:no.toml?optional",
    ];
    let (status, shown, error) = folder.outcome(&args);
    assert_eq!((status, &*error), (Some(1), ""));
    assert_eq!(
        shown,
        "empty.toml: the file has no keys; if that is right, use --allow-empty\n\
         config: the directory has no keys; if that is right, use --allow-empty\n\
         2 of 5 sources are wrong\n"
    );
    let document = folder.document(&args);
    assert_eq!(document["errors"][0]["kind"], "empty");
    assert_eq!(
        document["errors"][0]["place"],
        json!({"layer": "empty.toml"})
    );
    let (status, shown, _) = folder.outcome(&[&args[..], &["--allow-empty"]].concat());
    assert_eq!(
        (status, &*shown),
        (Some(0), "5 sources, 4 keys: no errors\n")
    );

    // A file whose keys are all overridden has keys, and so has one with an empty table.
    fs::write(folder.path("table.toml"), "[http]").expect("written");
    let (status, shown, _) = folder.outcome(&["check", "table.toml", "app.toml", "app.toml"]);
    assert_eq!(
        (status, &*shown),
        (Some(0), "3 sources, 5 keys: no errors\n")
    );
}

/// The environment has no list of its names.
#[test]
fn check_warns_of_a_misspelled_variable() {
    let folder = Folder::new(&[APP]);
    let check = |variables: &[(&str, &str)], json: &[&str]| {
        let args = [&["check", "app.toml", "env:APP_"][..], json].concat();
        let mut command = folder.command(&args);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        String::from_utf8(output.stdout).unwrap()
    };
    let misspelled = [("APP_HTTP__PROT", "1"), ("APP_HTTP__PASSWORD", "2")];
    assert_eq!(
        check(&misspelled, &[]),
        "warning: APP_HTTP__PROT: http.prot: no other source has this key; did you mean \
         `http.port`?\n2 sources, 6 keys: no errors\n"
    );
    let document = check(&misspelled, &["--json"]);
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!(document["warnings"][0]["kind"], "unknown_key");
    assert_eq!(document["warnings"][0]["place"]["item"], "APP_HTTP__PROT");
    assert_eq!(check(&[], &[]), "2 sources, 4 keys: no errors\n");
}

#[test]
fn a_binary_file_of_a_mount_can_be_left_out() {
    let folder = Folder::new(&[("config/db/user", "me")]);
    fs::write(folder.path("config/db/store.jks"), [0xfe, 0xed]).expect("written");
    let (status, _, error) = folder.outcome(&["get", "", "config"]);
    assert_eq!(status, Some(2));
    assert!(
        error.ends_with(
            "store.jks:1: the file is not UTF-8; leave it out: \
             mount:config?ignoring=db/store.jks\n"
        ),
        "{error}"
    );
    for source in [
        "mount:config?ignoring=db/store.jks",
        "mount:config?only=db/user",
    ] {
        assert_eq!(folder.outcome(&["get", "db.user", source]).1, "me\n");
    }
}

/// The errors of the library name its calls, which are no advice for a user of the command.
#[test]
fn no_error_names_a_call_of_the_library() {
    let folder = Folder::new(&[APP, BROKEN, ("app.conf", "")]);
    fs::create_dir(folder.path("binary")).expect("a folder");
    fs::write(folder.path("binary/file"), [0xff]).expect("written");
    for source in [
        "missing.toml",
        "app.conf",
        "binary",
        "env:APP",
        "broken.toml",
        "missing/",
    ] {
        for json in [&[][..], &["--json"]] {
            let (status, shown, error) = folder.outcome(&[&["check", source], json].concat());
            assert_eq!((status, &*error), (Some(1), ""), "{source}");
            let words = ["::", "layer optional", "allow_empty", "builder", "help"];
            for word in words {
                assert!(!shown.contains(word), "{source}: {word} in {shown}");
            }
        }
    }
}

/// Waits until no process has the reader of a pipe: a child that another test starts has a copy
/// until its program is loaded.
#[cfg(target_os = "linux")]
fn wait_until_unread(writer: &std::io::PipeWriter) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let timeout = Timespec {
        tv_sec: 60,
        tv_nsec: 0,
    };
    let mut polled = [PollFd::new(writer, PollFlags::empty())];
    assert_eq!(poll(&mut polled, Some(&timeout)), Ok(1));
    assert_eq!(polled[0].revents(), PollFlags::ERR);
}

/// 1 would mean that there is no such key. A reader that closes the pipe is not reported.
#[cfg(unix)]
#[test]
fn unwritable_output_has_a_status_of_its_own() {
    use std::process::Stdio;

    let folder = Folder::new(&[APP]);
    for args in [
        &["get", "name", "app.toml"][..],
        &["get", "name", "app.toml", "--json"],
        &["explain", "name", "app.toml", "--json"],
        &["check", "app.toml", "--json"],
        &["diff", "app.toml", "app.toml", "--json"],
    ] {
        let run = |stdout: Stdio| {
            let mut command = folder.command(args);
            let output = command.stdout(stdout).stderr(Stdio::piped()).spawn();
            let output = output.and_then(std::process::Child::wait_with_output);
            let output = output.expect("the command runs");
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.code(), error)
        };
        if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
            let (status, error) = run(full.into());
            assert_eq!(status, Some(2), "{args:?}: {error}");
            assert!(error.contains("cannot write to stdout"), "{error}");
        }
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        #[cfg(target_os = "linux")]
        wait_until_unread(&writer);
        assert_eq!(run(writer.into()), (Some(2), String::new()), "{args:?}");
    }
}
