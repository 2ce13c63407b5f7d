//! A secret is in no output: not in an error, a status, a change, an event or a `Debug` format.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Write};
use std::io;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use untorn_live::layer::{Custom, Env, File, Fixed, Layer};
use untorn_live::{ConfigError, Store, StoreBuilder};

use crate::support::{HOUR, LONG, child, folder, place};

/// The text that must be nowhere. The quotes are escaped by some formats.
const CANARY: &str = "hunter\"2\"-canary";

/// The digits of a secret number.
const NUMBER: i64 = 7_253_918_264;

/// Returns whether a text has a secret, or a part of one.
fn has_secret(text: &str) -> bool {
    text.contains("hunter") || text.contains("canary") || text.contains("7253918264")
}

/// Everything that was shown.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<String>>>);

impl Output {
    fn add(&self, shown: impl fmt::Display) {
        self.0.lock().expect("not poisoned").push(shown.to_string());
    }

    fn debug(&self, shown: &impl Debug) {
        self.add(format!("{shown:?} {shown:#?}"));
    }

    #[track_caller]
    fn check(&self, least: usize) {
        let shown = self.0.lock().expect("not poisoned");
        assert!(shown.len() >= least, "only {} outputs", shown.len());
        for text in &*shown {
            assert!(!has_secret(text), "a secret is in: {text}");
        }
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.add(String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The source of a program quotes what it has sent before.
#[test]
fn errors_and_panics_of_sources_show_no_secret() {
    let output = Output::default();
    let shown = output.clone();
    let polls = Arc::new(Mutex::new(0));
    let source = move || {
        let mut polls = polls.lock().unwrap_or_else(PoisonError::into_inner);
        *polls += 1;
        match *polls {
            1 => Ok(BTreeMap::from([("password", CANARY)])),
            2 => Err(format!("cannot log in as {CANARY}")),
            // Without the panic hook, which writes to stderr.
            _ => resume_unwind(Box::new(format!("no login as {CANARY}"))),
        }
    };
    let builder = Store::builder().secret("password");
    let builder = builder.on_refusal(move |refusal| {
        shown.debug(refusal);
        shown.add(&refusal.error);
    });
    let layer = Custom::closure("server", HOUR, source);
    let store = builder.layer(layer).start().expect("a thread");
    store.ready(LONG).expect("a password");
    for _ in 0..2 {
        let error = store.refresh(LONG).expect_err("the source fails");
        assert!(error.to_string().contains("***"), "{error}");
        output.add(error);
        output.debug(&store.status());
        output.add(store.status());
    }
    output.check(8);
}

/// Before the first revision, the secrets of the layers that have answered are known.
#[test]
fn errors_before_the_first_revision_show_no_secret() {
    let output = Output::default();
    let shown = output.clone();
    let source = || Err::<BTreeMap<String, i64>, _>(format!("cannot connect as app:{CANARY}"));
    let store = Store::builder()
        .secret("db.password")
        .on_refusal(move |refusal| {
            shown.debug(refusal);
            shown.add(&refusal.error);
        })
        .value("defaults", &secrets())
        .layer(Custom::closure("server", HOUR, source))
        .start()
        .expect("a thread");
    let error = store.refresh(LONG).expect_err("the source fails");
    assert!(error.to_string().contains("as app:***"), "{error}");
    output.add(error);
    output.add(
        store
            .ready(Duration::ZERO)
            .expect_err("it has not answered"),
    );
    output.debug(&store.status());
    output.check(5);
}

/// The value to publish says in its error what it has.
#[test]
fn errors_of_published_values_show_no_secret() {
    struct Talkative;

    impl serde::Serialize for Talkative {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom(format!("cannot write {CANARY}")))
        }
    }

    let output = Output::default();
    let builder = marked(Store::builder().value("defaults", &secrets()));
    let store = builder.manual().start().expect("a store");
    let refusal = store.publish(&Talkative).expect_err("no value");
    assert!(
        refusal.to_string().contains("cannot write ***"),
        "{refusal}"
    );
    output.add(refusal);
    output.debug(&store.status());
    output.check(2);
}

fn secrets() -> BTreeMap<&'static str, BTreeMap<&'static str, serde_json::Value>> {
    let db = BTreeMap::from([
        ("password", CANARY.into()),
        ("pin", NUMBER.into()),
        ("hosts", serde_json::json!([{ "token": CANARY }, NUMBER])),
        ("user", "me".into()),
    ]);
    BTreeMap::from([("db", db)])
}

fn marked(builder: StoreBuilder) -> StoreBuilder {
    ["db.password", "db.pin", "db.hosts"]
        .into_iter()
        .fold(builder, |builder, key| builder.secret(key))
}

/// Types that cannot read the section, and quote what they have read.
mod types {
    use super::{CANARY, Deserialize, NUMBER};

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by serde only")]
    pub(super) struct Direct {
        password: u16,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by serde only")]
    pub(super) struct Flat {
        #[serde(flatten)]
        direct: Direct,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by serde only")]
    #[serde(untagged)]
    pub(super) enum Untagged {
        Direct(Direct),
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by serde only")]
    pub(super) struct Variant {
        password: Kind,
    }

