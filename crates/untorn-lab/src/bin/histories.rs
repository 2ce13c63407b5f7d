//! Records histories of `untorn::Map` and checks them: `histories [SECONDS [SEED]]`.
//!
//! Half of the time goes to short histories, checked as a black box, half to long ones, checked by
//! their revisions. The totals are printed every ten seconds. A violation is printed and ends the
//! run with exit status 1.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use untorn_lab::history::campaign::{Totals, Until, long, short, untorn};

/// Operations in a long history: three of four have the first size, one of four the second.
const SIZES: [usize; 2] = [100_000, 1_000_000];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse());
    let seconds = arguments.next().unwrap_or(Ok(60));
    let seed = arguments.next().unwrap_or(Ok(fastrand::u64(..1 << 32)));
    let (Ok(seconds), Ok(seed), None) = (seconds, seed, arguments.next()) else {
        eprintln!("histories [SECONDS [SEED]]");
        return ExitCode::from(2);
    };
    println!("{seconds} s, seed {seed}");
    let start = Instant::now();
    let (mut black_box, mut by_revisions) = (Totals::default(), Totals::default());
    let mut round = 0_u64;
    while start.elapsed() < Duration::from_secs(seconds) {
        let end = start.elapsed() + Duration::from_secs(10);
        while start.elapsed() < end {
            round += 1;
            // Keeps the seeds of the rounds far apart.
            let seed = seed.wrapping_add(round << 32);
            let size = SIZES[usize::from(round.is_multiple_of(4))];
            let long = long(untorn, seed, size, Until::Histories(1));
            let time = Until::Time(long.time);
            by_revisions.merge(long);
            black_box.merge(short(untorn, seed, time));
        }
        println!("black box:    {black_box}");
        println!("by revisions: {by_revisions}");
        if let Some(problem) = black_box.problem().or(by_revisions.problem()) {
            println!("{problem}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
