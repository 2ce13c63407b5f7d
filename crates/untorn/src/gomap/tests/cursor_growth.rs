//! Cursors during both kinds of growth: begun, stepped and ended at every position.

use std::collections::BTreeSet;

use super::super::{Cursor, Growth, SeededBuildHasher, Table, TableStats};
use super::support::{Constant, Good, Identity, STRIDE, Truncated, place};

/// A table and its cursors. Each cursor takes a fixed number of steps between two writes.
struct Case<S> {
    table: Table<u64, u64, S>,
    cursors: Vec<Watched>,
}

struct Watched {
    cursor: Cursor,
    /// The entries present at the start of the cursor and not removed since.
    due: BTreeSet<u64>,
    shown: BTreeSet<u64>,
    steps: usize,
}

impl<S: SeededBuildHasher> Case<S> {
    fn begin(&mut self, steps: usize) {
        self.cursors.push(Watched {
            cursor: self.table.cursor(),
            due: self.table.keys().copied().collect(),
            shown: BTreeSet::new(),
            steps,
        });
    }

    fn step(&mut self) {
        for watched in &mut self.cursors {
            for _ in 0..watched.steps {
                watched.step(&self.table);
            }
        }
    }

    fn insert(&mut self, key: u64) {
        self.table.insert(key, key);
        self.table.assert_invariants();
        self.step();
    }

    fn remove(&mut self, key: u64) {
        assert!(self.table.remove(&key).is_some());
        for watched in &mut self.cursors {
            watched.due.remove(&key);
        }
        self.table.assert_invariants();
        self.step();
    }

    fn finish(mut self) -> usize {
        let table = &self.table;
        for watched in &mut self.cursors {
            while watched.step(table) {}
            let missed: Vec<_> = watched.due.difference(&watched.shown).collect();
            assert!(missed.is_empty(), "not shown: {missed:?}");
        }
        self.cursors.len()
    }
}

impl Watched {
    fn step<S: SeededBuildHasher>(&mut self, table: &Table<u64, u64, S>) -> bool {
        let Some((key, elem)) = self.cursor.next(table) else {
            return false;
        };
        assert_eq!(table.get(key), Some(elem), "{key} is not in the table");
        assert!(self.shown.insert(*key), "{key} was shown twice");
        true
    }
}

/// Begins two cursors after each `every`-th of `n` keys. Returns the number of cursors.
fn through_doublings<S: SeededBuildHasher + Default>(n: u64, every: u64, steps: usize) -> usize {
    let mut case = Case {
        table: Table::with_hasher(S::default()),
        cursors: vec![],
    };
    for key in 0..n {
        case.insert(key);
        if key % every == 0 {
            case.begin(steps);
            // Faster cursors, and some that take no step until the end.
            case.begin((key % 7) as usize * 3);
        }
    }
    case.finish()
}

#[test]
fn cursors_begun_at_any_point_of_doublings_show_all() {
    // Under Miri, where each step takes thousands of times as long, the first doubling that takes
    // several writes, and some of the points.
    let (n, every, all_steps): (_, _, &[usize]) = if cfg!(miri) {
        (30, 3, &[1])
    } else {
        (60, 1, &[0, 1, 2, 5])
    };
    let cursors = 2 * (n / every) as usize;
    for &steps in all_steps {
        assert_eq!(through_doublings::<Good>(n, every, steps), cursors);
        assert_eq!(through_doublings::<Truncated>(n, every, steps), cursors);
        assert_eq!(through_doublings::<Constant>(n, every, steps), cursors);
    }
}

#[test]
fn cursor_held_at_every_position_survives_doublings() {
    let more = if cfg!(miri) { 60 } else { 200 };
    for n in [1, 8, 13, 14, 26, 27, 40] {
        for held_at in (0..=n).step_by(STRIDE) {
            let mut case = Case {
                table: Table::with_hasher(Good),
                cursors: vec![],
            };
            (0..n).for_each(|key| case.insert(key));
            case.begin(0);
            for _ in 0..held_at {
                assert!(case.cursors[0].step(&case.table));
            }
            (n..n + more).for_each(|key| case.insert(key));
            assert!(case.table.stats().b >= 4);
            case.finish();
        }
    }
}

