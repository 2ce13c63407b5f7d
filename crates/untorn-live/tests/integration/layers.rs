//! Layers: the last one that has a key wins, and what it hides is no change.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use untorn_live::layer::{Env, File, Fixed, Layer, Mount};
use untorn_live::{Cache, ConfigError, ErrorKind, Store};

use crate::support::readers::Readers;
use crate::support::{HOUR, LONG, folder, generation, place};

type Keys = BTreeMap<String, i64>;

/// Five layers, each with the key `http.port`.
#[test]
fn five_layers_are_explained() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let (file, mount) = (path("app.toml"), path("mount"));
    fs::create_dir_all(mount.join("http")).expect("created");
    place(&file, "# one\n[http]\nport = 2\n");
    place(&mount.join("http/port"), "3");
    let store = Store::builder()
        .text("defaults.json", "{\"http\":\n{\"port\":\n1}}")
        .layer(File::at(&file).period(HOUR))
        .layer(Mount::at(&mount).period(HOUR))
        .layer(Env::prefix("APP_").from_pairs([("APP_HTTP__PORT", "4")]))
        .manual()
        .allow_empty()
        .start()
        .expect("threads");
    let publish = |keys: &Keys| store.publish(keys).expect("it is good");
    publish(&Keys::from([("http.port".into(), 0)]));
    store.ready(LONG).expect("all have answered");
    // A name with a dot is one segment.
    assert_eq!(store.pin().get_as::<u16>("\"http.port\""), Ok(0));

    let http = |port: i64| BTreeMap::from([("http", BTreeMap::from([("port", port)]))]);
    store.publish(&http(5)).expect("it is good");
    let explain = || store.pin().explain("http.port").expect("it is there");
    let (file, port) = (file.display(), mount.join("http/port"));
    let below = format!(
        "\n  overrides \"3\" from {}\n  overrides 2 from {file}:3\n  overrides 1 from defaults.json:3",
        port.display()
    );
    let all = format!("http.port = 5 from manual\n  overrides \"4\" from APP_HTTP__PORT{below}");
    assert_eq!(explain().to_string(), all);
    assert_eq!(explain().overridden.len(), 4);

    // The override goes away.
    publish(&Keys::new());
    assert_eq!(
        explain().to_string(),
        format!("http.port = \"4\" from APP_HTTP__PORT{below}")
    );
    assert!(store.pin().explain("http").is_none());
}

/// A store of a file below an override.
fn overridden(text: &str) -> (tempfile::TempDir, std::path::PathBuf, Store) {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, text);
    let builder = Store::builder().layer(File::at(&path).period(HOUR));
    let store = builder.manual().allow_empty().start().expect("a thread");
    store
        .publish(&Keys::from([("level".into(), 9)]))
        .expect("good");
    store.ready(LONG).expect("both have answered");
    (folder, path, store)
}

#[test]
fn masked_changes_are_no_changes() {
    let (_folder, path, store) = overridden("level = 1\nport = 80\n");
    let old = store.snapshot();
    let mut changes = [store.subscribe(), store.subscribe_key("level")];
    place(&path, "# moved\nlevel = 2\nport = 80\n");
    store.refresh(LONG).expect("it is good");
    let explained = store.pin().explain("level").expect("it is there");
    let below = format!(
        "level = 9 from manual\n  overrides 2 from {}:2",
        path.display()
    );
    assert_eq!(explained.to_string(), below);
    let port = store.pin().explain("port").expect("it is there");
    assert_eq!(
        port.winner.place.line,
        Some(3),
        "the line of a value that stays"
    );
    assert_eq!(store.pin().changes_since(&old).count(), 0);
    for changes in &mut changes {
        assert!(changes.try_recv().is_err(), "nothing has changed");
    }

    // Without the override the value below it shows.
    store.publish(&Keys::new()).expect("it is good");
    let [mut all, mut level] = changes;
    for changes in [&mut all, &mut level] {
        let step = changes.try_recv().expect("a change");
        let shown: Vec<_> = step.changes().map(|change| change.to_string()).collect();
        assert_eq!(shown, ["~ level: 9 → 2"]);
        assert_eq!(step.from.get_as::<i64>("level"), Ok(9));
    }
    // The keys of the file go, since it has others.
    place(&path, "port = 80\n");
    store.refresh(LONG).expect("it is good");
    let step = all.try_recv().expect("a change");
    assert_eq!(
        step.changes().next().map(|change| change.to_string()),
        Some("- level: 2".into())
    );
    assert_eq!(store.pin().changes_since(&old).count(), 1);
}

