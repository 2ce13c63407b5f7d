//! `tsan` runs every scenario and prints a table; `tsan NAME...` runs those whose names contain one
//! of the words, and prints their complete output; `tsan --until-failure` stops at the first
//! unexpected result; `tsan run NAME` is used in each child process. Built and called by
//! `.ci/tsan`.

use std::env;
use std::process::ExitCode;

use untorn_lab::tsan::{Scenario, play, scenarios};

fn main() -> ExitCode {
    if !cfg!(untorn_tsan) {
        eprintln!("cannot run scenarios: this was built without ThreadSanitizer; use `just tsan`");
        return ExitCode::from(2);
    }
    let arguments: Vec<_> = env::args().skip(1).collect();
    let scenarios = scenarios();
    match &*arguments {
        [run, name] if run == "run" => {
            let Some(scenario) = scenarios.iter().find(|scenario| scenario.name == name) else {
                eprintln!("unknown scenario {name}");
                return ExitCode::from(2);
            };
            (scenario.run)();
            ExitCode::SUCCESS
        }
        [option] if option == "--until-failure" => table(&scenarios, &[], true),
        words => table(&scenarios, words, false),
    }
}

fn table(scenarios: &[Scenario], words: &[String], until_failure: bool) -> ExitCode {
    let chosen: Vec<_> = scenarios
        .iter()
        .filter(|scenario| {
            words.is_empty() || words.iter().any(|word| scenario.name.contains(word))
        })
        .collect();
    let mut failed = 0;
    println!("{:<44} {:<32} found", "scenario", "expected");
    for scenario in &chosen {
        let verdict = match play(scenario) {
            Ok(verdict) => verdict,
            Err(error) => {
                eprintln!("{}: {error}", scenario.name);
                return ExitCode::FAILURE;
            }
        };
        println!(
            "{:<44} {:<32} {}",
            scenario.name, verdict.expected, verdict.found
        );
        if !words.is_empty() {
            println!("{}", verdict.printed);
        }
        if let Some(problem) = verdict.problem {
            println!("FAILED  {}: {problem}", scenario.name);
            if words.is_empty() {
                println!(
                    "{}",
                    verdict
                        .printed
                        .lines()
                        .take(60)
                        .collect::<Vec<_>>()
                        .join("\n")
                );
            }
            failed += 1;
            if until_failure {
                break;
            }
        }
    }
    println!("{} scenarios, {failed} failed", chosen.len());
    if failed == 0 && !chosen.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
