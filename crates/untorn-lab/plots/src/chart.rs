//! Charts of two panels with common colors and a legend below, on a solid background, so that they
//! are legible on light and dark pages.

use std::error::Error;
use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged;
use plotters::prelude::*;

use super::axis::Axis;

const WIDTH: u32 = 1000;
const PANEL: u32 = 400;
const TITLE: u32 = 44;
const LEGEND_ROW: u32 = 26;

/// Names of more characters than this are in two columns, others in three.
const SHORT_NAME: usize = 42;

/// A generic family, since the page's reader draws the text.
const FONT: &str = "sans-serif";

const GRID: RGBColor = RGBColor(225, 225, 225);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// A figure with two panels side by side.
pub(crate) struct Chart {
    pub(crate) title: String,
    /// The description of the common vertical axis, which is a logarithmic one of times.
    pub(crate) y: String,
    pub(crate) panels: [Panel; 2],
}

/// One pair of axes.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) x: String,
    pub(crate) positions: Positions,
    pub(crate) lines: Vec<Line>,
}

/// The horizontal positions of points.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Positions {
    Linear,
    Logarithmic,
    /// One step for each value, however far apart the values are.
    Steps,
}

/// The way a line is drawn.
#[derive(Clone, Copy, PartialEq)]
enum Drawn {
    /// A mark at each point, with the spread.
    Marked,
    /// Many points, without marks.
    Trace,
    /// One figure, dashed across the panel.
    Level,
}

/// A named series: horizontal value, and median, tenth and ninetieth percentile.
pub(crate) struct Line {
    name: String,
    points: Vec<(f64, [f64; 3])>,
    drawn: Drawn,
}

impl Line {
    pub(crate) fn new(name: &str, points: impl Iterator<Item = (f64, [f64; 3])>) -> Self {
        Self {
            name: name.into(),
            points: points.collect(),
            drawn: Drawn::Marked,
        }
    }

    pub(crate) fn trace(name: &str, points: impl Iterator<Item = (f64, [f64; 3])>) -> Self {
        Self {
            drawn: Drawn::Trace,
            ..Self::new(name, points)
        }
    }

    pub(crate) fn level(name: &str, spread: [f64; 3]) -> Self {
        Self {
            drawn: Drawn::Level,
            ..Self::new(name, [(0.0, spread)].into_iter())
        }
    }

    /// Returns the color: one for each map, in all charts, from a palette for all kinds of color
    /// vision.
    fn style(&self) -> ShapeStyle {
        const COLORS: [(&str, RGBColor); 9] = [
            ("Map", RGBColor(0, 90, 181)),
            ("Published", RGBColor(86, 180, 233)),
            ("ArcSwap", RGBColor(230, 159, 0)),
            ("papaya", RGBColor(213, 94, 0)),
            ("dashmap", RGBColor(204, 121, 167)),
            ("scc", RGBColor(0, 158, 115)),
            ("std", RGBColor(120, 120, 120)),
            ("parking_lot", RGBColor(140, 100, 40)),
            ("plain", BLACK),
        ];
        let known = COLORS
            .into_iter()
            .find(|(map, _)| self.name.starts_with(map));
        let color = known.map_or(BLACK, |(_, color)| color);
        let width = match self.drawn {
            Drawn::Trace => 1,
            _ if self.name.starts_with("Map") => 3,
            _ => 2,
        };
        color.stroke_width(width)
    }

    /// Returns whether the line is dashed: one figure, or a map that is not pinned anew.
    fn is_dashed(&self) -> bool {
        self.drawn == Drawn::Level || self.name.ends_with("held")
    }
}

impl Chart {
    /// Draws the chart as an SVG file.
    pub(crate) fn draw(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let lines = &self.panels[0].lines;
        let columns = if lines.iter().all(|line| line.name.len() <= SHORT_NAME) {
            3
        } else {
            2
        };
        let legend = LEGEND_ROW * lines.len().div_ceil(columns) as u32 + 14;
        let height = TITLE + PANEL + legend;
        let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
        root.fill(&WHITE)?;
        let title = (FONT, 22).into_font().color(&BLACK);
        root.draw(&Text::new(self.title.as_str(), (16, 14), title))?;
        let (_, below) = root.split_vertically(TITLE);
        let (panels, legend) = below.split_vertically(PANEL);
        let (left, right) = panels.split_horizontally(WIDTH / 2);
        for (area, panel) in [left, right].iter().zip(&self.panels) {
            panel.draw(area, &self.y, self.times())?;
        }
        draw_legend(&legend, lines, columns)?;
        root.present()?;
        Ok(())
    }