/// Checks an error that names two places.
fn assert_conflict(error: &ConfigError, key: &str, places: [&str; 2]) {
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
    assert_eq!(error.key(), Some(key), "{error}");
    for place in places {
        assert!(error.to_string().contains(place), "{place}: {error}");
    }
}

#[test]
fn table_against_a_scalar_has_both_places() {
    let low = "one.toml";
    for (one, other, key, places) in [
        (
            "[http]\nport = 80",
            "x = 1\nhttp = 1",
            "http",
            ["other.toml:2", "one.toml:2"],
        ),
        (
            "a = 1\nhttp = 1",
            "[http.tls]\nport = 80",
            "http",
            ["one.toml:2", "other.toml:2"],
        ),
        (
            "[a]\nb = []",
            "[a.b]\nc = 1",
            "a.b",
            ["one.toml:2", "other.toml:2"],
        ),
        ("[a]\nb = {}", "a = {}", "", ["", ""]),
    ] {
        let builder = Store::builder().text(low, one).text("other.toml", other);
        match builder.start() {
            // An empty table gives way.
            Ok(_) => assert_eq!(key, "", "{one}\n{other}"),
            Err(error) => assert_conflict(&error, key, places),
        }
    }
}

/// An empty table may have keys below it in another layer, but not when it becomes a value.
#[test]
fn empty_table_that_becomes_a_value_is_a_conflict() {
    let store = Store::builder()
        .text("low.toml", "[limits]\nlow = 1")
        .manual();
    let store = store.start().expect("no thread");
    store
        .publish_text("high.toml", "limits = {}")
        .expect("it gives way");
    assert_eq!(
        store.pin().section::<Keys>("limits"),
        Ok(Keys::from([("low".into(), 1)]))
    );
    let before = store.pin().revision();
    let error = store
        .publish_text("high.toml", "limits = 5")
        .expect_err("a conflict");
    assert_conflict(&error, "limits", ["high.toml:1", "low.toml:2"]);
    assert_eq!(store.pin().revision(), before);
    store
        .publish_text("high.toml", "limits = {}\nother = 1")
        .expect("it gives way");
}

#[test]
fn repeated_key_of_a_mount_has_both_files() {
    let folder = folder();
    place(&folder.path().join("a.toml"), "[http]\nport = 80\n");
    place(
        &folder.path().join("b.json"),
        "{\n\"http\": {\"port\": 81}}",
    );
    let mount = Mount::at(folder.path()).documents().period(HOUR);
    let store = Store::builder().layer(mount).start().expect("threads");
    store.refresh(LONG).expect_err("a key twice");
    let error = store.ready(Duration::ZERO).expect_err("a key twice");
    assert_eq!(
        (error.kind(), error.key()),
        (ErrorKind::DuplicateKey, Some("http.port"))
    );
    for place in ["a.toml:2", "b.json:2"] {
        assert!(error.to_string().contains(place), "{error}");
    }
}

#[test]
fn repeated_variable_has_both_names() {
    let env = Env::prefix("APP_").from_pairs([("APP_PORT", "80"), ("APP_Port", "81")]);
    let error = Store::builder()
        .layer(env)
        .start()
        .expect_err("a key twice");
    assert_eq!(
        (error.kind(), error.to_string()),
        (
            ErrorKind::DuplicateKey,
            "APP_PORT: port: the variables APP_PORT and APP_Port are the same key; unset one"
                .into()
        )
    );
}

/// A scalar becomes a table in one save.
#[test]
fn scalar_can_become_a_table() {
    let store = Store::manual();
    store
        .publish_text("app.toml", "http = 1\nx = 1")
        .expect("good");
    store
        .publish_text("app.toml", "http.port = 1\nx = 1")
        .expect("good");
    store
        .publish_text("app.toml", "http = 1\nx = 1")
        .expect("good");
    assert_eq!(store.pin().len(), 2);
}

