//! `demo lookup`: the scenes, and the path that each look-up takes.

use std::io;

use serde::Serialize;
use untorn::Overlap;

use super::scenes::{self, Scene, Told};
use crate::output::Output;

/// One scene, for scripts.
#[derive(Serialize)]
struct Document<'s> {
    scene: &'s str,
    table: &'s str,
    asked: &'s str,
    function: Option<&'static str>,
    found: Option<bool>,
    hash_calls: Option<usize>,
    full_compares: Option<usize>,
    steps: Vec<String>,
    report: Option<String>,
}

/// Shows one scene or all of them.
pub(crate) fn show(output: &Output, only: Option<&str>) -> io::Result<()> {
    let scenes = scenes::all();
    // It may have been asked for with hyphens or with underscores.
    let hyphens = |name: &str| name.replace('_', "-");
    let chosen = scenes
        .iter()
        .filter(|scene| only.is_none_or(|name| hyphens(scene.name) == hyphens(name)));
    let mut documents = Vec::new();
    for scene in chosen {
        let told = (scene.look_up)();
        output.heading(scene.name);
        output.line(format_args!("  {}", scene.table));
        output.line(format_args!("  {}", scene.asked));
        match &told {
            Told::Path(lookup) => {
                for line in lookup.to_string().lines() {
                    output.line(format_args!("    {line}"));
                }
                output.aside(format_args!(
                    "    hashed {}, whole keys compared {}",
                    times(lookup.hash_calls()),
                    times(lookup.full_compares())
                ));
            }
            Told::Report(overlap) => {
                for line in as_it_ends(overlap).lines() {
                    output.line(format_args!("    {line}"));
                }
            }
        }
        output.line("");
        documents.push(document(scene, &told));
    }
    output.document(&documents)
}

/// The report that a program ends with at this branch, which this one survives.
fn as_it_ends(overlap: &Overlap) -> String {
    format!("fatal error: {overlap}")
}

fn document<'s>(scene: &'s Scene, told: &Told) -> Document<'s> {
    let lookup = match told {
        Told::Path(lookup) => Some(lookup),
        Told::Report(_) => None,
    };
    Document {
        scene: scene.name,
        table: scene.table,
        asked: scene.asked,
        function: lookup.map(|lookup| lookup.function()),
        found: lookup.map(|lookup| lookup.found()),
        hash_calls: lookup.map(|lookup| lookup.hash_calls()),
        full_compares: lookup.map(|lookup| lookup.full_compares()),
        steps: lookup.map_or_else(Vec::new, |lookup| {
            lookup.steps().iter().map(ToString::to_string).collect()
        }),
        report: match told {
            Told::Path(_) => None,
            Told::Report(overlap) => Some(as_it_ends(overlap)),
        },
    }
}

fn times(count: usize) -> String {
    match count {
        0 => "never".into(),
        1 => "once".into(),
        2 => "twice".into(),
        more => format!("{more} times"),
    }
}
