//! `demo live`.

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
        " million reads per second, 0 torn; ",
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
            "it has data again",
        ],
        Err(_) => [
            "Played on a file: there is no etcd on the PATH.",
            "half a save:\n  refused: /",
            "an empty file:\n  refused: /",
            "a wrong type:\n  refused: /",
        ],
    };
    for part in parts.into_iter().chain([", 0 torn; "]) {
        assert!(shown.contains(part), "{part:?} is missing in:\n{shown}");
    }
}
