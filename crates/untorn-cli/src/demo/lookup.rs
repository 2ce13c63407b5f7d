//! `demo lookup`: prepared tables, and the path that each lookup takes.

use std::io;

use clap::builder::{PossibleValue, PossibleValuesParser};
use serde::Serialize;
use untorn::Overlap;

use super::lookup_cases::{self, LookupCase, Outcome};
use crate::output::Output;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Show only this scene; all of them by default.
    #[arg(value_parser = PossibleValuesParser::new(lookup_cases::names().into_iter().map(with_aliases)))]
    scene: Option<String>,
}

/// Accepts a name with hyphens or with underscores.
fn with_aliases(name: &'static str) -> PossibleValue {
    let spellings = [name.replace('_', "-"), name.replace('-', "_")];
    PossibleValue::new(name).aliases(spellings.into_iter().filter(|spelling| spelling != name))
}

/// One lookup, for scripts.
#[derive(Serialize)]
struct Document<'c> {
    scene: &'c str,
    table: &'c str,
    asked: &'c str,
    function: Option<&'static str>,
    found: Option<bool>,
    hash_calls: Option<usize>,
    full_compares: Option<usize>,
    steps: Vec<String>,
    report: Option<String>,
}

/// Runs and shows one lookup or all of them.
pub(crate) fn show(output: &Output, options: &Args) -> io::Result<()> {
    let cases = lookup_cases::all();
    // The name may be an alias, with hyphens for underscores or the reverse.
    let hyphens = |name: &str| name.replace('_', "-");
    let only = options.scene.as_deref();
    let chosen = cases
        .iter()
        .filter(|case| only.is_none_or(|name| hyphens(case.name) == hyphens(name)));
    let mut documents = Vec::new();
    for case in chosen {
        let outcome = (case.run)();
        output.heading(case.name);
        output.line(format_args!("  {}", case.table));
        output.line(format_args!("  {}", case.key));
        match &outcome {
            Outcome::Path(lookup) => {
                for line in lookup.to_string().lines() {
                    output.line(format_args!("    {line}"));
                }
                output.aside(format_args!(
                    "    hashed {}, whole keys compared {}",
                    times(lookup.hash_calls()),
                    times(lookup.full_compares())
                ));
            }
            Outcome::Report(overlap) => {
                for line in fatal_report(overlap).lines() {
                    output.line(format_args!("    {line}"));
                }
            }
        }
        output.line("");
        documents.push(document(case, &outcome));
    }
    output.document(&documents)
}

/// Formats the report as a program that exits on an overlap prints it.
fn fatal_report(overlap: &Overlap) -> String {
    format!("fatal error: {overlap}")
}

fn document<'c>(case: &'c LookupCase, outcome: &Outcome) -> Document<'c> {
    let lookup = match outcome {
        Outcome::Path(lookup) => Some(lookup),
        Outcome::Report(_) => None,
    };
    Document {
        scene: case.name,
        table: case.table,
        asked: case.key,
        function: lookup.map(|lookup| lookup.function()),
        found: lookup.map(|lookup| lookup.found()),
        hash_calls: lookup.map(|lookup| lookup.hash_calls()),
        full_compares: lookup.map(|lookup| lookup.full_compares()),
        steps: lookup.map_or_else(Vec::new, |lookup| {
            lookup.steps().iter().map(ToString::to_string).collect()
        }),
        report: match outcome {
            Outcome::Path(_) => None,
            Outcome::Report(overlap) => Some(fatal_report(overlap)),
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
