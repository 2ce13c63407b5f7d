//! Axes whose labeled positions are given.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use untorn_lab::markdown::thousands;

/// Labeled positions on an axis, and the range of the axis.
pub(crate) struct Axis {
    range: RangedCoordf64,
    labels: Vec<(f64, String)>,
}

impl Axis {
    fn new(from: f64, to: f64, labels: impl IntoIterator<Item = (f64, String)>) -> Self {
        Self {
            range: (from..to).into(),
            labels: labels.into_iter().collect(),
        }
    }

    /// Creates an axis from 0 to `last`.
    pub(crate) fn linear(last: f64) -> Self {
        // At most six steps, each a round number.
        let rough = last.max(1.0) / 6.0;
        let decade = 10f64.powf(rough.log10().floor());
        let round = [1.0, 2.0, 5.0].map(|step| step * decade).into_iter();
        let step = round.fold(10.0 * decade, |step, smaller| {
            if smaller >= rough {
                step.min(smaller)
            } else {
                step
            }
        });
        let labels = (0..=(last / step) as usize).map(|i| i as f64 * step);
        Self::new(0.0, last, labels.map(|value| (value, count(value))))
    }

    /// Creates an axis with these positions, labeled with these values.
    pub(crate) fn values(positions: &[f64], values: &[f64]) -> Self {
        let ends = positions.first().zip(positions.last());
        let (first, last) = ends.unwrap_or((&0.0, &0.0));
        let margin = (last - first).max(1.0) * 0.04;
        let labels = positions.iter().zip(values);
        let labels = labels.map(|(&position, &value)| (position, count(value)));
        Self::new(first - margin, last + margin, labels)
    }

    /// Creates an axis of logarithms of nanoseconds, in whole decades.
    pub(crate) fn decades(logarithms: impl Iterator<Item = f64>) -> Self {
        let range = |(least, most): (f64, f64), next: f64| (least.min(next), most.max(next));
        let (least, most) = logarithms.fold((f64::INFINITY, f64::NEG_INFINITY), range);
        let (from, to) = (least.floor() as i32, most.ceil() as i32);
        let labels = (from..=to).map(|power| (f64::from(power), duration(power)));
        Self::new(f64::from(from), f64::from(to), labels)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.labels.iter().map(|&(position, _)| position).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.range()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let label = self.labels.iter().find(|(position, _)| position == value);
        label.map_or_else(String::new, |(_, label)| label.clone())
    }
}

/// Formats a count.
fn count(value: f64) -> String {
    match value.round() as usize {
        millions if millions >= 1_000_000 => format!("{} M", millions / 1_000_000),
        few => thousands(few),
    }
}

/// Formats a power of ten of nanoseconds.
fn duration(power: i32) -> String {
    let (unit, name) = match power {
        ..3 => (0, "ns"),
        3..6 => (3, "µs"),
        6..9 => (6, "ms"),
        9.. => (9, "s"),
    };
    format!("{} {name}", 10f64.powi(power - unit))
}
