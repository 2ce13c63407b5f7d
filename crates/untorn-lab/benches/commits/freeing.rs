//! Who pays for a million entries that are cleared while a view of them is open.
//!
//! Each value is a clone of one `Arc`, whose count shows how many entries exist. A `Map` frees
//! them by the commits after the view was dropped, some by each, or at once by `reclaim`; a map
//! that is replaced as a whole, by the reader that drops the last view.

use std::sync::{Arc, RwLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use untorn::Map;
use untorn::map::DefaultHashBuilder;
use untorn_lab::compare::{interleave, rounds, spread};
use untorn_lab::figures::Figures;
use untorn_lab::keys::{Key, keys};
use untorn_lab::markdown::{MarkdownTable, thousands, times};
use untorn_lab::shared_maps::{Plain, SharedMap};

use super::fences;

const ENTRIES: usize = 1_000_000;

/// Inserts after which a map that has not freed everything is given up.
const MOST_INSERTS: usize = 100_000;

type Value = Arc<()>;

/// Times in nanoseconds.
#[derive(Default)]
struct Freed {
    clear: f64,
    /// Absent if no view can be open beside a writer.
    drop_view: Option<f64>,
    /// The inserts of one key after that, until everything was freed.
    inserts: Vec<f64>,
    reclaim: Option<f64>,
    /// Entries that were not freed in the end.
    left: usize,
}

impl Freed {
    /// Counts the entries that still exist.
    fn leaves(self, token: &Value) -> Self {
        Self {
            left: Arc::strong_count(token) - 1,
            ..self
        }
    }
}

/// The name of a row, the function that measures it once, and what it measured.
type Row<K> = (&'static str, fn(&Entries<K>) -> Freed, Vec<Freed>);

struct Entries<K>(Vec<K>);

impl<K: Key> Entries<K> {
    fn map<M: SharedMap<K, Value>>(&self, token: &Value) -> M {
        M::of(self.0.iter().map(|key| (key.clone(), Arc::clone(token))))
    }
}

pub(super) fn print() {
    print_table::<u64>("u64");
    print_table::<String>("String");
}

fn print_table<K: Key>(kind: &str) {
    let entries = Entries(keys::<K>(ENTRIES).0);
    let mut rows: [Row<K>; 5] = [
        ("Map, inserts", |entries| map(entries, false), Vec::new()),
        ("Map, `reclaim()`", |entries| map(entries, true), Vec::new()),
        ("ArcSwap of a HashMap", arc_swap, Vec::new()),
        ("papaya", papaya, Vec::new()),
        ("std RwLock of a HashMap, without a view", lock, Vec::new()),
    ];
    interleave(rounds(), &mut rows, |(_, measure, measured)| {
        measured.push(measure(&entries));
    });
    let mut table = MarkdownTable::new(format!(
        "{} entries cleared, {kind}{}",
        thousands(ENTRIES),
        fences()
    ));
    let mut column = |name: &str, cell: &dyn Fn(&[Freed]) -> Option<String>| {
        let cells = rows.iter();
        table.cells(
            name,
            cells.map(|(name, _, rounds)| {
                let cell = cell(rounds).unwrap_or_else(|| "-".into());
                ((*name).to_string(), cell)
            }),
        );
    };
    column("clear", &|rounds| shown(rounds, |freed| Some(freed.clear)));
    column("drop of the view", &|rounds| {
        shown(rounds, |freed| freed.drop_view)
    });
    column("slowest insert after", &|rounds| {
        shown(rounds, |freed| {
            freed.inserts.iter().copied().reduce(f64::max)
        })
    });
    column("inserts until all is freed", &|rounds| {
        let counts = rounds.iter().map(|freed| freed.inserts.len() as f64);
        let [median, ..] = spread(counts);
        let left = rounds.iter().map(|freed| freed.left).max().unwrap_or(0);
        match (median as usize, left) {
            (0, 0) => None,
            (inserts, 0) => Some(thousands(inserts)),
            (inserts, left) => Some(format!(
                "{}; {} entries are left",
                thousands(inserts),
                thousands(left)
            )),
        }
    });
    column("all of them", &|rounds| {
        shown(rounds, |freed| {
            let sum = freed.inserts.iter().sum();
            (!freed.inserts.is_empty()).then_some(sum)
        })
    });
    column("`reclaim()`", &|rounds| {
        shown(rounds, |freed| freed.reclaim)
    });
    table.print();
    figures(kind, &rows)
        .write()
        .expect("the target folder is writable");
}

/// Formats a figure, unless a round lacks it.
fn shown(rounds: &[Freed], figure: impl Fn(&Freed) -> Option<f64>) -> Option<String> {
    let figures: Option<Vec<f64>> = rounds.iter().map(figure).collect();
    figures.map(|figures| times(spread(figures.into_iter())))
}

/// Returns the time of each insert by its number, and the times of those who free all at once.
fn figures<K>(kind: &str, rows: &[Row<K>]) -> Figures {
    let mut figures = Figures::new(format!("freeing-{kind}"));
    for (name, _, rounds) in rows {
        let inserts = rounds.iter().map(|freed| freed.inserts.len()).min();
        for i in 0..inserts.unwrap_or(0) {
            let times = rounds.iter().map(|freed| freed.inserts[i]);
            figures.point(name, (i + 1) as f64, spread(times));
        }
        let at_once: Vec<f64> = rounds
            .iter()
            .filter(|freed| freed.inserts.is_empty())
            .filter_map(|freed| freed.reclaim.or(freed.drop_view))
            .collect();
        if !at_once.is_empty() {
            figures.point(name, 0.0, spread(at_once.into_iter()));
        }
    }
    figures
}

/// Runs `work` and returns its time in nanoseconds, without the drop of what it returns.
fn timed<R>(work: impl FnOnce() -> R) -> f64 {
    let start = Instant::now();
    let returned = work();
    let time = start.elapsed().as_nanos() as f64;
    drop(returned);
    time
}

/// Times inserts of one key until all entries with the token as their value are freed.
fn inserts<K: Key, M: SharedMap<K, Value>>(map: &M, token: &Value) -> Vec<f64> {
    let other = Value::new(());
    let mut inserts = Vec::new();
    while Arc::strong_count(token) > 1 && inserts.len() < MOST_INSERTS {
        let (key, value) = (K::of(265), Arc::clone(&other));
        inserts.push(timed(|| map.insert(key, value)));
    }
    inserts
}

fn map<K: Key>(entries: &Entries<K>, reclaims: bool) -> Freed {
    let token = Value::new(());
    let map: Map<K, Value> = entries.map(&token);
    let view = map.snapshot();
    let mut freed = Freed {
        clear: timed(|| map.clear()),
        drop_view: Some(timed(|| drop(view))),
        ..Freed::default()
    };
    if reclaims {
        freed.reclaim = Some(timed(|| map.reclaim()));
    } else {
        freed.inserts = inserts(&map, &token);
    }
    freed.leaves(&token)
}

fn arc_swap<K: Key>(entries: &Entries<K>) -> Freed {
    let token = Value::new(());
    let map: ArcSwap<Plain<K, Value>> = entries.map(&token);
    let view = map.load_full();
    Freed {
        clear: timed(|| map.store(Arc::default())),
        drop_view: Some(timed(|| drop(view))),
        ..Freed::default()
    }
    .leaves(&token)
}

fn papaya<K: Key>(entries: &Entries<K>) -> Freed {
    let token = Value::new(());
    let map: papaya::HashMap<K, Value, DefaultHashBuilder> = entries.map(&token);
    let view = map.pin();
    Freed {
        clear: timed(|| map.pin().clear()),
        drop_view: Some(timed(|| drop(view))),
        inserts: inserts(&map, &token),
        ..Freed::default()
    }
    .leaves(&token)
}

fn lock<K: Key>(entries: &Entries<K>) -> Freed {
    let token = Value::new(());
    let map: RwLock<Plain<K, Value>> = entries.map(&token);
    Freed {
        clear: timed(|| map.write().expect("not poisoned").clear()),
        ..Freed::default()
    }
    .leaves(&token)
}
