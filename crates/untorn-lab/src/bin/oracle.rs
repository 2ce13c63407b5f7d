//! The long run of the oracle: `oracle [STEPS [SEED]]`. Exits with status 1 on a difference, 2 if
//! it cannot run.

use std::process::ExitCode;
use std::time::Instant;

use untorn_lab::oracle::{Oracle, run};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| {
        arguments.next().map_or(Some(default), |argument| {
            argument.replace('_', "").parse::<u64>().ok()
        })
    };
    let (Some(steps), Some(seed)) = (number(20_000_000), number(1)) else {
        eprintln!("usage: oracle [STEPS [SEED]]");
        return ExitCode::from(2);
    };
    let mut oracle = match Oracle::start() {
        Ok(oracle) => oracle,
        Err(reason) => {
            eprintln!("cannot run the oracle: {reason}");
            return ExitCode::from(2);
        }
    };
    println!(
        "{steps} steps from seed {seed}, beside {}",
        oracle.version()
    );
    let start = Instant::now();
    match run(&mut oracle, seed, steps) {
        Ok(coverage) => {
            println!(
                "\n{coverage}\n\nno difference, in {:.0} s",
                start.elapsed().as_secs_f64()
            );
            ExitCode::SUCCESS
        }
        Err(report) => {
            println!("\n{report}");
            ExitCode::FAILURE
        }
    }
}
