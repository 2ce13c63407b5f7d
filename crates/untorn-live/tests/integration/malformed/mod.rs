//! Malformed and hostile contents: the revision in force is served, the status names file, line and
//! key, no subscriber receives a change, and the next good save is taken.

mod checks;
mod documents;
mod files;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use untorn_live::layer::File;
use untorn_live::{ErrorKind, Store, StoreBuilder};

use crate::support::readers::Readers;
use crate::support::{HOUR, LONG, folder, generation, place};

/// A wrong file, and what the status must say of it.
struct Wrong<'w> {
    extension: &'w str,
    text: Vec<u8>,
    kind: ErrorKind,
    line: Option<u32>,
    key: Option<&'w str>,
    message: &'w str,
}

impl<'w> Wrong<'w> {
    fn new(extension: &'w str, text: impl Into<Vec<u8>>, kind: ErrorKind) -> Self {
        Self {
            extension,
            text: text.into(),
            kind,
            line: None,
            key: None,
            message: "",
        }
    }

    fn at(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }

    fn key(mut self, key: &'w str) -> Self {
        self.key = Some(key);
        self
    }

    fn message(mut self, message: &'w str) -> Self {
        self.message = message;
        self
    }
}

/// Returns a generation in the format of an extension, with more lines after it.
fn text(extension: &str, generation: u64) -> String {
    match extension {
        "toml" => generation::toml(generation),
        // JSON is YAML.
        _ => {
            let keys = generation::keys(generation);
            let part = |section: &str| {
                let keys = keys.iter().filter_map(|(key, value)| {
                    let name = key.strip_prefix(section)?.strip_prefix('.')?;
                    Some(format!("\"{name}\": {value}"))
                });
                format!("\"{section}\": {{{}}}", keys.collect::<Vec<_>>().join(", "))
            };
            format!("{{{}, {}}}\n", part("data"), part("end"))
        }
    }
}

/// A store of a file, whose contents are good at first.
struct Victim {
    path: PathBuf,
    extension: String,
    store: Store,
    readers: Readers,
    _folder: TempDir,
}

impl Victim {
    fn start(extension: &str, configure: impl FnOnce(StoreBuilder) -> StoreBuilder) -> Self {
        let folder = folder();
        let path = folder.path().join(format!("app.{extension}"));
        fs::write(&path, text(extension, 1)).expect("written");
        let builder = Store::builder().layer(File::at(&path).period(HOUR));
        let store = configure(builder).start().expect("threads");
        store.ready(LONG).expect("a good file");
        let readers = Readers::start(&store);
        Self {
            extension: extension.into(),
            _folder: folder,
            readers,
            store,
            path,
        }
    }

    /// Puts something wrong in place, and checks what the store makes of it.
    fn refuses(self, wrong: &Wrong<'_>, spoil: impl FnOnce(&Self)) {
        let mut changes = self.store.subscribe();
        let before = self.store.snapshot();
        spoil(&self);
        let error = self.store.refresh(LONG).expect_err("it is wrong");
        let status = self.store.status();
        let refusal = status.refusals().next().expect("one").clone();
        let context = format!("{error}");
        assert_eq!(refusal.error, error, "{context}");
        assert_eq!(error.kind(), wrong.kind, "{context}");
        let file = self.path.display().to_string();
        let place = error.place().expect("a place");
        assert_eq!(place.layer.as_ref(), file, "{context}");
        assert_eq!(
            (place.line, error.key()),
            (wrong.line, wrong.key),
            "{context}"
        );
        assert!(error.message().contains(wrong.message), "{context}");
        assert!(
            context.starts_with(&file) && context.len() < 1000,
            "{context}"
        );
        assert!(status.to_string().contains(&context), "{status}");
        let line = wrong
            .line
            .map(|line| format!("\"line\":{line}"))
            .unwrap_or_default();
        let json = serde_json::to_string(&status).expect("a status serializes");
        assert!(json.contains(&line), "{json}");
        // The revision in force stays.
        assert_eq!(self.store.pin().revision(), before.revision());
        assert!(
            changes.try_recv().is_err(),
            "a change of what was refused: {context}"
        );
        self.recovers();
    }

    fn recovers(self) {
        if self.path.is_dir() {
            fs::remove_dir(&self.path).expect("removed");
        }
        place(&self.path, text(&self.extension, 2));
        self.store.refresh(LONG).expect("it is good");
        assert_eq!(generation::of(&self.store.pin()), Ok(Some(2)));
        assert!(self.store.status().refusals().next().is_none());
        self.readers.finish();
    }
}

fn refuses(wrong: &Wrong<'_>, configure: impl FnOnce(StoreBuilder) -> StoreBuilder) {
    let victim = Victim::start(wrong.extension, configure);
    victim.refuses(wrong, |victim| place(&victim.path, &wrong.text));
}
