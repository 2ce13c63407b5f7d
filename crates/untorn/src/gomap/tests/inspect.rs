//! The inspection of chains.

use super::super::Table;
use super::support::{Identity, place};

#[test]
fn chains_show_every_slot_at_its_hash() {
    let mut table = Table::with_hasher(Identity);
    assert_eq!(table.chains().len(), 0);
    // Ten keys in the first of two buckets, three in the second.
    for n in 0..13 {
        table.insert(place(u64::from(n >= 10), 5 + n, n), n);
    }
    let marks: Vec<Vec<[u8; 8]>> = table
        .chains()
        .map(|chain| chain.map(|bucket| bucket.tophash()).collect())
        .collect();
    assert_eq!(marks.len(), 2);
    assert_eq!(
        marks[0],
        [[5, 6, 7, 8, 9, 10, 11, 12], [13, 14, 0, 0, 0, 0, 0, 0]]
    );
    assert_eq!(marks[1], [[15, 16, 17, 0, 0, 0, 0, 0]]);
    let second = table.chains().nth(1).unwrap().next().unwrap();
    assert_eq!(second.entry(2), Some((&place(1, 17, 12), &12)));
    assert_eq!(second.entry(3), None);

    // The 14th key doubles two buckets, which are evacuated at once. The 27th doubles four, of
    // which some remain.
    assert_eq!(table.old_chains().len(), 0);
    table.extend((13..27).map(|n| (place(n % 4, 5 + n, n), n)));
    let old: Vec<_> = table.old_chains().map(|mut chain| chain.next()).collect();
    assert_eq!((old.len(), table.chains().len()), (4, 8));
    let evacuated = |mark: u8| (2..5).contains(&mark);
    let done = old
        .iter()
        .filter(|bucket| evacuated(bucket.unwrap().tophash()[0]));
    assert_eq!(done.count(), super::support::evacuated(&table));
}
