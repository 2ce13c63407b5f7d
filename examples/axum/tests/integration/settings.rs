//! Files of settings, saved as editors do, and the errors of wrong ones.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use untorn_axum_example::settings::{Pool, store};
use untorn_live::layer::Env;
use untorn_live::{Config, ConfigError, Snapshot};

use crate::service::TIMEOUT;

/// A file of settings.
pub(crate) struct File {
    folder: TempDir,
}

impl File {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("settings.toml")
    }

    /// Puts a new file in place of the old one.
    pub(crate) fn save(&self, text: &str) {
        let new = self.folder.path().join("settings.new");
        fs::write(&new, text).expect("written");
        fs::rename(new, self.path()).expect("renamed");
    }

    pub(crate) fn remove(&self) {
        fs::remove_file(self.path()).expect("removed");
    }

    /// Returns the first revision of the file with these variables, or the reason for none.
    fn load(&self, variables: &[(&str, &str)]) -> Result<Snapshot<Config>, ConfigError> {
        let pairs = variables.iter().copied();
        let builder = store(self.path(), Env::prefix("POOLS_").from_pairs(pairs));
        let store = builder.start()?;
        store.refresh(TIMEOUT)?;
        Ok(store.snapshot())
    }
}

/// Adds a tenant to a text of settings.
pub(crate) fn push(text: &mut String, tenant: &str, pool: &Pool) {
    let Pool {
        host,
        port,
        max_connections,
    } = pool;
    write!(
        text,
        "[tenants.{tenant}]\nhost = \"{host}\"\nport = {port}\nmax_connections = {max_connections}\n"
    )
    .expect("a string");
}

#[test]
fn included_settings_are_complete() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/settings.toml");
    let file = File::new();
    file.save(&fs::read_to_string(path).expect("a file"));
    assert_eq!(file.load(&[]).expect("settings").len(), 9);
}

#[test]
fn errors_name_the_line_and_the_setting() {
    let whole = "[tenants.a]\nhost = \"db1\"\nport = 1\n# ten\nmax_connections = 10\n";
    let file = File::new();
    file.save(whole);
    assert_eq!(file.load(&[]).expect("settings").len(), 3);
    for (text, why) in [
        ("[tenants.a", ":1: "),
        ("host = \"db1\"", ":1: missing field `tenants`"),
        (
            &whole.replace("port", "prot"),
            ":3: tenants.a: missing field `port`, perhaps misspelled as `tenants.a.prot`",
        ),
        (
            &whole.replace("# ten", "ports = 2"),
            ":4: tenants.a.ports: no section reads this key; did you mean `tenants.a.port`?",
        ),
        (
            &whole.replace("port = 1", "port = 70000"),
            ":3: tenants.a.port: invalid value: integer `70000`, expected u16",
        ),
        (
            &whole.replace("port = 1", "port = \"all\""),
            ":3: tenants.a.port: invalid type: string \"all\", expected u16",
        ),
        (&whole.replace("# ten", "port = 2"), ":4: tenants.a.port: "),
        (
            &whole.replace("db1", ""),
            ":2: tenants.a.host: the host has no name",
        ),
        ("# nothing\n", ": missing field `tenants`"),
    ] {
        file.save(text);
        let error = file.load(&[]).expect_err(text).to_string();
        let expected = format!("{}{why}", file.path().display());
        assert!(error.starts_with(&expected), "{text:?}: {error}");
    }
}

#[test]
fn variables_override_the_file() {
    let file = File::new();
    let pool = Pool {
        host: "db1".into(),
        port: 1,
        max_connections: 10,
    };
    let mut text = String::new();
    push(&mut text, "a", &pool);
    file.save(&text);
    let config = file.load(&[("POOLS_TENANTS__A__PORT", "6432")]);
    let config = config.expect("settings");
    assert_eq!(config.get_as("tenants.a.port"), Ok(6432));
    let explanation = config.explain("tenants.a.port").expect("a setting");
    let expected = format!(
        "tenants.a.port = \"6432\" from POOLS_TENANTS__A__PORT\n  overrides 1 from {}:3",
        file.path().display()
    );
    assert_eq!(explanation.to_string(), expected);

    let error = file.load(&[("POOLS_TENANTS__A__PORT", "all")]);
    let error = error.expect_err("no port").to_string();
    let expected = "POOLS_TENANTS__A__PORT: tenants.a.port: invalid";
    assert!(error.starts_with(expected), "{error}");
    let error = file.load(&[("POOLS_TENANTS__A__HOST", "")]);
    let error = error.expect_err("no name").to_string();
    assert_eq!(
        error,
        "POOLS_TENANTS__A__HOST: tenants.a.host: the host has no name"
    );
}
