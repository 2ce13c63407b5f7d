//! No command prints a secret, in any form.

use super::{Folder, Watched};

const CANARY: &str = "hunter2";

fn folder() -> Folder {
    Folder::new(&[
        (
            "app.toml",
            "[db]\npassword = \"hunter2\"\nhosts = [\"hunter2\"]\nport = 1",
        ),
        ("new.toml", "[db]\npassword = \"hunter2-new\"\nport = 1"),
        ("config/db/password", "hunter2\n"),
        ("config/db/hosts", "hunter2\n"),
        ("texts/db", r#"{"password": "hunter2", "port": 1}"#),
        ("table.toml", "[db.password]\nlow = \"hunter2\""),
    ])
}

#[test]
fn secrets_are_hidden_by_each_command() {
    let folder = folder();
    for args in [
        &["get", "db.password", "app.toml"][..],
        &["get", "", "app.toml"],
        &["get", "db", "config/"],
        &["explain", "db", "app.toml", "new.toml", "config/"],
        &["diff", "app.toml", "new.toml"],
        &["check", "app.toml", "new.toml"],
        // An error about a secret.
        &["check", "app.toml", "table.toml"],
    ] {
        let secret = ["--secret", "db.password", "--secret", "db.hosts"];
        for json in [&[][..], &["--json"]] {
            let (_, shown, error) = folder.outcome(&[args, &secret, json].concat());
            assert!(
                !shown.contains(CANARY) && !error.contains(CANARY),
                "{args:?}\n{shown}{error}"
            );
            let is_shown = args[0] != "check";
            assert_eq!(shown.contains("***"), is_shown, "{args:?}: {shown}");
        }
    }
}

/// A file has a struct as JSON: it is hidden as a whole.
#[test]
fn secret_inside_a_text_is_hidden() {
    let folder = folder();
    for command in ["get", "explain"] {
        let args = [command, "db", "texts/", "--secret", "db.password"];
        let (status, shown, error) = folder.outcome(&args);
        assert_eq!((status, &*error), (Some(0), ""));
        assert!(shown.contains("***") && !shown.contains(CANARY), "{shown}");
    }
}

#[test]
fn secrets_are_hidden_by_watch() {
    for json in [&[][..], &["--json"]] {
        let folder = folder();
        let mut watched = Watched::new(&folder, &[&["app.toml", "--secret", "db"], json].concat());
        watched.wait_for(|line| line.contains("db.password"));
        folder.save("app.toml", "[db]\npassword = \"hunter2-new\"\nport = 1");
        watched.wait_for(|line| line.contains("db.password"));
        watched.signal("TERM");
        let lines = watched.end(Some(0));
        assert!(!lines.contains(CANARY), "{lines}");
        assert!(lines.contains("***"), "{lines}");
    }
}

#[test]
fn a_misspelled_secret_is_refused() {
    let folder = folder();
    for args in [
        &["get", "", "app.toml"][..],
        &["explain", "db", "app.toml"],
        &["diff", "app.toml", "new.toml"],
        &["check", "app.toml"],
        &["watch", "app.toml"],
    ] {
        let secrets = ["--secret", "db.port", "--secret", "db.pasword"];
        let (status, shown, error) = folder.outcome(&[args, &secrets].concat());
        assert_eq!(status, Some(2), "{args:?}: {shown}");
        assert_eq!(
            error.lines().last(),
            Some(
                "untorn: --secret hides nothing: no source has the key `db.pasword`; did you mean \
                 `db.password`?"
            ),
            "{args:?}: {error}"
        );
        assert!(
            !shown.contains(CANARY) && error.lines().count() <= 2,
            "{shown}{error}"
        );
    }
}

/// A key that only one side has is hidden there.
#[test]
fn a_secret_of_one_side_of_a_diff_is_enough() {
    let folder = folder();
    let args = ["diff", "app.toml", "new.toml", "--secret", "db.hosts"];
    let (status, shown, error) = folder.outcome(&args);
    assert_eq!((status, &*error), (Some(1), ""));
    assert!(shown.contains("- db.hosts: ***\n"), "{shown}");
}

/// Passwords and tokens do not belong into an argument, and the error must not copy them to a log.
#[test]
fn usage_errors_have_no_passwords() {
    let folder = folder();
    for args in [
        &["get", "", "etcd://u:hunter2@host/app/"][..],
        &["get", "", "etcd://host/app/?token=hunter2"],
        &["get", "", "http://u:hunter2@host/x#ini"],
        &["get", "", "HTTP://127.0.0.1/x?token=hunter2"],
        &["get", "http://u:hunter2@host/x.toml"],
        &["get", "http://u:hunter2@host/x.toml", "app.toml"],
        &["get", "https://host/x?token=hunter2", "app.toml"],
        &["explain", "", "etcd:u:hunter2@host/app/"],
        &["watch", "etcd://u:hunter2@host/app/"],
        &["diff", "app.toml", "etcd://u:hunter2@host/app/"],
        &["check", "HTTP://u:hunter2@127.0.0.1/x"],
        &["http://u:hunter2@host/x.toml"],
    ] {
        let (status, shown, error) = folder.outcome(args);
        assert!(matches!(status, Some(1 | 2)), "{args:?}: {status:?}");
        assert!(!error.is_empty() && shown.is_empty(), "{args:?}: {shown}");
        assert!(!error.contains(CANARY), "{args:?}: {error}");
    }
}
