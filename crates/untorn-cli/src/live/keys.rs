//! Keys: those of a section, their segments, and suggestions for misspelled ones.

use untorn_live::{Config, Value};

use crate::redacted::redacted;

/// The least similarity of a suggestion.
const SIMILAR: f64 = 0.75;

/// The keys that an argument stands for.
pub(super) enum Found<'c> {
    /// It is a key itself.
    Key(&'c Value),
    /// It is a section, with these keys in order.
    Section(Vec<&'c str>),
}

/// Finds a key, or the keys of a section. The empty section has all keys.
///
/// # Errors
/// If there is none: a message with a suggestion.
pub(super) fn find<'c>(config: &'c Config, key: &str) -> Result<Found<'c>, String> {
    let value = config.get(key);
    let is_empty_table = matches!(value, Some(Value::Table(entries)) if entries.is_empty());
    if let Some(value) = value.filter(|_| !is_empty_table) {
        return Ok(Found::Key(value));
    }
    let keys = config.keys().filter(|inner| *inner != key);
    let mut keys: Vec<_> = keys.filter(|inner| is_in(inner, key)).collect();
    match value {
        // One layer has an empty table, and another one keys in it.
        Some(value) if keys.is_empty() => Ok(Found::Key(value)),
        None if keys.is_empty() && !key.is_empty() => Err(missing(&[config], key)),
        _ => {
            keys.sort_unstable();
            Ok(Found::Section(keys))
        }
    }
}

/// Returns whether `key` is `section` or below it.
pub(super) fn is_in(key: &str, section: &str) -> bool {
    section.is_empty()
        || key
            .strip_prefix(section)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Returns the message for a key that is missing, with the most similar key or section.
pub(super) fn missing(configs: &[&Config], key: &str) -> String {
    let known = configs.iter().flat_map(|config| config.keys());
    let similar = similar(key, known.flat_map(|known| sections(known).chain([known])));
    // A source in the place of the key.
    let key = redacted(key);
    match similar {
        Some(known) => format!("no source has the key `{key}`; did you mean `{known}`?"),
        None => format!("no source has the key `{key}`; untorn get \"\" … lists all keys"),
    }
}

/// Returns the most similar one of known keys and sections, if one is similar enough.
pub(super) fn similar<'k>(key: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|known| (similarity(known, key), known))
        .filter(|(similarity, _)| *similarity > SIMILAR)
        // The shorter one of two: a section before its keys.
        .max_by(|(one, first), (other, second)| {
            one.total_cmp(other)
                .then_with(|| (second.len(), second).cmp(&(first.len(), first)))
        })
        .map(|(_, known)| known)
}

/// Compares two paths without the sections that both begin with, by which any two keys of a section
/// would be similar.
fn similarity(one: &str, other: &str) -> f64 {
    let equal = one.bytes().zip(other.bytes());
    let equal = equal.take_while(|(one, other)| one == other).count();
    let shared = one.as_bytes()[..equal]
        .iter()
        .rposition(|&byte| byte == b'.');
    let start = shared.map_or(0, |dot| dot + 1);
    strsim::jaro_winkler(&one[start..], &other[start..])
}

/// Returns the sections of a key, the shortest first.
fn sections(key: &str) -> impl Iterator<Item = &str> {
    let ends = segments(key).scan(0, |end, (_, length)| {
        *end += length;
        Some(*end)
    });
    // The last one is the key itself.
    ends.filter(|end| *end < key.len()).map(|end| &key[..end])
}

/// Returns the segments of a key without their quotes, each with the length of its text and of the
/// dot before it.
pub(super) fn segments(key: &str) -> impl Iterator<Item = (String, usize)> {
    let mut rest = Some(key);
    let mut is_first = true;
    std::iter::from_fn(move || {
        let path = rest?;
        let (mut segment, mut is_quoted, mut is_escaped) = (String::new(), false, false);
        let mut end = path.len();
        for (index, character) in path.char_indices() {
            match character {
                _ if is_escaped => {
                    segment.push(character);
                    is_escaped = false;
                }
                '\\' if is_quoted => is_escaped = true,
                '"' => is_quoted = !is_quoted,
                '.' if !is_quoted => {
                    end = index;
                    break;
                }
                _ => segment.push(character),
            }
        }
        rest = path[end..].strip_prefix('.');
        let dot = usize::from(!is_first);
        is_first = false;
        Some((segment, dot + end))
    })
}

#[cfg(test)]
mod tests {
    use untorn_live::Store;

    use super::*;

    fn config(text: &str) -> untorn_live::Snapshot<Config> {
        let store = Store::builder().text("app.toml", text).start().unwrap();
        store.snapshot()
    }

    #[test]
    fn segments_lose_their_quotes() {
        let key = r#"hosts."a.example"."say \"hi\""."".port"#;
        let names: Vec<_> = segments(key).map(|(segment, _)| segment).collect();
        assert_eq!(names, ["hosts", "a.example", "say \"hi\"", "", "port"]);
        let above: Vec<_> = sections(key).collect();
        assert_eq!(above[..2], ["hosts", r#"hosts."a.example""#]);
        assert_eq!(above.len(), 4);
    }

    #[test]
    fn a_section_has_its_keys_in_order() {
        let config = config("[http]\nport = 80\nhost = \"a\"\n[https]\nport = 443\n[empty]");
        let Ok(Found::Section(keys)) = find(&config, "http") else {
            panic!("it is a section");
        };
        assert_eq!(keys, ["http.host", "http.port"]);
        assert!(matches!(find(&config, "empty"), Ok(Found::Key(_))));
        assert!(matches!(find(&config, ""), Ok(Found::Section(keys)) if keys.len() == 4));
    }

    #[test]
    fn a_similar_key_or_section_is_suggested() {
        let config = config("[http]\nport = 80\n[http.limits]\nrps = 5");
        let error = |key| find(&config, key).err().unwrap();
        assert!(error("http.prot").ends_with("did you mean `http.port`?"));
        assert!(error("htpp").ends_with("did you mean `http`?"));
        assert!(error("http.limit").ends_with("did you mean `http.limits`?"));
        assert!(error("zzz").contains("lists all keys"));
        // That both are in one section makes no key similar, but there is the section.
        assert!(error("http.name").ends_with("did you mean `http`?"));
    }
}
