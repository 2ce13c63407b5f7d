//! `diff`.

use super::{APP, Folder};

const NEW: (&str, &str) = (
    "new.toml",
    "# A comment is no difference.\nhttp = { hosts = [\"a\"], port = 80, tls = true }\nname = \"shop\"",
);

#[test]
fn differences_are_printed_in_order() {
    let folder = Folder::new(&[APP, NEW]);
    let outcome = folder.outcome(&["diff", "app.toml", "new.toml"]);
    let expected = "~ http.hosts: [\"a\",\"b\"] → [\"a\"]\n+ http.tls: true\n\
                    - tls.\"a.example\".days: 1.5\n";
    assert_eq!(outcome, (Some(1), expected.into(), String::new()));
    let outcome = folder.outcome(&["diff", "app.toml", "app.toml"]);
    assert_eq!(outcome, (Some(0), String::new(), String::new()));
}

#[test]
fn several_sources_are_split_by_two_dashes() {
    let folder = Folder::new(&[APP, NEW]);
    // What both sides override in the same way is no difference.
    let args = [
        "diff", "app.toml", "new.toml", "--", "new.toml", "app.toml", "new.toml",
    ];
    assert_eq!(
        folder.outcome(&args),
        (Some(0), String::new(), String::new())
    );
    let args = ["diff", "app.toml", "--", "app.toml", "env:APP_"];
    let expected = "~ http.port: 80 → \"8080\"\n";
    assert_eq!(
        folder.outcome(&args),
        (Some(1), expected.into(), String::new())
    );
}

#[test]
fn unclear_sides_are_a_usage_error() {
    let folder = Folder::new(&[APP, NEW]);
    for (args, word) in [
        (&["diff", "app.toml"][..], "put `--` between"),
        (
            &["diff", "app.toml", "app.toml", "new.toml"],
            "put `--` between",
        ),
        (
            &["diff", "app.toml", "--", "new.toml", "--json"],
            "put options first",
        ),
    ] {
        let (status, shown, error) = folder.outcome(args);
        assert_eq!((status, &*shown), (Some(2), ""), "{error}");
        assert!(error.contains(word), "{error}");
    }
}
