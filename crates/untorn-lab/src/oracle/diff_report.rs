//! A report of a disagreement: the steps, and both sides where they differ.

use std::collections::HashMap;
use std::fmt::Write;

use super::buckets::{Bucket, Dump};
use super::kind::{MadeElem, MadeKey, with_types_of};
use super::operation::Sequence;
use super::record::Record;
use super::replay::Disagreement;

/// The maximum number of steps shown; earlier ones are left out.
const STEPS: usize = 200;

/// Returns the steps with Go's results, and the buckets that differ after the last one.
pub(super) fn diff_report(
    sequence: &Sequence,
    answers: &[Record],
    disagreement: &Disagreement,
    go: &[Dump; 2],
) -> String {
    let numbers = with_types_of!(sequence.kind, numbers(sequence));
    let mut text = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        let _ = writeln!(text, "{words}");
    };
    let steps = sequence.operations.len();
    line(format_args!(
        "{}, made with hint {}: {steps} steps; after the last: {}",
        sequence.kind, sequence.hint, disagreement.what
    ));
    let left_out = steps.saturating_sub(STEPS);
    if left_out > 0 {
        line(format_args!("  … {left_out} steps before …"));
    }
    for (operation, go) in sequence.operations.iter().zip(answers).skip(left_out) {
        let hash = operation.key().map(|_| format!("hash {:#018x}", go.hash));
        line(format_args!(
            "  {:<28} {:<24} count {} B {} flags {} noverflow {} nevacuate {}",
            operation.to_string(),
            hash.unwrap_or_default(),
            go.count,
            go.b,
            go.flags,
            go.noverflow,
            go.nevacuate
        ));
    }
    for (slot, (go, ours)) in go.iter().zip(&disagreement.ours).enumerate() {
        let arrays = go.0.len().max(ours.0.len());
        for array in 0..arrays {
            let (go, ours) = (chains(go, array), chains(ours, array));
            let name = ["buckets", "oldbuckets"][array];
            for chain in 0..go.len().max(ours.len()) {
                let (go, ours) = (go.get(chain), ours.get(chain));
                if go != ours {
                    line(format_args!("  {}.{name}[{chain}]", ["a", "b"][slot]));
                    line(format_args!("    go    {}", shown(go, &numbers)));
                    line(format_args!("    ours  {}", shown(ours, &numbers)));
                }
            }
        }
    }
    text
}

fn chains(dump: &Dump, array: usize) -> &[Vec<Bucket>] {
    dump.0.get(array).map_or(&[], Vec::as_slice)
}

/// Returns the numbers of the keys of a sequence, by their ids.
fn numbers<K: MadeKey, V: MadeElem>(sequence: &Sequence) -> HashMap<u64, u32> {
    let keys = sequence
        .operations
        .iter()
        .filter_map(|operation| operation.key());
    keys.map(|number| (K::make(number).id(), number)).collect()
}

/// Formats each slot as its mark and, if it is full, the number of the key and the id of the elem.
fn shown(chain: Option<&Vec<Bucket>>, numbers: &HashMap<u64, u32>) -> String {
    let Some(chain) = chain else {
        return "none".to_string();
    };
    let slot = |bucket: &Bucket, i: usize| match bucket.tophash[i] {
        0 => "rest".to_string(),
        1 => "one".to_string(),
        2 => "X".to_string(),
        3 => "Y".to_string(),
        4 => "evacuated".to_string(),
        top => {
            let key = numbers.get(&bucket.keys[i]).map(u32::to_string);
            let key = key.unwrap_or_else(|| format!("id {:#x}", bucket.keys[i]));
            format!("{top:02x}:[{key}]={}", bucket.elems[i])
        }
    };
    let bucket = |bucket: &Bucket| {
        let slots: Vec<_> = (0..8).map(|i| slot(bucket, i)).collect();
        slots.join(" ")
    };
    chain.iter().map(bucket).collect::<Vec<_>>().join(" -> ")
}
