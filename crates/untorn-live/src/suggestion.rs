//! Suggestions for misspelled keys and sections.

/// The least similarity of a suggestion.
const SIMILAR: f64 = 0.75;

/// Returns the name that is most similar to one that does not exist, if one is similar enough.
pub(crate) fn similar<'n>(
    wanted: &str,
    names: impl IntoIterator<Item = &'n str>,
) -> Option<&'n str> {
    let names = names.into_iter();
    let similar = names
        .map(|name| (similarity(wanted, name), name))
        .filter(|(similarity, _)| *similarity > SIMILAR)
        // Independent of their order, since equal errors are reported once.
        .max_by(|(one, first), (other, second)| {
            one.total_cmp(other).then_with(|| second.cmp(first))
        });
    similar.map(|(_, name)| name)
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

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn shared_sections_do_not_count() {
        let names = ["http.host", "http.port", "http.limits.rps", "log"];
        assert_eq!(similar("http.prot", names), Some("http.port"));
        assert_eq!(similar("htpp.port", names), Some("http.port"));
        assert_eq!(similar("http.limit.rps", names), Some("http.limits.rps"));
        assert_eq!(similar("http.zzz", names), None);
        assert_eq!(similar("schlüssel.é", ["schlüssel.è"]), None);
    }
}
