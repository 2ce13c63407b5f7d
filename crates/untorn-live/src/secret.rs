//! Keys whose values are never shown.

use std::sync::Arc;

use untorn::mutants::mutant;

use crate::key;
use crate::typed;
use crate::value::Value;

/// The keys, and the sections, that are secrets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Secrets(Vec<Arc<str>>);

impl Secrets {
    pub(crate) fn add(&mut self, section: &str) {
        self.0.push(section.into());
    }

    /// Returns those that hide no key of a configuration.
    pub(crate) fn unused(&self, keys: &[&str]) -> Vec<String> {
        let secrets = self.0.iter().map(|secret| &**secret);
        let unused = secrets.filter(|secret| !keys.iter().any(|key| is_secret(key, secret)));
        unused.map(String::from).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the value of a key is hidden: the key is a secret, or below one, or above
    /// one, since its value may be a text or an array that has the secret inside. Quotes do not
    /// count: `tls.key` means the file of that name too, whose key is `"tls.key"`.
    pub(crate) fn has(&self, key: &str) -> bool {
        let mut secrets = self.0.iter();
        secrets.any(|secret| is_secret(key, secret)) && !mutant("live_secret_is_shown")
    }

    /// Replaces the texts of secrets in a message of foreign code, the longest first, since one may
    /// contain another. The values are those of keys that are [hidden](Self::has).
    pub(crate) fn redact<'v>(
        &self,
        message: &str,
        values: impl Iterator<Item = (&'v str, &'v Value)>,
    ) -> String {
        let mut texts = Vec::new();
        for (key, value) in values {
            self.add_texts(key, value, &mut texts);
        }
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        texts.iter().fold(message.into(), |message: String, text| {
            match message.contains(text) {
                true if text.len() < SHORT => without_word(&message, text),
                true => message.replace(text, "***"),
                false => message,
            }
        })
    }

    /// Appends the texts by which a message can quote the secrets in a value. What else a value has
    /// inside is no secret.
    fn add_texts(&self, key: &str, value: &Value, texts: &mut Vec<String>) {
        if self.has_all_of(key) {
            return add_texts(value, texts);
        }
        let parts = match value {
            Value::Text(text) => typed::parts_of(text),
            _ => Some(value.clone()),
        };
        let mut inside = Vec::new();
        for secret in self.0.iter().filter(|secret| is_secret(key, secret)) {
            let found = inside.len();
            if let (Some(parts), Some(path)) = (&parts, key::relative(secret, key)) {
                add_values_at(parts, path, &mut inside);
            }
            if inside.len() == found {
                // Any part may be this secret: the path may lack quotes, for example.
                return add_texts(value, texts);
            }
        }
        if let Value::Text(text) = value {
            texts.push(text.to_string());
        }
        inside.iter().for_each(|value| add_texts(value, texts));
    }

    /// Returns whether everything in a section is secret.
    pub(crate) fn has_all_of(&self, section: &str) -> bool {
        let mut secrets = self.0.iter();
        secrets.any(|secret| is_below(section, secret)) && !mutant("live_secret_is_shown")
    }
}

fn is_secret(key: &str, secret: &str) -> bool {
    let is_above = || key::is_in(secret, key) || key.contains('"') && is_in_unquoted(secret, key);
    is_below(key, secret) || is_above() && !mutant("live_secret_in_a_text_is_shown")
}

fn is_below(key: &str, section: &str) -> bool {
    key::is_in(key, section) || key.contains('"') && is_in_unquoted(key, section)
}

fn is_in_unquoted(key: &str, section: &str) -> bool {
    key::is_in(&without_quotes(key), &without_quotes(section))
}

fn without_quotes(path: &str) -> String {
    path.replace('"', "")
}

/// Values that are shorter are parts of common words.
const SHORT: usize = 4;

