//! A run: sequence after sequence, until a difference is found or enough steps are done.

use super::colliding_keys::generate_colliding_keys;
use super::coverage::Coverage;
use super::diff_report::diff_report;
use super::generate::{generate, generate_large};
use super::golang::Oracle;
use super::kind::Kind;
use super::operation::Sequence;
use super::record::Record;
use super::replay::{Disagreement, replay};
use super::shrink::shrink;

/// One of this many sequences of a kind is large.
const LARGE_EVERY: u64 = 256;

/// One of this many sequences has colliding keys.
const COLLIDING_EVERY: u64 = 2;

/// Executes one sequence with Go and with our table.
///
/// # Errors
/// Returns a report of a disagreement, after shrinking.
pub fn check(oracle: &mut Oracle, sequence: &Sequence) -> Result<Vec<Record>, String> {
    check_with(oracle, sequence, replay)
}

/// Like [`check`], with another function in place of [`replay`]: a test of the oracle passes one
/// with a bug.
///
/// # Errors
/// Returns a report of a disagreement, after shrinking.
pub fn check_with(
    oracle: &mut Oracle,
    sequence: &Sequence,
    replay: impl Fn(&Sequence, &[Record]) -> Result<(), Disagreement>,
) -> Result<Vec<Record>, String> {
    let answers = oracle.execute(sequence);
    if replay(sequence, &answers).is_ok() {
        return Ok(answers);
    }
    let smallest = shrink(sequence, |candidate| {
        let answers = oracle.execute(candidate);
        replay(candidate, &answers).err().map(|found| found.step)
    });
    let Some(smallest) = smallest else {
        return Err("the two sides differed once, but not again on the same sequence".to_string());
    };
    let (answers, go) = oracle.execute_with_dump(&smallest);
    Err(match replay(&smallest, &answers) {
        Err(disagreement) => diff_report(&smallest, &answers, &disagreement, &go),
        Ok(()) => "the two sides differed, but not again on the shrunk sequence".to_string(),
    })
}

/// Compares sequences derived from `seed`, all kinds in turn, until `steps` steps are done.
///
/// # Errors
/// Returns a report of the first disagreement, after shrinking.
pub fn run(oracle: &mut Oracle, seed: u64, steps: u64) -> Result<Coverage, String> {
    let mut coverage = Coverage::default();
    for round in 0_u64.. {
        for (kind, number) in Kind::ALL.into_iter().zip(round * 8..) {
            if coverage.steps() >= steps {
                return Ok(coverage);
            }
            let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(0x1_0000_0001) ^ number);
            let sequence = if round % LARGE_EVERY == LARGE_EVERY - 1 {
                generate_large(kind, &mut random)
            } else if round % COLLIDING_EVERY == COLLIDING_EVERY - 1 {
                generate_colliding_keys(kind, &mut random, oracle)
            } else {
                generate(kind, &mut random)
            };
            let answers = check(oracle, &sequence)
                .map_err(|report| format!("seed {seed}, sequence {number}: {report}"))?;
            coverage.add(&sequence, &answers);
        }
    }
    Ok(coverage)
}
