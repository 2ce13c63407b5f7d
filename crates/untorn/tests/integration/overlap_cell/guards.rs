//! Guards that are nested, mapped, cloned, shared, stored, and dropped in any order or by a panic.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::scope;

use untorn::{OverlapCell, ReadGuard, WriteGuard};

use crate::support::{RECORD, attempt};

/// Returns the number of readers, as another thread finds them when it tries to write.
fn readers<T: Send + Sync>(cell: &OverlapCell<T>) -> usize {
    scope(|s| {
        let count = || match cell.try_write() {
            Ok(_) => 0,
            Err(overlap) => overlap.additional_readers + 1,
        };
        s.spawn(count).join().expect("the attempt does not panic")
    })
}

/// A record has room for four accesses; a thread with more takes further records.
#[test]
fn nested_reads_are_counted_and_end_in_any_order() {
    type Take = fn(&mut Vec<ReadGuard<'_, u8>>);
    let orders: [Take; 3] = [
        |held| drop(held.pop()),
        |held| drop(held.remove(0)),
        |held| drop(held.swap_remove(held.len() / 2)),
    ];
    for take in orders {
        for depth in 1..=12 {
            let cell = OverlapCell::new(1);
            let mut held: Vec<_> = (0..depth).map(|_| cell.read()).collect();
            for left in (1..=depth).rev() {
                assert_eq!(readers(&cell), left);
                take(&mut held);
            }
            assert_eq!(readers(&cell), 0);
        }
    }
}

#[test]
fn simultaneous_writes_to_many_cells_are_detected() {
    let cells: Vec<_> = (0..12).map(OverlapCell::new).collect();
    let mut held: Vec<_> = cells.iter().map(OverlapCell::write).collect();
    for (number, writing) in held.iter_mut().enumerate() {
        assert_eq!(**writing, number);
        **writing += 1;
    }
    while let Some(writing) = held.pop() {
        for (number, cell) in cells.iter().enumerate() {
            assert_eq!(cell.try_read().is_ok(), number > held.len());
        }
        drop(writing);
    }
    drop(held);
    let values: Vec<_> = cells.into_iter().map(OverlapCell::into_inner).collect();
    assert_eq!(values, (1..=12).collect::<Vec<_>>());
}

#[test]
fn mapped_guard_is_the_same_access() {
    let cell = OverlapCell::new((1, vec![10, 20]));
    let list = ReadGuard::map(cell.read(), |pair| &pair.1);
    let second = ReadGuard::filter_map(list, |list| list.get(1)).expect("there is one");
    assert_eq!((*second, readers(&cell)), (20, 1));
    drop(second);

    let list = WriteGuard::map(cell.write(), |pair| pair.1.as_mut_slice());
    let list = WriteGuard::filter_map(list, |list| list.get_mut(7)).expect_err("there is none");
    assert!(cell.try_read().is_err(), "the write is still open");
    let mut first = WriteGuard::filter_map(list, |list| list.first_mut()).expect("there is one");
    *first += 1;
    assert!(cell.try_read().is_err());
    drop(first);
    assert_eq!(*cell.read(), (1, vec![11, 20]));
}

#[test]
fn cloned_guard_is_a_separate_read() {
    let cell = OverlapCell::new(String::from("265"));
    let first = ReadGuard::map(cell.read(), String::as_str);
    let second = ReadGuard::clone(&first);
    assert_eq!(readers(&cell), 2);
    drop(first);
    assert_eq!((&*second, readers(&cell)), ("265", 1));
    let overlap = cell.try_write().expect_err("the clone reads");
    assert_eq!(overlap.other.operation, "ReadGuard::clone");
    let at = overlap.other.location.expect("the access is open");
    assert!(at.file().ends_with("guards.rs"), "{at}");
    drop(second);
    assert_eq!(readers(&cell), 0);
}

#[test]
fn guard_can_be_read_from_other_threads() {
    let cell = OverlapCell::new(vec![265]);
    let reading = cell.read();
    scope(|s| {
        s.spawn(|| {
            assert_eq!(reading[0], 265);
            // A new read of this thread; the original guard still belongs to its own thread.
            let clone = ReadGuard::clone(&reading);
            assert_eq!((clone.len(), readers(&cell)), (1, 2));
        });
    });
    assert_eq!(readers(&cell), 1);
    drop(reading);
    let writing = cell.write();
    scope(|s| {
        s.spawn(|| assert_eq!(writing[0], 265));
    });
}

#[test]
fn unwinding_ends_open_accesses() {
    let cell = OverlapCell::new(vec![1]);
    let unwound = |f: &dyn Fn()| {
        assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
        assert!(cell.try_write().is_ok(), "the access is still open");
    };
    let panics: [&dyn Fn(); 7] = [
        &|| {
            let _held = (cell.read(), cell.read());
            panic!("while reading");
        },
        &|| {
            cell.write().push(2);
            let _writing = cell.write();
            panic!("while writing");
        },
        &|| drop(ReadGuard::map(cell.read(), |_| -> &u8 { panic!("in map") })),
        &|| {
            drop(WriteGuard::map(cell.write(), |_| -> &mut u8 {
                panic!("in map")
            }));
        },
        &|| {
            drop(ReadGuard::filter_map(cell.read(), |_| -> Option<&u8> {
                panic!("in filter_map")
            }));
        },
        &|| {
            drop(WriteGuard::filter_map(
                cell.write(),
                |_| -> Option<&mut u8> { panic!("in filter_map") },
            ));
        },
        &|| {
            let _reading = cell.read();
            drop(cell.write()); // the overlap itself is the panic
        },
    ];
    for panics in panics {
        unwound(panics);
    }
    // Earlier changes stay: there is no poisoning.
    assert_eq!(*cell.read(), [1, 2]);
}

/// Tries to read the cell when it is dropped.
struct ReadOnDrop<'c>(&'c OverlapCell<Vec<u8>>, &'c RefCell<Vec<bool>>);

impl Drop for ReadOnDrop<'_> {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0.try_read().is_ok());
    }
}

