//! Keys: dotted paths, in which a segment that has a dot is quoted.

/// The most segments of a path, and the deepest nesting of a document, so that recursion is
/// bounded, also that of the cache, whose JSON needs three levels for each.
pub(crate) const MAX_DEPTH: usize = 40;

/// The separator of segments.
const DOT: char = '.';

/// Appends a segment to a path. A segment that is empty, or has a dot or a quote, is quoted as in
/// TOML.
pub(crate) fn push_segment(path: &mut String, segment: &str) {
    if !path.is_empty() {
        path.push(DOT);
    }
    if !segment.is_empty() && !segment.contains([DOT, '"']) {
        path.push_str(segment);
        return;
    }
    path.push('"');
    for character in segment.chars() {
        if matches!(character, '"' | '\\') {
            path.push('\\');
        }
        path.push(character);
    }
    path.push('"');
}

/// Returns the path of a segment below a parent, which is empty for the root.
pub(crate) fn joined(parent: &str, segment: &str) -> String {
    let mut path = String::with_capacity(parent.len() + 1 + segment.len());
    path.push_str(parent);
    push_segment(&mut path, segment);
    path
}

/// Returns the path of a path below a parent.
pub(crate) fn below(parent: &str, path: &str) -> std::sync::Arc<str> {
    match parent {
        "" => path.into(),
        parent => format!("{parent}.{path}").into(),
    }
}

/// Returns whether `key` is `section` or below it. The empty section has all keys.
pub(crate) fn is_in(key: &str, section: &str) -> bool {
    section.is_empty()
        || key
            .strip_prefix(section)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(DOT))
}

/// Returns the part of `key` below `section`; `None` for the section itself and for keys outside.
pub(crate) fn relative<'k>(key: &'k str, section: &str) -> Option<&'k str> {
    if section.is_empty() {
        return Some(key);
    }
    key.strip_prefix(section)?.strip_prefix(DOT)
}

/// Splits the first segment off a path, and removes its quotes.
pub(crate) fn split_first(path: &str) -> (String, Option<&str>) {
    let Some(quoted) = path.strip_prefix('"') else {
        return match path.split_once(DOT) {
            Some((first, rest)) => (first.into(), Some(rest)),
            None => (path.into(), None),
        };
    };
    let (mut segment, mut is_escaped) = (String::new(), false);
    for (index, character) in quoted.char_indices() {
        match character {
            _ if is_escaped => {
                segment.push(character);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '"' => {
                let rest = &quoted[index + 1..];
                return (segment, rest.strip_prefix(DOT));
            }
            _ => segment.push(character),
        }
    }
    // No closing quote: not a path that this crate made.
    (segment, None)
}

/// Returns whether a path is the one that its segments lead to, so that no other path is the same
/// key.
pub(crate) fn is_canonical(path: &str) -> bool {
    is_canonical_within(path, MAX_DEPTH)
}

/// Returns whether a path is the one that its segments lead to, and has at most so many.
pub(crate) fn is_canonical_within(path: &str, max_depth: usize) -> bool {
    let (mut canonical, mut depth) = (String::with_capacity(path.len()), 0);
    let mut rest = Some(path);
    while let Some(path) = rest {
        let (segment, tail) = split_first(path);
        push_segment(&mut canonical, &segment);
        depth += 1;
        rest = tail;
    }
    canonical == path && depth <= max_depth
}

/// Returns the paths above a path, the longest first, without the root.
pub(crate) fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let mut ends = Vec::new();
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (index, byte) in path.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'.' if !is_quoted => ends.push(index),
            _ => {}
        }
    }
    ends.into_iter().rev().map(|end| &path[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_with_a_dot_is_quoted() {
        let mut path = String::new();
        for segment in ["hosts", "a.example", "say \"hi\"", "", "port"] {
            push_segment(&mut path, segment);
        }
        assert_eq!(path, r#"hosts."a.example"."say \"hi\""."".port"#);
        let mut rest = Some(&*path);
        let mut segments = Vec::new();
        while let Some(path) = rest {
            let (first, tail) = split_first(path);
            segments.push(first);
            rest = tail;
        }
        assert_eq!(segments, ["hosts", "a.example", "say \"hi\"", "", "port"]);
    }

    #[test]
    fn each_key_has_one_canonical_path() {
        for path in [
            "a",
            "a.b",
            r#"a."b.c".d"#,
            r#""""#,
            r#"a."\"\\".b"#,
            "a b.\\",
        ] {
            assert!(is_canonical(path), "{path}");
        }
        for path in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            r#""a""#,
            r#"a."b""#,
            r#""a.b"#,
            r#""a.b"c"#,
        ] {
            assert!(!is_canonical(path), "{path}");
        }
        assert!(is_canonical(&["a"; MAX_DEPTH].join(".")));
        assert!(!is_canonical(&["a"; MAX_DEPTH + 1].join(".")));
    }

    #[test]
    fn ancestors_respect_quotes() {
        let above: Vec<_> = ancestors(r#"a."b.c".d"#).collect();
        assert_eq!(above, [r#"a."b.c""#, "a"]);
        assert_eq!(ancestors("a").count(), 0);
    }

    #[test]
    fn a_section_has_no_keys_with_a_longer_name() {
        assert!(is_in("http.port", "http") && is_in("http", "http") && is_in("x", ""));
        assert!(!is_in("https.port", "http"));
        assert_eq!(relative("http.port", "http"), Some("port"));
        assert_eq!(relative("http", "http"), None);
    }
}