    #[derive(Debug, Deserialize)]
    pub(super) enum Kind {
        A,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by serde only")]
    pub(super) struct Small {
        pin: u16,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "read by serde only")]
    pub(super) struct Nested {
        hosts: Vec<u16>,
    }

    #[derive(Debug, Deserialize)]
    pub(super) struct Raw {
        password: String,
        pin: i64,
    }

    #[derive(Debug, Deserialize)]
    #[serde(try_from = "Raw")]
    pub(super) struct Quoting;

    impl TryFrom<Raw> for Quoting {
        type Error = String;

        fn try_from(raw: Raw) -> Result<Self, String> {
            assert_eq!((&*raw.password, raw.pin), (CANARY, NUMBER));
            Err(format!(
                "cannot use {} or {:?} with {}",
                raw.password, raw.password, raw.pin
            ))
        }
    }

    #[derive(Debug)]
    pub(super) struct Panicking;

    impl<'de> Deserialize<'de> for Panicking {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let raw = Raw::deserialize(deserializer)?;
            // Without the hook, which prints what the program itself has said.
            std::panic::resume_unwind(Box::new(format!("{raw:?}")))
        }
    }
}

#[test]
fn types_that_fail_show_no_secret() {
    use types::{Direct, Flat, Nested, Panicking, Quoting, Small, Untagged, Variant};

    let output = Output::default();
    let store = marked(Store::builder().value("app", &secrets()))
        .start()
        .expect("good");
    macro_rules! fail {
        ($($type:ty),*) => {$(
            let error = store.typed::<$type>("db").expect_err("it has no such type");
            output.debug(&error);
            output.add(&error);
            output.add(serde_json::to_string(&error).expect("it serializes"));
            let required = marked(Store::builder().value("app", &secrets()));
            let error = required.require::<$type>("db").start().expect_err("no such type");
            output.add(&error);
            // The program asks for the section itself; there is no text of a panic then.
            if std::any::TypeId::of::<$type>() != std::any::TypeId::of::<Panicking>() {
                output.add(store.pin().section::<$type>("db").expect_err("no such type"));
            }
        )*};
    }
    fail!(
        Direct, Flat, Untagged, Variant, Small, Nested, Quoting, Panicking
    );
    let config = store.pin();
    output.add(config.get_as::<u16>("db.password").expect_err("a text"));
    output.add(config.get_as::<[u8; 2]>("db.hosts").expect_err("an array"));
    output.add(
        config
            .get_as::<Vec<types::Kind>>("db.hosts")
            .expect_err("an array"),
    );
    output.check(40);
}

#[test]
fn checks_that_fail_show_no_secret() {
    let output = Output::default();
    for kind in 0..3 {
        let builder = marked(Store::builder().manual()).check(move |new, old| {
            let [old, new] = [old, new].map(|config| {
                let password = config
                    .get("db.password")
                    .and_then(|password| password.as_str());
                format!("{password:?} {:?}", config.get("db.hosts"))
            });
            match kind {
                0 => Err(ConfigError::from(new)),
                1 if old.contains("hunter") => Err(ConfigError::from(old)),
                1 => Ok(()),
                _ => std::panic::resume_unwind(Box::new(new)),
            }
        });
        let store = builder.start().expect("no thread");
        if let Err(error) = store.publish(&secrets()) {
            output.add(error);
        }
        let changed = serde_json::json!({ "db": { "password": "other" } });
        if let Err(error) = store.publish(&changed) {
            output.add(error);
        }
        output.add(store.status());
    }
    output.check(8);
}

#[test]
fn formats_show_no_secret() {
    let output = Output::default();
    let file = Fixed::value("file", &secrets());
    let variables = [("APP_DB__PASSWORD", CANARY)];
    let env = Env::prefix("APP_").from_pairs(variables);
    output.debug(&file);
    output.debug(&env);
    let layers = [Layer::from(file), Layer::from(env)];
    output.debug(&layers);
    let fetch = || Ok::<_, io::Error>(secrets());
    let closure = Custom::closure("closure", HOUR, fetch);
    output.debug(&closure);
    let builder = layers
        .into_iter()
        .fold(Store::builder(), StoreBuilder::layer);
    let builder = marked(builder.layer(closure).manual());
    output.debug(&builder);
    let store = builder.start().expect("a thread");
    let mut changes = store.subscribe();
    store.publish(&secrets()).expect("good");
    store.ready(LONG).expect("all have answered");
    let step = changes.recv().expect("a change");
    output.debug(&changes);
    output.debug(&step);
    for change in step.changes() {
        output.debug(&change);
        output.add(change);
    }
    let config = store.pin();
    output.debug(&*config);
    output.debug(&store);
    output.debug(&store.snapshot());
    output.debug(&store.reader());
    let typed = store
        .typed::<BTreeMap<String, serde_json::Value>>("db")
        .expect("a map");
    output.debug(&typed);
    for key in ["db.password", "db.pin", "db.hosts"] {
        let explanation = config.explain(key).expect("it is there");
        output.add(&explanation);
        output.debug(&explanation);
        output.debug(&explanation.winner);
        output.add(&explanation.winner);
    }
    let status = store.status();
    output.debug(&status);
    output.add(&status);
    output.add(serde_json::to_string(&status).expect("it serializes"));
    let mut kept = String::new();
    write!(kept, "{:?}", config.get("db.user")).expect("a text");
    assert!(kept.contains("me"), "what is no secret is shown: {kept}");
    output.check(30);
}

/// A document with a secret that cannot be parsed: its keys are not known yet.
#[test]
fn syntax_errors_show_no_secret() {
    let output = Output::default();
    let documents = [
        ("toml", "db.password = hunter2canary"),
        ("toml", "db.password = \"hunter2canary"),
        ("toml", "db.password = 'hunter2canary' hunter2canary"),
        ("toml", "db.pin = 72539182647253918264725391826"),
        ("toml", "db.pin = 7253918264_"),
        ("toml", "db.pin = 7253918264-01-01"),
        ("toml", "db.password = \"hunter2canary\\q\""),
        ("json", "{\"db\": {\"password\": hunter2canary}}"),
        ("json", "{\"db\": {\"password\": \"hunter2canary}}"),
        ("json", "{\"db\": {\"pin\": 72539182647253918264725391826}}"),
        ("json", "{\"db\": {\"pin\": 7253918264e999}}"),
        ("yaml", "db: {password: *hunter2canary}"),
        ("yaml", "db: {password: !hunter2canary x}"),
        ("yaml", "db: {password: 'hunter2canary}"),
        ("yaml", "db: {password: \"hunter2canary\\q\"}"),
        ("yaml", "db: {password: %hunter2canary}"),
        ("yaml", "db: {password: @hunter2canary}"),
        ("yaml", "db:\n  password: hunter2: canary: x"),
        ("yaml", "db: {pin: 9999999999999999999999}"),
        ("yaml", "db: {pin: !!int hunter2canary}"),
        ("yaml", "db: {pin: !!float hunter2canary}"),
        ("yaml", "db: {pin: !!bool hunter2canary}"),
        ("yaml", "db: {pin: !!binary hunter2canary}"),
        ("yaml", "db: &hunter2canary {pin: *hunter2canary}"),
        ("yaml", "hunter2canary"),
        ("yaml", "- hunter2canary"),
        ("json", "\"hunter2canary\""),
    ];
    for (extension, text) in documents {
        let builder = marked(Store::builder().text(&format!("app.{extension}"), text));
        match builder.start() {
            Ok(store) => output.debug(&*store.pin()),
            Err(error) => output.add(format!("{error} {error:?}")),
        }
    }
    output.check(documents.len());
}

#[test]
fn events_show_no_secret() {
    child::alone("secrets::events_show_no_secret", check_events);
}

fn check_events() {
    let output = Output::default();
    let lines = output.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || lines.clone())
        .finish();
    // The threads of the store have no subscriber of their own.
    tracing::subscriber::set_global_default(subscriber).expect("the only one");
    let folder = folder();
    let path = folder.path().join("app.json");
    let text = |secrets: &serde_json::Value| secrets.to_string();
    let mut contents = serde_json::to_value(secrets()).expect("a value");
    place(&path, text(&contents));
    let reported = output.clone();
    let mut polls = 0;
    let panicking = move || match std::mem::replace(&mut polls, 1) {
        0 => Ok::<_, ConfigError>(BTreeMap::from([("one", 1)])),
        // Without the panic hook, which writes to stderr.
        _ => resume_unwind(Box::new(format!("no login as {CANARY}"))),
    };
    let builder = Store::builder().layer(File::at(&path).period(HOUR));
    let builder = builder.layer(Custom::closure("panicking", HOUR, panicking));
    let store = marked(builder)
        .secret("limits")
        .require::<Option<types::Direct>>("limits")
        .on_refusal(move |refusal| {
            reported.debug(refusal);
            reported.add(serde_json::to_string(refusal).expect("it serializes"));
        })
        .start()
        .expect("a thread");
    store.ready(Duration::from_secs(60)).expect("good");
    contents["limits"] = serde_json::json!({ "password": CANARY });
    place(&path, text(&contents));
    store.refresh(LONG).expect_err("it has the wrong type");
    contents["limits"] = serde_json::Value::Null;
    contents["db"]["pin"] = 1.into();
    place(&path, text(&contents));
    let error = store.refresh(LONG).expect_err("a source panics");
    assert!(error.message().contains("no login as ***"), "{error}");
    output.check(4);
    let lines = output.0.lock().expect("not poisoned").join("\n");
    assert!(lines.contains("a configuration was refused"), "{lines}");
}

/// A secret inside a struct that a variable has as one text, or in an array of tables.
#[test]
fn secrets_inside_another_value_are_hidden() {
    let output = Output::default();
    let json = serde_json::json!({ "host": "localhost", "password": CANARY, "pin": NUMBER });
    let texts = [
        ("APP_DB", json.to_string()),
        ("APP_TOKENS", format!("{CANARY}, {NUMBER}")),
    ];
    let servers = serde_json::json!({ "servers": [{ "password": CANARY, "name": "one" }] });
    let secrets = ["db.password", "db.pin", "tokens", "servers.password"];
    let builder = || {
        let pairs = texts.iter().map(|(name, text)| (*name, text));
        let builder = Store::builder().layer(Env::prefix("APP_").from_pairs(pairs));
        secrets.into_iter().fold(builder, StoreBuilder::secret)
    };
    let store = builder().manual().start().expect("good");
    store.publish(&servers).expect("good");
    assert_eq!(store.status().unused_secrets, [""; 0]);
    let config = store.pin();
    output.debug(&*config);
    for key in ["db", "tokens", "servers"] {
        let explanation = config.explain(key).expect("it is there");
        output.add(&explanation);
        output.debug(&explanation);
    }
    output.add(config.section::<types::Direct>("db").expect_err("a text"));
    output.add(config.section::<types::Small>("db").expect_err("too large"));
    output.add(
        config
            .section::<types::Quoting>("db")
            .expect_err("it quotes"),
    );
    output.add(config.get_as::<Vec<u16>>("tokens").expect_err("texts"));
    let error = config.get_as::<Vec<types::Direct>>("servers");
    output.add(error.expect_err("texts"));
    let elements = |config: &untorn_live::Config| config.get_as::<Vec<String>>("tokens");
    let quoting = builder().check(move |new, _| {
        let first = elements(new)?.remove(0);
        Err(ConfigError::from(format!(
            "{first} is no token of localhost"
        )))
    });
    let error = quoting.start().expect_err("the check refuses");
    assert!(
        error.message().ends_with("no token of localhost"),
        "{error}"
    );
    output.add(error);
    let mut changes = store.subscribe();
    store
        .publish(&serde_json::json!({ "servers": [{ "password": "new", "name": CANARY }] }))
        .expect("good");
    for change in changes.recv().expect("a change").changes() {
        output.debug(&change);
        output.add(change);
    }
    output.check(15);
}