#[test]
fn drop_may_use_try_read_during_unwinding() {
    let (cell, could) = (OverlapCell::new(vec![1]), RefCell::default());
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let _after = ReadOnDrop(&cell, &could);
        let _writing = cell.write();
        let _during = ReadOnDrop(&cell, &could);
        panic!("with the guard alive");
    }));
    assert!(caught.is_err());
    assert_eq!(*could.borrow(), [false, true]);
}

thread_local! {
    static KEPT: RefCell<Option<ReadGuard<'static, u8>>> = const { RefCell::new(None) };
}

#[test]
fn a_guard_in_a_thread_local_ends_with_its_thread() {
    static CELL: OverlapCell<u8> = OverlapCell::named("kept", 1);
    for _ in 0..3 {
        untorn::spawn("keeper", || {
            // Initialized before the thread's record, and so dropped after the record was released.
            KEPT.with_borrow_mut(|kept| assert!(kept.is_none()));
            KEPT.set(Some(CELL.read()));
            assert_eq!(readers(&CELL), 1);
        })
        .join()
        .expect("no panic");
        assert_eq!(readers(&CELL), 0);
    }
}

/// A value that checks, when dropped, that its former cell can be written.
struct WriteOnDrop {
    of: Rc<OverlapCell<Option<WriteOnDrop>>>,
    _live: Rc<()>,
}

impl Drop for WriteOnDrop {
    fn drop(&mut self) {
        let alone = self.of.try_write().is_ok();
        assert!(alone || std::thread::panicking(), "the write is still open");
    }
}

#[test]
fn replaced_value_is_dropped_after_the_write() {
    let cell = Rc::new(OverlapCell::new(None).on_overlap(RECORD));
    let live = Rc::new(());
    let value = || {
        Some(WriteOnDrop {
            of: Rc::clone(&cell),
            _live: Rc::clone(&live),
        })
    };
    assert!(cell.replace(value()).is_none());
    drop(cell.replace(value()));
    drop(cell.take());
    assert_eq!(Rc::strong_count(&live), 1);

    let reading = cell.read();
    let refused = attempt(|| cell.replace(value()).is_some());
    let overlap = refused.expect_err("we read");
    assert_eq!(overlap.here.operation, "OverlapCell::replace");
    drop(reading);
    assert!(cell.read().is_none(), "nothing was replaced");
    assert_eq!(Rc::strong_count(&live), 1, "the rejected value was dropped");
}

#[test]
fn unsized_values_are_supported() {
    let bytes: Arc<OverlapCell<[u8]>> = Arc::new(OverlapCell::named("bytes", [1, 2, 3]));
    bytes.write()[0] = 7;
    let writing = bytes.write();
    let overlap = bytes.try_read().expect_err("we write");
    assert!(
        overlap.to_string().contains("cell \"bytes\": [u8; 3]\n"),
        "{overlap}"
    );
    drop(writing);
    assert_eq!(*bytes.read(), [7, 2, 3]);
    let shown: &OverlapCell<dyn std::fmt::Debug> = &OverlapCell::new(265);
    assert_eq!(format!("{:?}", shown.read()), "265");
}

#[test]
fn debug_shows_the_value_or_in_use() {
    let mut cell = OverlapCell::from(265);
    assert_eq!(format!("{cell:?}"), "OverlapCell { value: 265, .. }");
    let reading = cell.read();
    assert_eq!(
        format!("{cell:?} {reading:?} {reading}"),
        "OverlapCell { value: 265, .. } 265 265"
    );
    drop(reading);
    let writing = cell.write();
    assert_eq!(
        format!("{cell:?} {writing}"),
        "OverlapCell { value: <in use>, .. } 265"
    );
    drop(writing);
    *cell.get_mut() += 1;
    assert_eq!(cell.into_inner(), 266);
    let cell = OverlapCell::named("config", String::new());
    assert_eq!(
        format!("{cell:?}"),
        "OverlapCell { name: \"config\", value: \"\", .. }"
    );
    assert_eq!(OverlapCell::<u8>::default().into_inner(), 0);
}
