//! Figures as Markdown tables, ready for `docs/benchmarks.md`.

use std::fs;
use std::thread::available_parallelism;

use crate::compare::{Row, rounds};

/// A table with a column for each size and a row for each candidate.
pub struct MarkdownTable {
    title: String,
    /// Every row shows its time, not only the first.
    times: bool,
    columns: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

impl MarkdownTable {
    /// Creates an empty table. The first row shows the median time of one operation; the other rows
    /// show the median of the ratio to it in the same round, with the tenth and the ninetieth
    /// percentile.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            times: false,
            columns: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Creates an empty table in which every row shows its median time, too.
    #[must_use]
    pub fn with_times(title: impl Into<String>) -> Self {
        Self {
            times: true,
            ..Self::new(title)
        }
    }

    /// Adds a column with the result of a comparison.
    pub fn column(&mut self, name: impl Into<String>, rows: &[Row]) {
        let cells = rows.iter().enumerate().map(|(i, row)| {
            let [nanoseconds, ..] = row.nanoseconds;
            let cell = match (i, self.times) {
                (0, _) => time(nanoseconds),
                (_, false) => ratio(row.ratio),
                (_, true) => format!("{}; {}", time(nanoseconds), ratio(row.ratio)),
            };
            (row.name.clone(), cell)
        });
        let cells: Vec<_> = cells.collect();
        self.cells(name, cells);
    }

    /// Adds a column of formatted cells, each with the name of its row.
    pub fn cells(
        &mut self,
        name: impl Into<String>,
        cells: impl IntoIterator<Item = (String, String)>,
    ) {
        for (row, cell) in cells {
            let found = self.rows.iter_mut().find(|(name, _)| *name == row);
            let row = match found {
                Some((_, row)) => row,
                None => {
                    self.rows.push((row, Vec::new()));
                    let (_, row) = self.rows.last_mut().expect("just pushed");
                    row
                }
            };
            row.resize(self.columns.len(), String::new());
            row.push(cell);
        }
        self.columns.push(name.into());
    }

    /// Returns the table as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!("| {} | {} |\n", self.title, self.columns.join(" | "));
        text += &format!("|---{}|\n", "|---".repeat(self.columns.len()));
        for (name, cells) in &self.rows {
            text += &format!("| {name} | {} |\n", cells.join(" | "));
        }
        text
    }

    /// Prints the table if it has a column.
    pub fn print(&self) {
        if !self.columns.is_empty() {
            println!("{}", self.markdown());
        }
    }
}

/// Formats the median ratio and its spread with the significant digits.
#[must_use]
pub fn ratio(spread: [f64; 3]) -> String {
    let digits = |ratio: f64| match spread[0] {
        small if small < 10.0 => format!("{ratio:.2}"),
        _ => thousands(ratio.round() as usize),
    };
    let [median, low, high] = spread.map(digits);
    format!("{median} ({low} to {high})")
}

/// Formats a time in a suitable unit.
#[must_use]
pub fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        short if short < 100.0 => format!("{short:.1} ns"),
        some if some < 1e3 => format!("{some:.0} ns"),
        many if many < 1e6 => format!("{:.1} µs", many / 1e3),
        long => format!("{:.1} ms", long / 1e6),
    }
}

/// Formats the median of a time and its spread.
#[must_use]
pub fn times(spread: [f64; 3]) -> String {
    let [median, low, high] = spread.map(time);
    format!("{median} ({low} to {high})")
}

/// Formats a number with commas.
#[must_use]
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Prints the header of a benchmark: processors, model, number of rounds.
pub fn print_header() {
    let processors = available_parallelism().map_or(1, usize::from);
    println!(
        "{processors} processors, {}; {} interleaved rounds in random order.\n",
        model().unwrap_or_else(|| "of an unknown model".into()),
        rounds()
    );
}

/// Reads the processor's model from `/proc/cpuinfo`, on Linux.
fn model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.trim().into())
}

#[cfg(test)]
mod tests {
    use super::{MarkdownTable, ratio, thousands};
    use crate::compare::Row;

    fn rows(nanoseconds: f64) -> [Row; 2] {
        [("plain", 1.0), ("other", 2.0)].map(|(name, times)| Row {
            name: name.into(),
            nanoseconds: [nanoseconds * times; 3],
            ratio: [times, times - 0.5, times + 0.5],
        })
    }

    #[test]
    fn a_table_has_a_column_for_each_size() {
        let mut table = MarkdownTable::new("get");
        table.column("16", &rows(4.2));
        table.column("1,000", &rows(1234.0));
        let expected = "\
| get | 16 | 1,000 |
|---|---|---|
| plain | 4.2 ns | 1.2 µs |
| other | 2.00 (1.50 to 2.50) | 2.00 (1.50 to 2.50) |
";
        assert_eq!(table.markdown(), expected);
    }

    #[test]
    fn every_row_can_show_its_time() {
        let mut table = MarkdownTable::with_times("put");
        table.column("16", &rows(100.0));
        let last = table.markdown().lines().last().map(String::from);
        let expected = "| other | 200 ns; 2.00 (1.50 to 2.50) |";
        assert_eq!(last.as_deref(), Some(expected));
    }

    #[test]
    fn ratios_have_their_significant_digits() {
        assert_eq!(ratio([0.954, 0.9, 1.0]), "0.95 (0.90 to 1.00)");
        assert_eq!(ratio([12_345.6, 9.6, 20_000.0]), "12,346 (10 to 20,000)");
    }

    #[test]
    fn commas() {
        let all = [0, 16, 999, 1_000, 10_000, 123_456, 1_000_000].map(thousands);
        let expected = ["0", "16", "999", "1,000", "10,000", "123,456", "1,000,000"];
        assert_eq!(all, expected);
    }
}
