//! The code that act 3 changes: two ways to write the pair and two to read it. The demo shows the
//! lines between the marks.
//!
//! The map is called `_map`, as in the note's program, because these lines are shown beside it.

use std::sync::Arc;

use untorn::Map;
use untorn_lab::rivals::Pair;

/// A value of the note's program, with the number of the refresh that stored it.
#[derive(Clone)]
pub(super) struct Value {
    _number: Arc<str>,
    pub(super) refresh: u64,
}

impl Value {
    /// Creates a random number as text, as the note's program stores it.
    pub(super) fn of(refresh: u64) -> Self {
        Self {
            _number: fastrand::u32(0..1000).to_string().into(),
            refresh,
        }
    }
}

pub(super) type Config = Map<&'static str, Value>;

fn refreshes(one: &Value, two: &Value) -> Option<Pair> {
    Some((one.refresh, two.refresh))
}

pub(super) fn write_separately(_map: &Config, one: Value, two: Value) {
    // [the writer, before
    _map.insert("1", one);
    _map.insert("2", two);
    // ]
}

pub(super) fn write_in_one_batch(_map: &Config, one: Value, two: Value) {
    // [the writer, after
    _map.batch(|_map| {
        _map.insert("1", one);
        _map.insert("2", two);
    });
    // ]
}

pub(super) fn read_separately(_map: &Config) -> Option<Pair> {
    // [the reader, before
    let one = _map.get("1")?;
    let two = _map.get("2")?;
    // ]
    refreshes(&one, &two)
}

pub(super) fn read_under_one_pin(_map: &Config) -> Option<Pair> {
    // [the reader, after
    let _map = _map.pin();
    let one = _map.get("1")?;
    let two = _map.get("2")?;
    // ]
    refreshes(one, two)
}

/// Returns the lines of this file between a mark and its end.
pub(super) fn lines(mark: &str) -> impl Iterator<Item = &'static str> {
    let start = format!("// [{mark}");
    include_str!("snippets.rs")
        .lines()
        .map(|line| line.strip_prefix("    ").unwrap_or(line))
        .skip_while(move |line| *line != start)
        .skip(1)
        .take_while(|line| *line != "// ]")
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn shown_lines_are_those_of_the_functions() {
        let shown = |mark| lines(mark).collect::<Vec<_>>();
        let insert = [r#"_map.insert("1", one);"#, r#"_map.insert("2", two);"#];
        assert_eq!(shown("the writer, before"), insert);
        assert_eq!(shown("the writer, after")[0], "_map.batch(|_map| {");
        assert_eq!(shown("the writer, after").len(), 4);
        let get = [
            r#"let one = _map.get("1")?;"#,
            r#"let two = _map.get("2")?;"#,
        ];
        assert_eq!(shown("the reader, before"), get);
        assert_eq!(shown("the reader, after")[0], "let _map = _map.pin();");
        assert_eq!(shown("the reader, after")[1..], get);
    }
}
