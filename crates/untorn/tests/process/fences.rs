//! A seccomp filter that rejects `membarrier`, as sandboxes do: before the first map is created,
//! and later.

use std::collections::BTreeMap;
use std::process::Command;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter_all_threads};
use untorn::Map;

use crate::support::child::{self, output, stderr};

const COMMITS: u64 = 1_000;

/// Rejects each later `membarrier` of this process with `EPERM`.
fn reject_membarrier() {
    let rules = BTreeMap::from([(libc::SYS_membarrier, Vec::new())]);
    let rejected = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().expect("a known target");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, rejected, target);
    let program: BpfProgram = filter.and_then(TryInto::try_into).expect("a valid filter");
    apply_filter_all_threads(&program).expect("the system has such filters");
}

/// Writes to a map of which a pin holds the first version, and reads both.
fn write_beside_a_pin(map: &Map<u64, u64>) {
    let first = map.pin();
    let before = first.get(&0).copied();
    for commit in 1..=COMMITS {
        map.insert(0, commit);
        assert_eq!(map.get(&0), Some(commit));
    }
    assert_eq!(first.get(&0).copied(), before);
}

fn run_body(body: &str) {
    let (early, map) = match body {
        "before the first map" => {
            reject_membarrier();
            (true, Map::new())
        }
        "later" => {
            let map = Map::new();
            write_beside_a_pin(&map);
            map.reclaim();
            assert_eq!(map.retained(), 0);
            assert_eq!(map.stats().failed_fences, 0);
            let was_asymmetric = map.stats().asymmetric_fences;
            reject_membarrier();
            // Where it was rejected before, there is no difference.
            (!was_asymmetric, map)
        }
        other => panic!("no body {other:?}"),
    };
    write_beside_a_pin(&map);
    let freed = map.reclaim();
    let stats = map.stats();
    assert_eq!(stats.asymmetric_fences, !early);
    if early {
        assert_eq!((stats.failed_fences, stats.retained), (0, 0));
        assert!(freed > 0, "there is something to free");
    } else {
        // Nothing is freed without the fence.
        assert_eq!((freed, stats.retained as u64), (0, COMMITS));
        assert!(stats.failed_fences > 0, "{stats:?}");
    }
}

#[test]
fn child() {
    if let Some(body) = child::body() {
        run_body(&body);
    }
}

/// Runs this body in a child process, which must succeed.
fn run(body: &str) {
    let mut command: Command = child::command("fences::child", body);
    let output = output(&mut command);
    assert!(output.status.success(), "{}", stderr(&output));
}

#[test]
fn membarrier_rejected_early_pins_with_fences() {
    run("before the first map");
}

#[test]
fn membarrier_rejected_later_frees_nothing() {
    run("later");
}
