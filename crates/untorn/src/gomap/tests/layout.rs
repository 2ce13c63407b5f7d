//! The layout of a bucket, and the alignment of every address that a table returns.

use super::super::raw::layout::{BUCKET_CNT, BucketLayout};
use super::super::{Key, Table};
use super::support::address;

/// Returns the offsets of the keys, the elems and the overflow pointer, then size and alignment.
#[cfg(target_pointer_width = "64")]
fn layout<K, V>() -> [usize; 5] {
    type S<K, V> = BucketLayout<K, V>;
    [
        S::<K, V>::KEYS,
        S::<K, V>::ELEMS,
        S::<K, V>::OVERFLOW,
        S::<K, V>::SIZE,
        S::<K, V>::ALIGN,
    ]
}

#[test]
#[cfg(target_pointer_width = "64")]
fn buckets_are_as_large_as_those_of_go() {
    // map[string]interface{} and map[int]int
    assert_eq!(layout::<&str, &dyn std::any::Any>(), [8, 136, 264, 272, 8]);
    assert_eq!(layout::<&str, [usize; 2]>(), [8, 136, 264, 272, 8]);
    assert_eq!(layout::<u64, u64>(), [8, 72, 136, 144, 8]);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn separate_keys_and_elems_waste_no_padding() {
    // Side by side an i64 and an i8 would take 16 bytes: 144 bytes in all.
    assert_eq!(layout::<i64, i8>(), [8, 72, 80, 88, 8]);
    assert_eq!(layout::<i8, i64>(), [8, 16, 80, 88, 8]);
    assert_eq!(layout::<u32, u32>(), [8, 40, 72, 80, 8]);
    assert_eq!(layout::<u8, u32>(), [8, 16, 48, 56, 8]);
    // Padding precedes the pointer, because the offset is not a multiple of eight.
    assert_eq!(layout::<[u8; 3], u8>(), [8, 32, 40, 48, 8]);
    assert_eq!(layout::<[u8; 3], u16>(), [8, 32, 48, 56, 8]);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn zero_sized_items_take_no_space() {
    assert_eq!(layout::<(), ()>(), [8, 8, 8, 16, 8]);
    assert_eq!(layout::<u64, ()>(), [8, 72, 72, 80, 8]);
    assert_eq!(layout::<(), u64>(), [8, 8, 72, 80, 8]);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn over_128_bytes_a_slot_holds_a_pointer() {
    assert_eq!(layout::<[u8; 128], ()>(), [8, 1032, 1032, 1040, 8]);
    assert_eq!(layout::<[u8; 129], ()>(), [8, 72, 72, 80, 8]);
    assert_eq!(layout::<[u8; 129], [u64; 512]>(), [8, 72, 136, 144, 8]);
    const _: () = assert!(!BucketLayout::<[u8; 128], [u8; 128]>::INDIRECT_KEY);
    const _: () = assert!(!BucketLayout::<[u8; 128], [u8; 128]>::INDIRECT_ELEM);
    const _: () = assert!(BucketLayout::<[u8; 129], [u8; 128]>::INDIRECT_KEY);
    const _: () = assert!(BucketLayout::<[u8; 128], [u8; 129]>::INDIRECT_ELEM);
}

macro_rules! aligned {
    ($($name:ident to $align:literal, $bytes:literal bytes;)+) => {$(
        #[derive(PartialEq, Eq, Hash, Clone, Copy, Debug)]
        #[repr(align($align))]
        struct $name([u8; $bytes]);

        impl $name {
            fn new(n: u32) -> Self {
                let mut bytes = [0; $bytes];
                bytes.iter_mut().zip(n.to_le_bytes()).for_each(|(to, from)| *to = from);
                Self(bytes)
            }
        }

        impl Key for $name {}
    )+};
}

aligned! {
    Wide to 64, 4 bytes;
    Widest to 128, 4 bytes;
    Boxed to 256, 4 bytes;
    Page to 4096, 5000 bytes;
    Nothing to 512, 0 bytes;
}

#[test]
#[cfg(target_pointer_width = "64")]
fn over_aligned_slots_are_padded_to_their_alignment() {
    assert_eq!(layout::<Wide, u8>(), [64, 576, 584, 640, 64]);
    assert_eq!(layout::<u8, Wide>(), [8, 64, 576, 640, 64]);
    assert_eq!(layout::<Widest, Wide>(), [128, 1152, 1664, 1792, 128]);
    // Larger than 128 bytes because of its alignment, so boxed.
    assert_eq!(layout::<Boxed, u8>(), [8, 72, 80, 88, 8]);
    assert_eq!(layout::<Nothing, u8>(), [512, 512, 520, 1024, 512]);
}

#[track_caller]
fn check_addresses<K: Key + Copy, V: Copy + PartialEq>(key: fn(u32) -> K, elem: fn(u32) -> V) {
    let distinct: u32 = match size_of::<K>() {
        0 => 1,
        // Each key is followed by a look at all of them, which takes Miri minutes for 250.
        _ if cfg!(miri) => 40,
        _ => 250,
    };
    let mut table = Table::new();
    for n in 0..distinct {
        table.insert(key(n), elem(n));
        for (k, v) in &table {
            assert_eq!(address(k) % align_of::<K>(), 0);
            assert_eq!(address(v) % align_of::<V>(), 0);
        }
    }
    for n in 0..distinct {
        let (k, v) = table.get_key_value(&key(n)).unwrap();
        assert_eq!(address(k) % align_of::<K>(), 0);
        assert_eq!(address(v) % align_of::<V>(), 0);
        assert!(*k == key(n) && *v == elem(n));
    }
    table.assert_invariants();
    for n in 0..distinct {
        assert!(table.remove(&key(n)) == Some(elem(n)));
    }
}

#[test]
fn every_address_given_out_is_aligned() {
    check_addresses(Wide::new, |n| n as u8);
    check_addresses(|n| n, Wide::new);
    check_addresses(Wide::new, Widest::new);
    check_addresses(Widest::new, |_| ());
    check_addresses(Boxed::new, Boxed::new);
    check_addresses(|n| n, Page::new);
    check_addresses(Nothing::new, |n| n);
    check_addresses(|n| n, Nothing::new);
    check_addresses(|n| (n as u8, n as u16), u128::from);
}

#[test]
fn the_slots_of_a_bucket_do_not_overlap() {
    let table: Table<u16, u32> = (0..8).map(|n| (n, u32::from(n))).collect();
    let mut places: Vec<_> = table
        .iter()
        .flat_map(|(k, v)| [(address(k), size_of_val(k)), (address(v), size_of_val(v))])
        .collect();
    places.sort_unstable();
    assert_eq!(places.len(), 2 * BUCKET_CNT);
    for pair in places.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0);
    }
    let span = places[15].0 + places[15].1 - places[0].0;
    assert!(span <= BucketLayout::<u16, u32>::OVERFLOW - BucketLayout::<u16, u32>::KEYS);
}
