//! Forces real overlaps and counts how many of them were reported: `forced [OVERLAPS]`. Exits with
//! status 1 if one was missed, or reported wrongly.

use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Instant;

use untorn_lab::forced::force;

fn main() -> ExitCode {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.replace('_', "").parse());
    let overlaps = arguments.next().unwrap_or(Ok(1_000_000));
    let (Ok(overlaps @ 1..), None) = (overlaps, arguments.next()) else {
        eprintln!("forced [OVERLAPS]");
        return ExitCode::from(2);
    };
    let processors = available_parallelism().map_or(1, usize::from);
    println!("two threads on {processors} processors");
    let start = Instant::now();
    let outcome = force(overlaps);
    println!("{outcome}, in {:.0} s", start.elapsed().as_secs_f64());
    if outcome.total().is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
