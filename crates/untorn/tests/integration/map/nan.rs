//! Keys and values that do not equal themselves.

use untorn::Map;
use untorn::gomap::Float64;

const NAN: Float64 = Float64(f64::NAN);

/// Returns the values under NaN, sorted.
fn odd<V: Copy + Ord>(map: &Map<Float64, V>) -> Vec<V> {
    let view = map.pin();
    let of_nan = view.iter().filter(|(key, _)| key.0.is_nan());
    let mut values: Vec<_> = of_nan.map(|(_, value)| *value).collect();
    values.sort_unstable();
    values
}

/// Returns entries with other keys, in one segment or in several.
fn others(n: u32) -> impl Iterator<Item = (Float64, u32)> + Clone {
    (0..n).map(|i| (Float64(f64::from(i)), i))
}

#[test]
fn refresh_with_equal_contents_changes_nothing() {
    for n in [1, 300, 5_000] {
        let map = Map::new();
        let source = || others(n).chain([(NAN, 7), (NAN, 8), (NAN, 7)]);
        let first = map.refresh(source());
        assert_eq!((first.added, map.len()), (n as usize + 3, n as usize + 3));
        for _ in 0..100 {
            assert!(map.refresh(source()).is_unchanged());
        }
        assert_eq!((map.len(), map.revision().get()), (n as usize + 3, 1));
        assert_eq!(odd(&map), [7, 7, 8]);
    }
}

#[test]
fn refresh_matches_nan_entries_by_value() {
    for n in [1, 300, 5_000] {
        let map = Map::new();
        let refresh = |values: &[u32]| {
            let odd = values.iter().map(|value| (NAN, *value));
            let done = map.refresh(others(n).chain(odd));
            (done.added, done.changed, done.removed)
        };
        assert_eq!(refresh(&[1, 2, 2]), (n as usize + 3, 0, 0));
        assert_eq!(refresh(&[2, 3, 2]), (1, 0, 1));
        assert_eq!(odd(&map), [2, 2, 3]);
        assert_eq!(refresh(&[2, 2, 2, 3]), (1, 0, 0));
        assert_eq!(refresh(&[3]), (0, 0, 3));
        assert_eq!(odd(&map), [3]);
        assert_eq!(refresh(&[]), (0, 0, 1));
        assert_eq!((map.len(), map.revision().get()), (n as usize, 5));
    }
}

#[test]
fn retain_and_clear_remove_nan_keys() {
    for n in [1, 300, 5_000] {
        let map: Map<_, _> = others(n).chain((0..90).map(|i| (NAN, i))).collect();
        let before = map.snapshot();
        map.retain(|key, value| !key.0.is_nan() || value % 3 == 0);
        assert_eq!((odd(&map).len(), map.len()), (30, n as usize + 30));
        // In a batch, both in segments that it has copied already and in others.
        let mut batch = map.begin_batch();
        batch.insert(Float64(0.5), 0);
        batch.insert(NAN, 1);
        batch.retain(|key, _| !key.0.is_nan());
        assert_eq!(batch.len(), n as usize + 1);
        batch.commit();
        assert_eq!((odd(&map).len(), map.len()), (0, n as usize + 1));
        assert!((0..n).all(|i| map.get(&Float64(f64::from(i))) == Some(i)));
        map.extend([(NAN, 1), (NAN, 2)]);
        assert_eq!(odd(&map), [1, 2]);
        map.clear();
        assert!(map.is_empty());
        assert_eq!(before.len(), n as usize + 90, "a view is a snapshot");
    }
}

#[test]
fn update_of_a_nan_value_is_not_lost() {
    // Neither value equals itself, but one is newer.
    let map = Map::from([("limit", (f64::NAN, 5))]);
    assert_eq!(map.refresh([("limit", (f64::NAN, 6))]).changed, 1);
    assert_eq!(map.pin()["limit"].1, 6);
    let before = map.snapshot();
    map.insert("limit", (f64::NAN, 7));
    assert_eq!(map.pin().changes_since(&before).count(), 1);
    // Under a key that does not equal itself either: the new entry replaces the old one, and
    // nothing grows.
    let map = Map::from([(NAN, f64::NAN)]);
    for _ in 0..10 {
        let done = map.refresh([(NAN, f64::NAN)]);
        assert_eq!((done.added, done.removed, map.len()), (1, 1, 1));
    }
}
