//! One reading of all sources.

use std::mem;
use std::time::{Duration, Instant};

use untorn_live::{Config, ConfigError, ErrorKind, Snapshot, Store, StoreBuilder};

use super::keys;
#[cfg(feature = "servers")]
use super::servers::Servers;
use super::sources::Source;
use crate::escaped::Escaped;
use crate::options::seconds;
use crate::progress;

/// The interval at which the layers are checked for refusals.
const STEP: Duration = Duration::from_millis(20);

/// The time without an answer after which a line of progress appears.
const QUIET: Duration = Duration::from_secs(4);

/// The options of all commands that read sources.
#[derive(clap::Args)]
pub(crate) struct Reading {
    /// Shows the value of a key, or those of a section, as `***`; may be repeated. One that hides
    /// nothing is an error.
    #[arg(long, value_name = "KEY")]
    secret: Vec<String>,
    #[cfg(feature = "servers")]
    #[command(flatten)]
    pub(super) servers: Servers,
}

/// The time limit of commands that read each source once.
#[derive(clap::Args)]
pub(crate) struct Limit {
    /// Gives up on sources that have not answered within this time.
    #[arg(long, default_value_t = 60.0, value_name = "SECONDS", value_parser = seconds)]
    timeout: f64,
}

impl Reading {
    /// Returns the builder of a store of the sources.
    pub(super) fn builder(&self, sources: &[Source]) -> StoreBuilder {
        let layers = sources.iter().map(|source| source.layer(self));
        let builder = layers.fold(Store::builder(), StoreBuilder::layer);
        let secrets = self.secret.iter();
        secrets.fold(builder, |builder, key| builder.secret(key))
    }

    /// Returns whether the value of a key is hidden, which the store decides.
    pub(super) fn is_secret(&self, config: &Config, key: &str) -> bool {
        // Most commands have no secrets, and an explanation allocates.
        !self.secret.is_empty()
            && config
                .explain(key)
                .is_some_and(|explanation| explanation.winner.is_secret)
    }

    /// Returns whether each secret hides a key of one of the configurations, and prints those that
    /// do not: a misspelled one would print the value.
    pub(super) fn are_secrets_used(&self, configs: &[&Config]) -> bool {
        // As the store does, which ignores quotes, and hides the text of a struct as a whole.
        let without_quotes = |path: &str| path.replace('"', "");
        let mut are_used = true;
        for section in &self.secret {
            let plain = without_quotes(section);
            let mut keys = configs.iter().flat_map(|config| config.keys());
            let is_hidden = |key: &str| {
                let key = without_quotes(key);
                keys::is_in(&key, &plain) || keys::is_in(&plain, &key)
            };
            if !keys.any(is_hidden) {
                let message = keys::missing(configs, section);
                anstream::eprintln!("untorn: --secret hides nothing: {}", Escaped(message));
                are_used = false;
            }
        }
        are_used
    }
}

/// Reads all sources.
///
/// # Errors
/// The first error of each source that is wrong. All sources are tried.
pub(super) fn load(
    sources: &[Source],
    reading: &Reading,
    limit: &Limit,
) -> Result<Snapshot<Config>, Vec<ConfigError>> {
    let (store, mut errors) = start(sources, reading);
    let Some(store) = store else {
        return Err(errors);
    };
    let read = wait(&store, Duration::from_secs_f64(limit.timeout));
    abandon(store);
    match read {
        Ok(config) if errors.is_empty() => Ok(config),
        Ok(_) => Err(errors),
        Err(refused) => {
            errors.extend(refused);
            Err(errors)
        }
    }
}

/// Starts a store of the sources. Those that are wrong at once are left out, and their errors
/// returned.
fn start(sources: &[Source], reading: &Reading) -> (Option<Store>, Vec<ConfigError>) {
    let mut sources = sources.to_vec();
    let mut errors = Vec::new();
    while !sources.is_empty() {
        let error = match reading.builder(&sources).start() {
            Ok(store) => return (Some(store), errors),
            Err(error) => error,
        };
        let before = sources.len();
        let layer = error.place().map(|place| place.layer.to_string());
        sources.retain(|source| Some(&source.name) != layer.as_ref());
        errors.push(error);
        if sources.len() == before {
            break;
        }
    }
    (None, errors)
}

/// Ends a store without waiting for its sources: the process ends too, and one that hangs must not
/// delay that.
pub(super) fn abandon(store: Store) {
    store.close();
    mem::forget(store);
}

/// Waits until all layers have answered.
fn wait(store: &Store, timeout: Duration) -> Result<Snapshot<Config>, Vec<ConfigError>> {
    let began = Instant::now();
    let result = loop {
        if let Ok(config) = store.ready(STEP) {
            break Ok(config);
        }
        let status = store.status();
        let silent = status.layers.iter();
        let silent = silent.filter(|layer| !layer.has_answered && layer.refusal.is_none());
        let silent: Vec<_> = silent.map(|layer| &*layer.name).collect();
        let elapsed = began.elapsed();
        if silent.is_empty() || elapsed > timeout {
            let refused = status.refusals().map(|refusal| refusal.error.clone());
            let late = silent.iter().map(|name| {
                let message = format!(
                    "{name} did not respond within {timeout:?}; check the source, or use a longer \
                     --timeout"
                );
                ConfigError::new(ErrorKind::Deadline, message)
            });
            let errors: Vec<_> = refused.chain(late).collect();
            // Without an error the last layer has answered since.
            if !errors.is_empty() {
                break Err(errors);
            }
        }
        if elapsed > QUIET {
            let names = silent.join(", ");
            progress::show(format_args!("{} s, reading {names}", elapsed.as_secs()));
        }
    };
    progress::clear();
    result
}