#[test]
fn cursor_tolerates_removals_between_evacuations() {
    // All entries are in one chain, and so are all vacated and reused slots.
    for held_at in (0..=20).step_by(STRIDE) {
        for removed in (0..20).step_by(STRIDE) {
            let mut case = Case {
                table: Table::with_hasher(Constant),
                cursors: vec![],
            };
            (0..20).for_each(|key| case.insert(key));
            case.begin(0);
            for _ in 0..held_at {
                assert!(case.cursors[0].step(&case.table));
            }
            case.remove(removed);
            case.remove((removed + 7) % 20);
            (20..90).for_each(|key| case.insert(key));
            case.remove(removed + 40);
            (90..130).for_each(|key| case.insert(key));
            case.finish();
        }
    }
}

/// Returns a table of 16 buckets whose next insertion starts a same-size growth. Bucket 7 has a
/// chain of seven buckets.
fn about_to_grow() -> (Case<Identity>, Vec<u64>) {
    let mut table = Table::with_hint_and_hasher(104, Identity);
    let mut left = vec![];
    for (bucket, n) in [(3, 49), (7, 49), (11, 33)] {
        let keys: Vec<_> = (0..n).map(|i| place(bucket, 10 + i, i)).collect();
        table.extend(keys.iter().map(|key| (*key, *key)));
        for (i, key) in keys.iter().enumerate() {
            if i % 6 == 0 {
                left.push(*key);
            } else {
                table.remove(key);
            }
        }
    }
    let case = Case {
        table,
        cursors: vec![],
    };
    (case, left)
}

fn growth(stats: &TableStats) -> Option<Growth> {
    stats.growth
}

#[test]
fn cursor_held_at_every_position_survives_packing() {
    let (case, left) = about_to_grow();
    let entries = case.table.len();
    assert_eq!(entries, left.len());
    // Under Miri, where each case takes seconds, a cursor at rest and a fast one.
    let all_steps: &[usize] = if cfg!(miri) { &[0, 3] } else { &[0, 1, 3] };
    for held_at in (0..=entries).step_by(STRIDE) {
        for &steps in all_steps {
            let (mut case, _) = about_to_grow();
            case.begin(steps);
            for _ in 0..held_at {
                assert!(case.cursors[0].step(&case.table));
            }
            case.insert(place(12, 200, 1));
            assert_eq!(growth(&case.table.stats()), Some(Growth::SameSize));
            case.begin(steps);
            let mut writes = 0;
            while growth(&case.table.stats()).is_some() {
                case.insert(place(writes % 16, 201, 2 + writes));
                case.begin(0);
                writes += 1;
            }
            assert_eq!(case.table.stats().b, 4);
            case.finish();
        }
    }
}

#[test]
fn cursor_skips_entries_removed_during_packing() {
    let (_, left) = about_to_grow();
    for victim in left.into_iter().step_by(STRIDE) {
        for held_at in [0, 1, 7, 12, 20] {
            let (mut case, _) = about_to_grow();
            case.begin(0);
            for _ in 0..held_at {
                assert!(case.cursors[0].step(&case.table));
            }
            case.insert(place(7, 200, 1));
            case.remove(victim);
            let shown_before = case.cursors[0].shown.contains(&victim);
            while case.cursors[0].step(&case.table) {}
            assert_eq!(case.cursors[0].shown.contains(&victim), shown_before);
            case.finish();
        }
    }
}

#[test]
fn a_cursor_outlives_many_growths_of_both_kinds() {
    let (mut case, left) = about_to_grow();
    case.begin(0);
    case.begin(0);
    assert!(case.cursors[1].step(&case.table));
    let (mut same_size, mut doublings, mut before) = (0, 0, case.table.stats());
    for round in 0..if cfg!(miri) { 12 } else { 40 } {
        let key = |i| place(round % 16, 10 + i, 1000 + 100 * round + i);
        for i in 0..60 {
            case.insert(key(i));
            let now = case.table.stats();
            doublings += usize::from(now.b > before.b);
            same_size +=
                usize::from(before.growth.is_none() && now.growth == Some(Growth::SameSize));
            before = now;
        }
        (1..60).for_each(|i| case.remove(key(i)));
        case.begin(1);
    }
    assert!(
        same_size >= 3 && (cfg!(miri) || doublings >= 1),
        "{same_size} and {doublings}"
    );
    assert!(left.iter().all(|key| case.cursors[0].due.contains(key)));
    case.finish();
}
