//! The table against hashbrown: equal hash function and allocator, equal keys in equal order.
//!
//! `cargo bench -p untorn-lab --bench table`

use std::hash::Hash;
use std::hint::black_box;

use hashbrown::HashMap;
use untorn::gomap::{Key, Table};
use untorn_lab::compare::Comparison;

type Hashbrown<K> = HashMap<K, u64, foldhash::fast::RandomState>;

/// Lookups in one body, for every table size.
const LOOKUPS: usize = 1 << 18;

/// Inserts in one body, spread over as many tables as needed.
const INSERTS: usize = 1 << 17;

fn main() {
    for n in [16, 1_000, 100_000, 1_000_000] {
        comparisons("u64", n, |number| number);
        comparisons("String", n, |number| {
            format!("service/region/{number:016x}")
        });
    }
}

fn comparisons<K: Key + Hash + Clone>(kind: &str, n: usize, key: impl Fn(u64) -> K) {
    let mut random = fastrand::Rng::with_seed(7);
    let keys: Vec<K> = (0..n).map(|_| key(random.u64(..))).collect();
    let hits: Vec<K> = (0..LOOKUPS)
        .map(|_| keys[random.usize(..n)].clone())
        .collect();
    let misses: Vec<K> = (0..LOOKUPS).map(|_| key(random.u64(..))).collect();
    let fill = |table: &mut Table<K, u64>| {
        for (key, elem) in keys.iter().cloned().zip(0..) {
            table.insert(key, elem);
        }
    };
    let fill_hashbrown = |map: &mut Hashbrown<K>| {
        for (key, elem) in keys.iter().cloned().zip(0..) {
            map.insert(key, elem);
        }
    };
    let (mut table, mut hashbrown) = (Table::new(), Hashbrown::default());
    fill(&mut table);
    fill_hashbrown(&mut hashbrown);

    for (what, asked) in [("hit", &hits), ("miss", &misses)] {
        Comparison::new(format!("get, {what}, {kind}, {n} keys"))
            .candidate("hashbrown::HashMap", || {
                for key in asked {
                    black_box(hashbrown.get(key));
                }
                asked.len() as u64
            })
            .candidate("gomap::Table", || {
                for key in asked {
                    black_box(table.get(key));
                }
                asked.len() as u64
            })
            .print();
    }
    let rounds = (LOOKUPS / n).max(1);
    Comparison::new(format!("go over all, {kind}, {n} keys"))
        .candidate("hashbrown::HashMap::iter", || {
            for _ in 0..rounds {
                hashbrown.iter().for_each(|entry| _ = black_box(entry));
            }
            (rounds * n) as u64
        })
        .candidate("gomap::Table::iter", || {
            for _ in 0..rounds {
                table.iter().for_each(|entry| _ = black_box(entry));
            }
            (rounds * n) as u64
        })
        .candidate("gomap::Table::cursor", || {
            for _ in 0..rounds {
                let mut cursor = table.cursor();
                while let Some(entry) = cursor.next(&table) {
                    black_box(entry);
                }
            }
            (rounds * n) as u64
        })
        .print();
    let tables = (INSERTS / n).max(1);
    Comparison::new(format!("insert from empty, {kind}, {n} keys"))
        .candidate("hashbrown::HashMap", || {
            for _ in 0..tables {
                let mut map = Hashbrown::default();
                fill_hashbrown(&mut map);
                black_box(map);
            }
            (tables * n) as u64
        })
        .candidate("gomap::Table", || {
            for _ in 0..tables {
                let mut table = Table::new();
                fill(&mut table);
                black_box(table);
            }
            (tables * n) as u64
        })
        .print();
}