/// Replaces a text where it is not a part of a word.
fn without_word(message: &str, text: &str) -> String {
    let mut redacted = String::with_capacity(message.len());
    let mut end = 0;
    for (start, found) in message.match_indices(text) {
        let before = message[..start].chars().next_back();
        let after = message[start + found.len()..].chars().next();
        let is_word = ![before, after]
            .into_iter()
            .flatten()
            .any(char::is_alphanumeric);
        redacted.push_str(&message[end..start]);
        redacted.push_str(if is_word { "***" } else { found });
        end = start + found.len();
    }
    redacted.push_str(&message[end..]);
    redacted
}

/// Appends the values at a path below a value, also those in each element of an array.
fn add_values_at(value: &Value, path: &str, values: &mut Vec<Value>) {
    match value {
        Value::Array(elements) => elements
            .iter()
            .for_each(|element| add_values_at(element, path, values)),
        Value::Table(entries) => {
            let (segment, rest) = key::split_first(path);
            for (_, value) in entries.iter().filter(|(name, _)| **name == *segment) {
                match rest {
                    Some(rest) => add_values_at(value, rest, values),
                    None => values.push(value.clone()),
                }
            }
        }
        _ => {}
    }
}

/// Appends the texts by which a message can quote a value.
fn add_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        // A message with each `true` replaced says which ones it had.
        Value::Null | Value::Bool(_) => {}
        Value::Integer(_) | Value::Unsigned(_) | Value::Float(_) => texts.push(value.to_string()),
        Value::String(text) | Value::Text(text) => {
            let quoted = format!("{text:?}");
            let escaped = &quoted[1..quoted.len() - 1];
            let lines = text.lines().map(str::trim);
            let all = [&**text, escaped].into_iter().chain(lines);
            texts.extend(all.filter(|text| !text.is_empty()).map(String::from));
            if let Value::Text(text) = value
                && let Some(parts) = typed::parts_of(text)
            {
                add_texts(&parts, texts);
            }
        }
        Value::Array(elements) => elements
            .iter()
            .for_each(|element| add_texts(element, texts)),
        Value::Table(entries) => entries
            .iter()
            .for_each(|(_, value)| add_texts(value, texts)),
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;
    use crate::value::Value;

    #[test]
    fn secrets_are_found_without_their_quotes() {
        let mut secrets = Secrets::default();
        secrets.add("tls.key");
        secrets.add(r#"mounts."db.password""#);
        for key in [
            r#""tls.key""#,
            "tls.key",
            "tls.key.pem",
            r#"mounts."db.password""#,
            r#"mounts."db.password".old"#,
        ] {
            assert!(secrets.has(key), "{key}");
        }
        for key in [r#""tls.crt""#, r#""tls.keys""#, "mounts.db"] {
            assert!(!secrets.has(key), "{key}");
        }
    }

    #[test]
    fn secrets_that_are_not_found_inside_hide_all_parts() {
        let text = r#"{"password": "hunter2", "api.key": "canary", "host": "localhost"}"#;
        let value = Value::Text(text.into());
        for (other, expected) in [
            (r#"db."api.key""#, "*** at localhost with ***"),
            ("db.api.key", "*** at *** with ***"),
        ] {
            let mut secrets = Secrets::default();
            secrets.add("db.password");
            secrets.add(other);
            let message = "hunter2 at localhost with canary";
            let redacted = secrets.redact(message, [("db", &value)].into_iter());
            assert_eq!(redacted, expected, "{other}");
        }
    }

    #[test]
    fn keys_above_a_secret_are_hidden() {
        let mut secrets = Secrets::default();
        secrets.add("db.password");
        secrets.add("app.json.token");
        for key in ["db", r#""app.json""#, "db.password"] {
            assert!(secrets.has(key), "{key}");
        }
        for key in ["d", "db.user", "dbs"] {
            assert!(!secrets.has(key), "{key}");
        }
        assert!(secrets.has_all_of("db.password") && !secrets.has_all_of("db"));
    }
}
