//! Random updates of four layers beside a simple model: a map for each layer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use untorn::poller::Delta;

use super::{Engine, Refused, Rules};
use crate::config::{Config, LayerInfo, Shared};
use crate::error::ErrorKind;
use crate::key;
use crate::layer::{Contents, Entry};
use crate::secret::Secrets;
use crate::store::guard::Guard;
use crate::store::merge::Update;
use crate::store::progress::{Callbacks, Progress};
use crate::typed::is_empty_table;
use crate::value::Value;

/// The layers.
const LAYERS: [&str; 4] = ["one", "two", "three", "four"];

/// Few keys, nested, so that they meet in the layers.
const KEYS: [&str; 8] = ["a", "a.b", "a.b.c", "a.c", "ab", r#"a."b.c""#, "d", "d.e"];

/// A value and its line.
type Item = (Value, u32);

/// What the layers have.
type Model = [BTreeMap<&'static str, Item>; LAYERS.len()];

#[derive(Clone, Debug)]
enum Step {
    Contents(Vec<(usize, Item)>),
    /// `None` deletes.
    Changes(Vec<(usize, Option<Item>)>),
}

fn item() -> impl Strategy<Value = Item> {
    let value = prop_oneof![
        3 => (0_i64..3).prop_map(Value::from),
        1 => Just(Value::Table([].into())),
        1 => Just(Value::Null),
    ];
    (value, 1_u32..3)
}

fn step() -> impl Strategy<Value = (usize, Step)> {
    let key = 0..KEYS.len();
    let contents = proptest::collection::vec((key.clone(), item()), 0..5);
    let changes = proptest::collection::vec((key, proptest::option::of(item())), 0..5);
    let step = prop_oneof![
        contents.prop_map(Step::Contents),
        changes.prop_map(Step::Changes)
    ];
    (0..LAYERS.len(), step)
}

fn guard() -> impl Strategy<Value = Guard> {
    let share = prop_oneof![Just(1.0), Just(0.5), Just(0.0)];
    (any::<bool>(), share).prop_map(|(is_empty_allowed, max_removed)| Guard {
        is_empty_allowed,
        max_removed,
    })
}

fn entry(key: &str, (value, line): &Item) -> Entry {
    Entry::new(key, value.clone(), *line)
}

fn update(step: &Step) -> Update {
    match step {
        Step::Contents(entries) => Update::Contents(Contents {
            entries: entries
                .iter()
                .map(|(key, item)| entry(KEYS[*key], item))
                .collect(),
        }),
        Step::Changes(changes) => {
            let change = |(key, item): &(usize, Option<Item>)| match item {
                Some(item) => Delta::Put(KEYS[*key].into(), entry(KEYS[*key], item)),
                None => Delta::Delete(KEYS[*key].into()),
            };
            Update::Changes(changes.iter().map(change).collect())
        }
    }
}

/// Returns what the layers have after a step, or why it is refused.
fn expected(model: &Model, layer: usize, step: &Step, guard: &Guard) -> Result<Model, ErrorKind> {
    let mut next = model.clone();
    match step {
        Step::Contents(entries) => {
            next[layer].clear();
            for (key, item) in entries {
                if next[layer].insert(KEYS[*key], item.clone()).is_some() {
                    return Err(ErrorKind::DuplicateKey);
                }
            }
        }
        Step::Changes(changes) => {
            for (key, item) in changes {
                match item {
                    Some(item) => _ = next[layer].insert(KEYS[*key], item.clone()),
                    None => _ = next[layer].remove(KEYS[*key]),
                }
            }
        }
    }
    let items = || next.iter().flatten();
    let is_conflict = items()
        .filter(|(_, (value, _))| !is_empty_table(value))
        .any(|(above, _)| items().any(|(key, _)| key != above && key::is_in(key, above)));
    if is_conflict {
        return Err(ErrorKind::Conflict);
    }
    let before = model[layer].len();
    let removed = model[layer]
        .keys()
        .filter(|key| !next[layer].contains_key(*key));
    let removed = removed.count();
    let is_emptied = removed > 0 && next[layer].is_empty() && !guard.is_empty_allowed;
    if is_emptied || removed as f64 > before as f64 * guard.max_removed {
        return Err(ErrorKind::Guard);
    }
    Ok(next)
}

/// Returns the values that count.
fn effective(model: &Model) -> BTreeMap<&'static str, &Value> {
    let items = model.iter().flatten();
    items.map(|(key, (value, _))| (*key, value)).collect()
}

/// Checks a configuration against the model.
fn check(config: &Config, model: &Model) {
    let values: BTreeMap<&str, &Value> = config.iter().collect();
    assert_eq!(values, effective(model));
    assert_eq!(config.len(), values.len());
    for key in KEYS {
        let layers = LAYERS.iter().zip(model).rev();
        let mut items = layers.filter_map(|(name, layer)| {
            let (value, line) = layer.get(key)?;
            Some((value.clone(), *name, Some(*line)))
        });
        let explanation = config.explain(key);
        let sourced = explanation.iter().flat_map(|explanation| {
            let winner = std::iter::once(&explanation.winner);
            winner.chain(&explanation.overridden)
        });
        for sourced in sourced {
            let place = &sourced.place;
            let found = (sourced.value.clone(), &*place.layer, place.line);
            assert_eq!(Some(found), items.next(), "{key}");
        }
        assert_eq!(items.next(), None, "{key}");
    }
}

/// Returns the keys with another value, and what they have now.
fn diff<'m>(old: &'m Model, new: &'m Model) -> BTreeMap<&'static str, Option<&'m Value>> {
    let (old, new) = (effective(old), effective(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    let changed = keys.into_iter().filter(|key| old.get(key) != new.get(key));
    changed.map(|key| (key, new.get(key).copied())).collect()
}

fn engine(guard: &Guard) -> Engine {
    let names = || LAYERS.iter().map(|name| Arc::from(*name));
    let shared = Shared {
        layers: names().map(LayerInfo::new).collect(),
        secrets: Secrets::default(),
    };
    let rules = Rules {
        guard: guard.clone(),
        ..Rules::default()
    };
    Engine::new(shared, rules, Progress::new(names(), Callbacks::default()))
}

fn run(guard: &Guard, steps: &[(usize, Step)]) {
    let engine = engine(guard);
    let mut model = Model::default();
    let mut is_loaded = [false; LAYERS.len()];
    // That of the newest revision.
    let mut published = Model::default();
    for (layer, step) in steps {
        let before = engine.snapshot();
        let result = engine.update(*layer, update(step), None);
        // The model has each update by itself.
        engine.forget_refused(*layer);
        match expected(&model, *layer, step, guard) {
            Ok(next) => {
                assert!(result.is_ok(), "{step:?}");
                model = next;
                is_loaded[*layer] = true;
            }
            Err(kind) => {
                let Err(refused) = result else {
                    panic!("taken: {step:?}");
                };
                let error = refused.into_error();
                assert_eq!(error.kind(), kind, "{error}");
                assert_eq!(engine.snapshot().revision(), before.revision(), "{error}");
            }
        }
        let merged = engine.state().merge.view();
        let keys: BTreeSet<&str> = merged.keys().map(|key| &**key).collect();
        assert_eq!(keys, effective(&model).into_keys().collect());
        for section in ["a", "a.b", "d", ""] {
            let keys = keys.iter().filter(|key| key::is_in(key, section));
            assert_eq!(
                engine.state().merge.keys_in(section),
                keys.copied().collect()
            );
        }
        let config = engine.snapshot();
        if is_loaded != [true; LAYERS.len()] {
            assert_eq!((config.revision().get(), config.len()), (0, 0));
            continue;
        }
        check(&config, &model);
        let changes = config.changes_since(&before);
        let changes: BTreeMap<_, _> = changes.map(|change| (change.key, change.new)).collect();
        assert_eq!(changes, diff(&published, &model));
        published = model.clone();
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 1000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn merge_agrees_with_a_map_for_each_layer(
        guard in guard(),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        run(&guard, &steps);
    }
}

/// All layers answer, so that the random steps above also meet a revision.
#[test]
fn conflicts_and_losses_change_nothing() {
    let contents = |entries: &[(usize, i64)]| {
        let entries = entries
            .iter()
            .map(|(key, value)| (*key, ((*value).into(), 1)));
        Step::Contents(entries.collect())
    };
    let guard = Guard::default();
    let start = (0..LAYERS.len()).map(|layer| (layer, contents(&[(4, layer as i64)])));
    let steps = start.chain([
        (0, contents(&[(1, 1), (4, 9)])),
        // `a.b.c` below `a.b` of another layer.
        (1, contents(&[(2, 1), (6, 2)])),
        (1, contents(&[])),
        (1, contents(&[(5, 5)])),
    ]);
    run(&guard, &steps.collect::<Vec<_>>());
}

/// Changes that were fetched before refused contents of their layer were taken with another one are
/// changes of something else.
#[test]
fn changes_of_what_is_not_in_force_are_not_applied() {
    let mut engine = engine(&Guard::default());
    let agree = |new: &Config, _: &Config| match new.get("a") == new.get("d") {
        true => Ok(()),
        false => Err("a and d differ".into()),
    };
    engine.state.get_mut().expect("no panic").rules.checks = vec![Box::new(agree)];
    let contents = |layer, key, value: i64| {
        let step = Step::Contents(vec![(key, (value.into(), 1))]);
        engine.update(layer, update(&step), None)
    };
    let value = |key| engine.snapshot().get_as::<i64>(key).ok();
    let (a, d) = (0, 6);
    for layer in 2..LAYERS.len() {
        let step = Step::Contents(Vec::new());
        assert!(engine.update(layer, update(&step), None).is_ok());
    }
    assert!(contents(0, a, 1).is_ok() && contents(1, d, 1).is_ok());
    assert!(contents(0, a, 2).is_err(), "refused alone");
    assert!(contents(1, d, 2).is_ok(), "both");
    assert_eq!((value("a"), value("d")), (Some(2), Some(2)));

    let change = Step::Changes(vec![(7, Some((1.into(), 1)))]);
    assert!(matches!(
        engine.update(0, update(&change), None),
        Err(Refused::Late(_))
    ));
    assert!(contents(0, a, 2).is_ok(), "fetched whole");
    let change = Step::Changes(vec![(a, None), (a, Some((2.into(), 2)))]);
    assert!(engine.update(0, update(&change), None).is_ok());
}

/// Files of a mount may come and go for weeks.
#[test]
fn names_of_items_do_not_pile_up() {
    let engine = engine(&Guard {
        is_empty_allowed: true,
        max_removed: 1.0,
    });
    let named = |key: &str, name: String| entry(key, &(1.into(), 7)).with_item(&name.into());
    let item = |config: &Config, key: &str| {
        let place = config.explain(key).expect("it is there").winner.place;
        (place.item.expect("a name").to_string(), place.line)
    };
    for layer in 1..LAYERS.len() {
        let update = Update::Contents(Contents::default());
        assert!(engine.update(layer, update, None).is_ok());
    }
    let mut last = engine.snapshot();
    for number in 0_u32..10_000 {
        let entries = vec![named("a", "a".into()), named("d", format!("d{number}"))];
        let update = Update::Contents(Contents { entries });
        assert!(engine.update(0, update, None).is_ok());
        // It is refused, and undone.
        let entries = vec![
            named("a", format!("refused{number}")),
            named("a.b", "a".into()),
        ];
        let update = Update::Contents(Contents { entries });
        assert!(engine.update(0, update, None).is_err());
        engine.forget_refused(0);
        let config = engine.snapshot();
        assert_eq!(item(&config, "a"), ("a".into(), Some(7)));
        assert_eq!(item(&config, "d"), (format!("d{number}"), Some(7)));
        if number > 0 {
            assert_eq!(item(&last, "d"), (format!("d{}", number - 1), Some(7)));
        }
        last = config;
    }
    let names = engine.shared.layers[0].item_count();
    assert!(names < 5_000, "{names} names");
}