    /// Returns the vertical axis that both panels have.
    fn times(&self) -> Axis {
        let lines = self.panels.iter().flat_map(|panel| &panel.lines);
        let spreads = lines.flat_map(|line| &line.points);
        let times = spreads.flat_map(|(_, spread)| spread.map(f64::log10));
        Axis::decades(times)
    }
}

impl Panel {
    fn draw(&self, area: &Area<'_>, y: &str, times: Axis) -> Result<(), Box<dyn Error>> {
        let values = self.values();
        let axis = self.axis(&values);
        let Range { start, end } = axis.range();
        let label = (FONT, 15).into_font().color(&BLACK);
        let mut chart = ChartBuilder::on(area)
            .margin(12)
            .margin_right(26)
            .caption(&self.title, (FONT, 17))
            .x_label_area_size(48)
            .y_label_area_size(76)
            .build_cartesian_2d(axis, times)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(BLACK)
            .label_style(label.clone())
            .axis_desc_style(label)
            .x_desc(&self.x)
            .y_desc(y)
            .draw()?;
        for line in &self.lines {
            let style = line.style();
            let at = |x, time: f64| {
                (
                    self.position(x, &values),
                    time.max(f64::MIN_POSITIVE).log10(),
                )
            };
            let points: Vec<(f64, f64)> = match (line.drawn, line.points.as_slice()) {
                (Drawn::Level, [(_, [time, ..])]) => {
                    [start, end].map(|x| (x, time.log10())).to_vec()
                }
                (_, points) => points.iter().map(|(x, [time, ..])| at(*x, *time)).collect(),
            };
            if line.is_dashed() {
                chart.draw_series(DashedLineSeries::new(points.clone(), 7, 4, style))?;
            } else {
                chart.draw_series(LineSeries::new(points.clone(), style))?;
            }
            if line.drawn == Drawn::Marked {
                let bars = line.points.iter().map(|(x, [_, low, high])| {
                    PathElement::new([at(*x, *low), at(*x, *high)], style.stroke_width(1))
                });
                chart.draw_series(bars)?;
                let marks = points.iter();
                chart.draw_series(marks.map(|&point| Circle::new(point, 3, style.filled())))?;
            }
        }
        Ok(())
    }

    /// Returns the horizontal values of all lines, in order.
    fn values(&self) -> Vec<f64> {
        let points = self.lines.iter().flat_map(|line| &line.points);
        let mut values: Vec<f64> = points.map(|&(x, _)| x).collect();
        values.sort_by(f64::total_cmp);
        values.dedup();
        values
    }

    fn position(&self, x: f64, values: &[f64]) -> f64 {
        match self.positions {
            Positions::Linear => x,
            Positions::Logarithmic => x.log10(),
            Positions::Steps => values.partition_point(|&value| value < x) as f64,
        }
    }

    fn axis(&self, values: &[f64]) -> Axis {
        if self.positions == Positions::Linear {
            return Axis::linear(values.last().copied().unwrap_or(0.0));
        }
        let positions: Vec<f64> = values.iter().map(|&x| self.position(x, values)).collect();
        Axis::values(&positions, values)
    }
}

fn draw_legend(area: &Area<'_>, lines: &[Line], columns: usize) -> Result<(), Box<dyn Error>> {
    let column = WIDTH as i32 / columns as i32;
    for (i, line) in lines.iter().enumerate() {
        let x = 24 + column * (i % columns) as i32;
        let y = 12 + LEGEND_ROW as i32 * (i / columns) as i32;
        let style = line.style();
        let parts = if line.is_dashed() { 3 } else { 1 };
        let length = 30 / parts;
        for part in 0..parts {
            let start = x + part * (length + 1);
            let end = start + length - if parts > 1 { 4 } else { 0 };
            area.draw(&PathElement::new([(start, y), (end, y)], style))?;
        }
        if line.drawn == Drawn::Marked {
            area.draw(&Circle::new((x + 15, y), 3, style.filled()))?;
        }
        let label = (FONT, 14).into_font().color(&BLACK);
        area.draw(&Text::new(line.name.as_str(), (x + 38, y - 7), label))?;
    }
    Ok(())
}
