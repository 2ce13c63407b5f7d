//! Draws `docs/plots` from the figures of the last benchmarks; see `just plots`.

mod axis;
mod chart;

use std::error::Error;
use std::fs;
use std::path::Path;

use untorn_lab::figures::Figures;

use self::chart::{Chart, Line, Panel, Positions};

/// The series of the plot of gets; the tables have all.
const GETS: [(&str, &str); 9] = [
    ("hashbrown::HashMap", "plain HashMap, not shared"),
    ("Map, one view held", "Map, a view held"),
    ("Map, a pin for each get", "Map, a pin for each get"),
    (
        "ArcSwap of a HashMap, a load for each get",
        "ArcSwap of a HashMap, a load for each get",
    ),
    ("papaya, a pin for each get", "papaya, a pin for each get"),
    ("dashmap", "dashmap"),
    ("scc::HashMap, read_sync", "scc::HashMap"),
    (
        "std RwLock of a HashMap, a read lock for each get",
        "std RwLock of a HashMap",
    ),
    (
        "parking_lot RwLock of a HashMap, a read lock for each get",
        "parking_lot RwLock of a HashMap",
    ),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/plots");
    fs::create_dir_all(&folder)?;
    for (name, chart) in [
        ("get", gets()?),
        ("commit", commits()?),
        ("freeing", freeing()?),
    ] {
        chart.draw(&folder.join(name).with_extension("svg"))?;
    }
    Ok(())
}

fn gets() -> Result<Chart, Box<dyn Error>> {
    let panel = |order: &str| -> Result<Panel, Box<dyn Error>> {
        let figures = Figures::read(&format!("get-u64-{order}"))?;
        let lines = GETS.into_iter();
        let lines = lines.map(|(series, name)| Line::new(name, figures.points(series)));
        Ok(Panel {
            title: format!("{order} keys"),
            x: "keys in the map".into(),
            positions: Positions::Logarithmic,
            lines: lines.collect(),
        })
    };
    Ok(Chart {
        title: "Time of a get by the size of the map (u64, one thread)".into(),
        y: "time of a get".into(),
        panels: [panel("independent")?, panel("dependent")?],
    })
}

fn commits() -> Result<Chart, Box<dyn Error>> {
    let panel = |name: &str, title: &str, x: &str| -> Result<Panel, Box<dyn Error>> {
        let figures = Figures::read(name)?;
        let lines = figures.series().into_iter();
        let lines = lines.map(|series| Line::new(series, figures.points(series)));
        Ok(Panel {
            title: title.into(),
            x: x.into(),
            positions: Positions::Steps,
            lines: lines.collect(),
        })
    };
    Ok(Chart {
        title: "Time to write one key of 1,000, by other threads that read".into(),
        y: "time of a commit".into(),
        panels: [
            panel(
                "commits-living",
                "threads that live",
                "threads, each reads once a second",
            )?,
            panel(
                "commits-ended",
                "threads that have ended",
                "threads that have read and ended",
            )?,
        ],
    })
}

fn freeing() -> Result<Chart, Box<dyn Error>> {
    let panel = |kind: &str| -> Result<Panel, Box<dyn Error>> {
        let figures = Figures::read(&format!("freeing-{kind}"))?;
        let level = |series: &str, name: &str| {
            let [(_, spread)] = figures.points(series).collect::<Vec<_>>()[..] else {
                return Err(format!("no single figure of {series:?} for {kind}"));
            };
            Ok(Line::level(name, spread))
        };
        Ok(Panel {
            title: format!("{kind} keys"),
            x: "commits after the view was dropped".into(),
            positions: Positions::Linear,
            lines: vec![
                Line::trace(
                    "Map, each commit of one key",
                    figures.points("Map, inserts"),
                ),
                level("Map, `reclaim()`", "Map, one call of reclaim()")?,
                level(
                    "ArcSwap of a HashMap",
                    "ArcSwap of a HashMap, the reader's drop of the view",
                )?,
            ],
        })
    };
    Ok(Chart {
        title: "Freeing a million entries that were cleared while a view was open".into(),
        y: "time of one call".into(),
        panels: [panel("u64")?, panel("String")?],
    })
}
