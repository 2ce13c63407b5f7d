//! Data with an invariant: every key has the number of its generation, and the last one a checksum.

use std::collections::BTreeMap;
use std::fmt::Write;

use untorn_live::Config;

/// The keys that carry the number.
const KEYS: u64 = 24;

/// Returns the checksum of a generation.
pub(crate) fn checksum(generation: u64) -> i64 {
    let mixed = (generation + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 16) as i64
}

/// Returns a generation as TOML. The checksum stands last, so half of the text lacks it.
pub(crate) fn toml(generation: u64) -> String {
    let mut text = format!("# {}\n[data]\n", "=".repeat((generation % 40) as usize));
    for key in 0..KEYS {
        _ = writeln!(text, "k{key} = {generation}");
    }
    _ = writeln!(text, "[end]\nchecksum = {}", checksum(generation));
    text
}

/// Returns the keys of a generation.
pub(crate) fn keys(generation: u64) -> BTreeMap<String, i64> {
    let data = (0..KEYS).map(|key| (format!("data.k{key}"), generation as i64));
    let end = ("end.checksum".to_string(), checksum(generation));
    data.chain([end]).collect()
}

/// Returns the generation of a configuration; `Ok(None)` if it has none of the keys.
///
/// # Errors
/// If the keys are not of one generation.
pub(crate) fn of(config: &Config) -> Result<Option<u64>, String> {
    let Some(first) = config.get("data.k0") else {
        let rest = config.keys().filter(|key| key.starts_with("data."));
        let rest = rest.count() + usize::from(config.contains_key("end.checksum"));
        return match rest {
            0 => Ok(None),
            rest => Err(format!("only {rest} keys")),
        };
    };
    let first = first.as_integer().ok_or("not a number")?;
    for key in 0..KEYS {
        let value = config.get(&format!("data.k{key}"));
        if value.and_then(|value| value.as_integer()) != Some(first) {
            return Err(format!("k{key} is {value:?} and k0 is {first}"));
        }
    }
    let end = config.get("end.checksum");
    if end.and_then(|value| value.as_integer()) != Some(checksum(first as u64)) {
        return Err(format!("the checksum of {first} is {end:?}"));
    }
    Ok(Some(first as u64))
}
