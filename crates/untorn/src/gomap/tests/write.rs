//! Insertion: the key that an overwrite keeps, nil tables, insertion after removal, stale hashes.

use super::super::table::assign::Replaced;
use super::super::{Key, Table};
use super::support::{Counting, Good, Tracked, assert_all_dropped, reset_accounting};
use std::sync::Arc;

#[test]
fn an_overwrite_of_a_string_key_keeps_the_newer_key() {
    let (older, newer) = (String::from("key"), String::from("key"));
    let text = newer.as_ptr();
    let mut table = Table::new();
    assert_eq!(table.insert(older, 1), None);
    assert_eq!(table.insert(newer, 2), Some(1));
    let (key, elem) = table.get_key_value("key").unwrap();
    assert_eq!((key.as_ptr(), *elem, table.len()), (text, 2, 1));
}

#[test]
fn newer_string_key_is_stored_during_growth_too() {
    let mut table: Table<Arc<str>, usize> = Table::new();
    let name = |n: usize| -> Arc<str> { n.to_string().into() };
    table.extend((0..210).map(|n| (name(n), n)));
    assert!(table.stats().growth.is_some());
    for n in 0..210 {
        let newer = name(n);
        table.insert(newer.clone(), n + 1);
        let (key, elem) = table.get_key_value(&*newer).unwrap();
        assert!(Arc::ptr_eq(key, &newer));
        assert_eq!(*elem, n + 1);
    }
    assert_eq!(table.len(), 210);
}

#[test]
fn keys_are_updated_as_their_type_says() {
    fn stays<const UPDATE: bool>() -> bool {
        reset_accounting();
        let (older, newer) = (Tracked::<UPDATE>::new(1), Tracked::<UPDATE>::new(1));
        let (first, second) = (older.serial(), newer.serial());
        let mut table = Table::with_hasher(Good);
        table.insert(older, 1);
        table.insert(newer, 2);
        let (key, elem) = table.remove_entry(&Tracked::new(1)).unwrap();
        assert_eq!(elem, 2);
        assert!([first, second].contains(&key.serial()));
        let stays = key.serial() == first;
        drop(key);
        assert_all_dropped();
        stays
    }
    assert!(stays::<false>());
    assert!(!stays::<true>());
}

#[test]
fn keys_that_contain_strings_need_updates() {
    const fn updated<K: Key + ?Sized>() -> bool {
        K::NEEDS_KEY_UPDATE
    }
    const _: () = assert!(updated::<str>() && updated::<String>() && updated::<&str>());
    const _: () = assert!(updated::<(u32, String)>() && updated::<[Option<Arc<str>>; 2]>());
    const _: () = assert!(!updated::<u64>() && !updated::<(u32, u8)>() && !updated::<Vec<u64>>());
}

#[test]
#[should_panic(expected = "assignment to entry in nil map")]
fn insert_into_nil_panics_with_gos_message() {
    Table::nil().insert("1", "265");
}

#[test]
fn nil_table_is_empty_for_other_operations() {
    let mut table: Table<u32, u32> = Table::nil();
    assert_eq!((table.len(), table.get(&1)), (0, None));
    assert_eq!(table.remove(&1), None);
    table.clear();
    assert_eq!(table.iter().next(), None);
    assert!(table.is_nil() && table.clone().is_nil());
    table.assert_invariants();
    assert_eq!(table, Table::new());
}

#[test]
fn insert_after_remove_or_clear_finds_no_old_value() {
    let mut table = Table::new();
    table.extend((0..100_u32).map(|n| (n, 1)));
    table.remove(&7);
    assert_eq!((table.get_or_zero(&7), table.insert(7, 2)), (0, None));
    table.clear();
    assert_eq!((table.get_or_zero(&7), table.insert(7, 3)), (0, None));
    assert_eq!(table.get(&7), Some(&3));
}

#[test]
fn a_write_hashes_its_own_key_once() {
    let mut table: Table<u32, u32, Counting<Good>> = Table::default();
    assert_eq!((table.remove(&1), table.hasher().take()), (None, 0));
    table.insert(1, 1);
    assert_eq!(table.hasher().take(), 1);
    table.insert(1, 2);
    assert_eq!(table.hasher().take(), 1);
    table.insert(2, 2);
    table.hasher().take();
    table.remove(&1);
    assert_eq!(table.hasher().take(), 1);
    table.remove(&3);
    assert_eq!(table.hasher().take(), 1);
}

#[test]
fn stale_hash_is_not_used() {
    let mut table: Table<u32, u32, Counting<Good>> = Table::default();
    table.extend((0..100).map(|n| (n, n)));
    let made = table.hash_of(&7);
    table.hasher().take();
    assert!(table.trace_hashed(&7, Some(made)).found());
    assert_eq!(table.hasher().take(), 0);
    table.clear();
    table.extend((0..100).map(|n| (n, n)));
    assert!(table.trace_hashed(&7, Some(made)).found());
    assert_eq!(table.assign(7, 8, Some(made)).map(|old| old.elem), Some(7));
    let removed = table.delete(&7, Some(made)).map(Replaced::into_entry);
    assert_eq!(removed, Some((7, 8)));
    table.assert_invariants();
}

#[test]
fn tables_are_equal_whatever_their_seeds_and_sizes() {
    let few: Table<u32, u32> = (0..50).map(|n| (n, n)).collect();
    let mut many: Table<u32, u32> = (0..500).map(|n| (n, n)).collect();
    assert_ne!(few, many);
    (50..500).for_each(|n| {
        many.remove(&n);
    });
    assert_eq!(few, many);
    many.insert(7, 8);
    assert_ne!(few, many);
    many.remove(&7);
    many.insert(50, 7);
    assert_ne!(few, many);
}

#[test]
fn debug_shows_a_map() {
    let table = Table::from([("1", "265")]);
    assert_eq!(format!("{table:?}"), r#"{"1": "265"}"#);
    assert_eq!(format!("{:?}", table.iter()), r#"{"1": "265"}"#);
}
