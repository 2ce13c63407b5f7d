//! A run: sequence after sequence, until something differs or enough is done.

use super::crowd::generate_crowd;
use super::generate::{generate, generate_large};
use super::golang::Oracle;
use super::kind::Kind;
use super::listing::listing;
use super::operation::Sequence;
use super::record::Record;
use super::replay::{Disagreement, replay};
use super::shrink::shrink;
use super::totals::Totals;

/// Of so many sequences of a kind one is large.
const LARGE_EVERY: u64 = 256;

/// Of so many one is a crowd.
const CROWD_EVERY: u64 = 2;

/// Has one sequence carried out by Go and by our table.
///
/// # Errors
/// The listing of a disagreement, made small.
pub fn check(oracle: &mut Oracle, sequence: &Sequence) -> Result<Vec<Record>, String> {
    check_with(oracle, sequence, replay)
}

/// The same with something else in the place of [`replay`]: a test of the oracle hands in one with a mistake.
///
/// # Errors
/// The listing of a disagreement, made small.
pub fn check_with(
    oracle: &mut Oracle,
    sequence: &Sequence,
    replay: impl Fn(&Sequence, &[Record]) -> Result<(), Disagreement>,
) -> Result<Vec<Record>, String> {
    let answers = oracle.ask(sequence);
    if replay(sequence, &answers).is_ok() {
        return Ok(answers);
    }
    let smallest = shrink(sequence, |candidate| {
        let answers = oracle.ask(candidate);
        replay(candidate, &answers).err().map(|found| found.step)
    });
    let Some(smallest) = smallest else {
        return Err("they disagreed once, and not again on the same sequence".to_string());
    };
    let (answers, go) = oracle.ask_for_dump(&smallest);
    Err(match replay(&smallest, &answers) {
        Err(disagreement) => listing(&smallest, &answers, &disagreement, &go),
        Ok(()) => "they disagreed, and not again on the sequence made small".to_string(),
    })
}

/// Compares sequences that follow from `seed`, all kinds in turn, until `steps` steps are done.
///
/// # Errors
/// The listing of the first disagreement, made small.
pub fn run(oracle: &mut Oracle, seed: u64, steps: u64) -> Result<Totals, String> {
    let mut totals = Totals::default();
    for round in 0_u64.. {
        for (kind, number) in Kind::ALL.into_iter().zip(round * 8..) {
            if totals.steps() >= steps {
                return Ok(totals);
            }
            let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x1_0000_0001) ^ number);
            let sequence = if round % LARGE_EVERY == LARGE_EVERY - 1 {
                generate_large(kind, &mut random)
            } else if round % CROWD_EVERY == CROWD_EVERY - 1 {
                generate_crowd(kind, &mut random, oracle)
            } else {
                generate(kind, &mut random)
            };
            let answers = check(oracle, &sequence)
                .map_err(|listing| format!("seed {seed}, sequence {number}: {listing}"))?;
            totals.add(&sequence, &answers);
        }
    }
    Ok(totals)
}