/// Two layers that change by themselves, each with a number of its own, and readers.
#[test]
fn layers_change_one_by_one() {
    let folder = folder();
    let path = folder.path().join("app.toml");
    place(&path, generation::toml(1));
    let builder = Store::builder()
        .layer(File::at(&path).period(HOUR))
        .manual();
    let store = builder.start().expect("a thread");
    let manual = |number: i64| Keys::from([("one".into(), number), ("other".into(), -number)]);
    store.publish(&manual(0)).expect("good");
    store.ready(LONG).expect("both have answered");
    let readers = Readers::with_check(&store, |config| {
        let [one, other] = ["one", "other"].map(|key| config.get_as::<i64>(key));
        match (one, other) {
            (Ok(one), Ok(other)) if one == -other => generation::of(config),
            pair => Err(format!("{pair:?}")),
        }
    });
    for number in 2..60 {
        place(&path, generation::toml(number));
        store.publish(&manual(number as i64)).expect("good");
        if number % 20 == 0 {
            store.refresh(LONG).expect("it is good");
        }
    }
    store.refresh(LONG).expect("it is good");
    assert_eq!(generation::of(&store.pin()), Ok(Some(59)));
    readers.finish();
}

#[test]
fn nan_that_stays_is_no_change() {
    let store = Store::manual();
    store
        .publish_text("app.toml", "x = nan\ny = 1")
        .expect("good");
    let old = store.snapshot();
    store
        .publish_text("app.toml", "x = nan\ny = 2")
        .expect("good");
    let changed: Vec<_> = store
        .pin()
        .changes_since(&old)
        .map(|change| change.key.to_string())
        .collect();
    assert_eq!(changed, ["y"]);
}

/// Also those that no `i64` can be, by each kind of source, and through a cache.
#[test]
fn unsigned_integers_reach_their_type() {
    #[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize)]
    struct Limits {
        large: u64,
        list: Vec<u64>,
    }

    let expected = || Limits {
        large: u64::MAX,
        list: vec![0, 1 << 63],
    };
    let (large, list) = (u64::MAX, [0, 1_u64 << 63]);
    let pairs = [
        ("A_LARGE", large.to_string()),
        ("A_LIST", format!("{list:?}")),
    ];
    let layers: [Layer; 5] = [
        Fixed::text("a.toml", &format!("large = {large}\nlist = {list:?}")).into(),
        Fixed::text(
            "a.json",
            &format!(r#"{{"large": {large}, "list": {list:?}}}"#),
        )
        .into(),
        Fixed::text("a.yaml", &format!("large: {large}\nlist: {list:?}")).into(),
        Fixed::value("value", &expected()).into(),
        Env::prefix("A_").from_pairs(pairs).into(),
    ];
    for layer in layers {
        let name = layer.name().to_string();
        let store = Store::builder().layer(layer).start().expect(&name);
        assert_eq!(store.pin().section::<Limits>(""), Ok(expected()), "{name}");
        let error = store.pin().get_as::<i64>("large").expect_err("too large");
        assert!(error.to_string().contains("expected i64"), "{error}");
    }

    let folder = folder();
    let (file, cache) = (folder.path().join("a.toml"), folder.path().join("cache"));
    fs::write(&file, format!("large = {large}\nlist = {list:?}")).expect("written");
    let start = || {
        let cache = Cache::at(&cache).after(Duration::from_millis(1));
        let store = Store::builder().file(&file).cache(cache).start();
        let store = store.expect("threads");
        let config = store.ready(LONG).expect("a configuration");
        assert_eq!(config.section::<Limits>(""), Ok(expected()));
        assert!(store.stop(LONG), "its end writes the cache");
    };
    start();
    fs::remove_file(&file).expect("it is there");
    start();
}

#[test]
fn section_of_a_layer_is_checked() {
    let layer = |section: &str| {
        let layer = Layer::from(Fixed::text("a.json", r#"{"port": 80}"#)).in_section(section);
        Store::builder().layer(layer).start()
    };
    for section in ["tls.", "x..y", ".x", "a.\"b", "\"quoted\""] {
        let error = layer(section).expect_err("no section").to_string();
        assert_eq!(
            error,
            format!(
                "a.json: the layer is put below `{section}`, which is no section: write a dotted \
                 path, and quote a segment that has a dot"
            )
        );
    }
    for (section, key) in [
        ("", "port"),
        ("a.\"b.c\"", "a.\"b.c\".port"),
        ("\"\"", "\"\".port"),
    ] {
        let store = layer(section).expect("a section");
        assert!(store.pin().contains_key(key), "{section}");
    }
    let file = Layer::from(File::at("missing.toml")).in_section("x..y");
    Store::builder()
        .layer(file)
        .start()
        .expect_err("a file too");
}
