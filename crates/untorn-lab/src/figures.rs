//! Figures of a benchmark as a CSV file, `figures/NAME.csv` below the target folder, for
//! `just plots`.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::compare::Row;

const HEADER: &str = "series,x,median,p10,p90";

/// Series of points with the median, the tenth and the ninetieth percentile of a figure.
pub struct Figures {
    name: String,
    points: Vec<Point>,
}

struct Point {
    series: String,
    x: f64,
    spread: [f64; 3],
}

impl Figures {
    /// Creates figures without points.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            points: Vec::new(),
        }
    }

    /// Adds a point to a series.
    pub fn point(&mut self, series: &str, x: f64, spread: [f64; 3]) {
        self.points.push(Point {
            series: series.into(),
            x,
            spread,
        });
    }

    /// Adds the times of a comparison, a point to each candidate's series.
    pub fn column(&mut self, x: f64, rows: &[Row]) {
        for row in rows {
            self.point(&row.name, x, row.nanoseconds);
        }
    }

    /// Returns the names of the series, in the order in which they were added.
    #[must_use]
    pub fn series(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for point in &self.points {
            if !names.contains(&point.series.as_str()) {
                names.push(point.series.as_str());
            }
        }
        names
    }

    /// Returns the points of a series: position, and median, tenth and ninetieth percentile.
    pub fn points(&self, series: &str) -> impl Iterator<Item = (f64, [f64; 3])> {
        let points = self.points.iter().filter(move |p| p.series == series);
        points.map(|point| (point.x, point.spread))
    }

    /// Writes the file, if there are points: those of a former run are replaced.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub fn write(&self) -> io::Result<()> {
        if self.points.is_empty() {
            return Ok(());
        }
        let path = path(&self.name)?;
        fs::create_dir_all(path.parent().expect("below the target folder"))?;
        fs::write(path, self.csv())
    }

    /// Reads the file of the last run.
    ///
    /// # Errors
    /// Returns an error if the benchmark has not run, or if the file is not one of its files.
    pub fn read(name: &str) -> io::Result<Self> {
        let path = path(name)?;
        let text = fs::read_to_string(&path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        Self::parse(name, &text).ok_or_else(|| {
            let what = format!("{}: not the figures of a benchmark", path.display());
            io::Error::new(io::ErrorKind::InvalidData, what)
        })
    }

    fn csv(&self) -> String {
        let mut text = format!("{HEADER}\n");
        for Point { series, x, spread } in &self.points {
            let [median, low, high] = spread;
            text += &format!("\"{series}\",{x},{median},{low},{high}\n");
        }
        text
    }

    fn parse(name: &str, text: &str) -> Option<Self> {
        let mut figures = Self::new(name);
        for line in text.strip_prefix(HEADER)?.lines().skip(1) {
            let (series, numbers) = line.strip_prefix('"')?.split_once("\",")?;
            let numbers: Vec<f64> = numbers
                .split(',')
                .map(|number| number.parse().ok())
                .collect::<Option<_>>()?;
            let [x, spread @ ..] = <[f64; 4]>::try_from(numbers).ok()?;
            figures.point(series, x, spread);
        }
        Some(figures)
    }
}

/// Returns the path of a file. The program is in the target folder, which Cargo marks.
fn path(name: &str) -> io::Result<PathBuf> {
    let program = env::current_exe()?;
    let is_target = |folder: &&Path| folder.join("CACHEDIR.TAG").exists();
    let target = program
        .ancestors()
        .find(is_target)
        .expect("below a target folder");
    Ok(target.join("figures").join(name).with_extension("csv"))
}

#[cfg(test)]
mod tests {
    use super::Figures;

    #[test]
    fn a_file_has_the_points_that_were_written() {
        let mut figures = Figures::new("get");
        figures.point("Map, a pin held", 16.0, [1.5, 1.25, 2.0]);
        figures.point("plain", 16.0, [1.0; 3]);
        figures.point("Map, a pin held", 1e7, [1e-3, 0.0, 3e9]);
        let read = Figures::parse("get", &figures.csv()).expect("its own text");
        assert_eq!(read.series(), ["Map, a pin held", "plain"]);
        let points: Vec<_> = read.points("Map, a pin held").collect();
        assert_eq!(points, [(16.0, [1.5, 1.25, 2.0]), (1e7, [1e-3, 0.0, 3e9])]);
    }

    #[test]
    fn other_files_are_rejected() {
        for text in ["", "series,x\n", "series,x,median,p10,p90\nplain,1,2,3,4\n"] {
            assert!(Figures::parse("get", text).is_none(), "{text}");
        }
    }
}
