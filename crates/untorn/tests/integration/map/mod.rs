//! `Map`: atomic batches, no revision without a change, and panics and drops in user code.

mod conditional;
mod drops_that_write;
mod equivalent_keys;
mod initializers;
mod interrupted_writes;
mod nan;
mod own_changes;
mod reclamation;
mod refresh;
mod restore;
mod torn;
mod unchanged;
mod user_code;

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use untorn::{Map, Pinned, Reader, Revision, Snapshot, View};

#[test]
fn writes_without_a_change_make_no_revision() {
    let map = Map::from([("a", 1), ("b", 2)]);
    let idle: [fn(&Map<&'static str, i32>); 15] = [
        |map| {
            let done = map.refresh([("b", 2), ("a", 0), ("a", 1)]);
            assert_eq!(done.duplicates, 1);
            assert_eq!((done.added, done.changed, done.removed), (0, 0, 0));
        },
        |map| assert_eq!(map.remove("c"), None),
        |map| map.retain(|_, _| true),
        |map| _ = map.batch(|_| ()),
        |map| assert_eq!(map.update("c", |_| None), None),
        |map| assert_eq!(map.get_or_insert_with("a", || 3), 1),
        |map| assert_eq!(map.update_if_present("c", |_| Some(3)), None),
        |map| assert_eq!(map.update_if("a", |n| *n > 1, |_| 3), None),
        |map| assert_eq!(map.remove_if("a", |n| *n > 1), None),
        |map| assert!(map.extract_if(|_, _| false).is_empty()),
        |map| assert!(map.refresh_with(["a", "b"], |_, _| None).is_unchanged()),
        |map| {
            let mut batch = map.begin_batch();
            batch.clear();
            batch.insert("d", 4);
            assert_eq!(batch.len(), 1);
            drop(batch);
        },
        |map| assert_eq!(map.begin_batch().commit(), Revision::FIRST),
        |map| {
            let refused = map.try_batch(|batch| {
                batch.clear();
                Err::<(), _>("no")
            });
            assert_eq!(refused, Err("no"));
        },
        |map| {
            let fork = map.fork();
            let refused = map.batch_if_unchanged(&fork.pin(), |_| panic!("not called"));
            let refused = refused.expect_err("a fork is another map");
            assert!(refused.is_of_another_map());
        },
    ];
    let before = map.snapshot();
    for write in idle {
        write(&map);
        assert_eq!(map.revision(), Revision::FIRST);
        assert!(std::ptr::eq(&*before, &*map.pin()), "nothing was published");
    }
    assert_eq!(map.retained(), 0);
    let empty = Map::<u64, u64>::new();
    empty.clear();
    assert_eq!(empty.refresh([]).revision, Revision::FIRST);
    assert_eq!(empty.revision(), Revision::FIRST);
    map.insert("a", 1);
    assert_eq!(
        map.revision().get(),
        1,
        "an insert makes one, even of an equal value"
    );
    let view = map.snapshot();
    let mut removed = None;
    let done = map.batch_if_unchanged(&view, |batch| removed = batch.remove("a"));
    let done = done.expect("the view is the newest");
    assert_eq!((removed, done.get()), (Some(1), 2));
    let refused = map.batch_if_unchanged(&view, |_| panic!("not called"));
    let refused = refused.expect_err("a commit was made");
    assert_eq!((refused.expected.get(), refused.current.get()), (1, 2));
    assert!(!refused.is_of_another_map());
    assert_eq!(
        refused.to_string(),
        "cannot write to a map at revision 2: the view is of revision 1; take a new view and retry"
    );
    let reached = map.wait_for(done, Duration::ZERO);
    assert_eq!(reached.map(|view| view.revision()), Ok(done));
}

#[test]
fn nested_write_panics_with_a_reason() {
    type Write = fn(&Map<u64, u64>);
    type Around = fn(&Map<u64, u64>, Write);
    let inner: [Write; 15] = [
        |map| _ = map.insert(2, 2),
        |map| _ = map.remove(&1),
        |map| map.clear(),
        |map| _ = map.refresh([]),
        |map| _ = map.batch_if_unchanged(&map.snapshot(), |_| ()),
        |map| _ = map.batch_if_keys_unchanged(&map.snapshot(), [&1], |_| ()),
        |map| _ = map.update_if_present(&1, |_| None),
        |map| _ = map.remove_if(&1, |_| true),
        |map| _ = map.drain(),
        |map| _ = map.begin_batch(),
        |map| _ = map.reclaim(),
        |map| _ = map.retained(),
        |map| _ = map.stats(),
        |map| _ = map.wait_for(Revision::from(99), Duration::MAX),
        |map| _ = map.subscribe().recv(),
    ];
    let outer: [Around; 7] = [
        |map, write| {
            map.batch(|batch| {
                batch.insert(9, 9);
                write(map);
            });
        },
        |map, write| {
            _ = map.try_batch(|_| {
                write(map);
                Ok::<_, ()>(())
            });
        },
        |map, write| {
            _ = map.update(1, |_| {
                write(map);
                Some(9)
            });
        },
        |map, write| {
            map.retain(|_, _| {
                write(map);
                false
            });
        },
        |map, write| {
            map.batch(|batch| {
                batch.get_or_insert_with(9, || {
                    write(map);
                    9
                });
            });
        },
        |map, write| _ = map.batch_if_unchanged(&map.snapshot(), |_| write(map)),
        |map, write| {
            let mut batch = map.begin_batch();
            batch.insert(9, 9);
            write(map);
            batch.commit();
        },
    ];
    let map = Map::named("config");
    map.insert(1, 1);
    for write in inner {
        for around in outer {
            let caught = catch_unwind(AssertUnwindSafe(|| around(&map, write)));
            let message = caught.expect_err("this would deadlock");
            let message = message.downcast_ref::<String>().expect("a text");
            let reason = " while this thread has a write to that map ";
            assert!(message.contains(reason), "{message}");
            let step = " open: this would deadlock; end that write first";
            let (_, more) = message.split_once(step).expect("a next step");
            let writes = message.starts_with("cannot write to ");
            let batch = if writes {
                ", or write through its batch"
            } else {
                ""
            };
            assert_eq!(more, batch, "{message}");
            let waits = message.starts_with("cannot wait for a commit ");
            assert!(waits || message.contains(r#" map "config" "#), "{message}");
            assert_eq!(
                (map.len(), map.get(&1), map.revision().get()),
                (1, Some(1), 1)
            );
        }
    }
    // Reads and writes to other maps are allowed, and this map stays usable.
    let other = map.fork();
    map.batch(|batch| {
        assert_eq!((map.get(&1), map.pin().len()), (Some(1), 1));
        assert!(map.wait_for(map.revision(), Duration::MAX).is_ok());
        assert!(map.subscribe().try_recv().is_err());
        batch.insert(1, 2);
        assert_eq!(map.get(&1), Some(1));
        other.insert(1, 3);
        map.fork().insert(1, 4);
    });
    assert_eq!((map.get(&1), other.get(&1)), (Some(2), Some(3)));
}

thread_local! {
    static EQ_CALLS: Cell<usize> = const { Cell::new(0) };
}

/// A value that counts comparisons.
#[derive(Clone, Copy, Debug)]
struct Watched(u64);

impl PartialEq for Watched {
    fn eq(&self, other: &Self) -> bool {
        EQ_CALLS.set(EQ_CALLS.get() + 1);
        self.0 == other.0
    }
}

impl Eq for Watched {}

impl Hash for Watched {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

#[test]
fn diff_and_fork_skip_shared_segments() {
    let map: Map<_, _> = (0..100_000).map(|n| (Watched(n), Watched(n))).collect();
    EQ_CALLS.set(0);
    let fork = map.fork();
    assert_eq!(EQ_CALLS.get(), 0);
    assert_eq!((fork.len(), fork.revision()), (100_000, Revision::FIRST));
    fork.insert(Watched(7), Watched(8));
    fork.remove(&Watched(70_000));
    fork.insert(Watched(200_000), Watched(0));
    EQ_CALLS.set(0);
    let (ours, theirs) = (map.pin(), fork.pin());
    assert_eq!(theirs.changes_since(&ours).count(), 3);
    assert_eq!(ours.changes_since(&theirs).count(), 3);
    // Three segments of some 300 entries out of 100,000, in both directions, keys and values.
    assert!(EQ_CALLS.get() < 8_000, "{} comparisons", EQ_CALLS.get());
    assert_eq!(ours.get(&Watched(7)), Some(&Watched(7)));
    assert_eq!((ours.len(), theirs.len()), (100_000, 100_000));
    EQ_CALLS.set(0);
    assert_eq!(ours.changes_since(&map.pin()).count(), 0);
    assert_eq!(EQ_CALLS.get(), 0);
}

#[test]
fn view_supports_eq_index_and_debug() {
    let map = Map::from([("a".to_owned(), 1), ("b".to_owned(), 2)]);
    let other: Map<String, i32> = [("b", 2), ("a", 1)].map(|(k, v)| (k.to_owned(), v)).into();
    assert_eq!(*map.pin(), *other.pin());
    other.insert("a".into(), 3);
    assert_ne!(*map.pin(), *other.pin());
    other.remove("a");
    assert_ne!(*map.pin(), *other.pin());
    assert_ne!(map, other);
    assert_ne!(map.pin(), other.pin());
    let fork = map.fork();
    assert!(fork == map && fork.pin() == map.pin() && fork.snapshot() == map.snapshot());
    let view = map.snapshot();
    assert_eq!((view["a"], view["b"]), (1, 2));
    assert_eq!(view.get_key_value("a"), Some((&"a".to_owned(), &1)));
    assert!(catch_unwind(AssertUnwindSafe(|| view["c"])).is_err());
    let entries: HashMap<_, _> = view.into_iter().collect();
    assert_eq!(entries, view.keys().zip(view.values()).collect());
    let mut iter = view.iter();
    assert_eq!((iter.len(), iter.clone().count()), (2, 2));
    iter.by_ref().for_each(drop);
    assert_eq!((iter.len(), iter.next(), iter.next()), (0, None, None));
    let one = Map::named("config");
    one.insert(1, "x");
    assert_eq!(
        format!("{:?} {:?}", one.pin(), one.pin().iter()),
        r#"{1: "x"} {1: "x"}"#
    );
    assert_eq!(
        (format!("{one:?}").as_str(), one.name()),
        (r#"{1: "x"}"#, Some("config"))
    );
    assert_eq!(
        format!("{one:#?}"),
        format!("{:#?}", HashMap::from([(1, "x")]))
    );
}

#[test]
fn repeated_replacement_does_not_rehash_everything() {
    thread_local! {
        static HASHES: Cell<u64> = const { Cell::new(0) };
    }
    #[derive(Clone, PartialEq, Eq)]
    struct Hashed(u64);
    impl Hash for Hashed {
        fn hash<H: Hasher>(&self, state: &mut H) {
            HASHES.set(HASHES.get() + 1);
            self.0.hash(state);
        }
    }
    // Sizes around those at which a segment is full.
    for entries in [7, 28, 56, 111, 223, 400, 415, 447, 830, 5_000] {
        let map: Map<Hashed, u64> = (0..entries).map(|n| (Hashed(n), n)).collect();
        HASHES.set(0);
        let pairs = 20_000;
        map.batch(|batch| {
            for n in 0..pairs {
                batch.remove(&Hashed(n));
                batch.insert(Hashed(entries + n), n);
            }
        });
        let for_each = HASHES.get() as f64 / pairs as f64;
        assert!(for_each < 20.0, "{for_each} hashes a pair at {entries}");
    }
}

#[test]
fn shrinking_map_releases_memory() {
    for entries in [400, 100_000] {
        let map: Map<u64, [u8; 100]> = (0..entries).map(|n| (n, [0; 100])).collect();
        let before = map.stats().bytes;
        map.retain(|n, _| *n < 2);
        let stats = map.stats();
        assert_eq!((stats.len, stats.segments), (2, 1));
        assert!(stats.bytes < 3_000, "{} of {before} bytes", stats.bytes);
    }
}

#[test]
fn large_entries_get_small_segments() {
    thread_local! {
        static CLONES: Cell<usize> = const { Cell::new(0) };
    }
    struct Large<const N: usize>([u8; N]);
    impl<const N: usize> Clone for Large<N> {
        fn clone(&self) -> Self {
            CLONES.set(CLONES.get() + 1);
            Self(self.0)
        }
    }
    fn most<const N: usize>() -> usize {
        let map = Map::new();
        let clones = (0..4_000_u64).map(|n| {
            CLONES.set(0);
            map.insert(n, Large([0; N]));
            CLONES.get()
        });
        clones.max().unwrap_or(0)
    }
    let (small, large, larger) = (most::<8>(), most::<1_000>(), most::<8_000>());
    assert!(small <= 1_000, "{small} clones of 16 bytes");
    assert!(large <= 100, "{large} clones of 1 kB");
    assert!(larger <= 80, "{larger} clones of 8 kB");
}

#[test]
fn map_collects_and_extends_from_entries() {
    let map = Arc::new(Map::from(HashMap::from([("a", 1), ("b", 2)])));
    map.extend([("b", 3), ("c", 4)]); // through the `Arc`
    assert_eq!(map.revision().get(), 1, "one commit");
    let pin = map.pin();
    let mut entries: Vec<_> = (&pin)
        .into_iter()
        .map(|(key, value)| (*key, *value))
        .collect();
    entries.sort_unstable();
    assert_eq!(entries, [("a", 1), ("b", 3), ("c", 4)]);
    let snapshot = map.snapshot();
    assert_eq!((&snapshot).into_iter().len(), 3);
    assert_eq!(snapshot, map.fork().snapshot());
    // The map's own entries can be the source.
    map.extend(map.pin().iter().map(|(key, value)| (*key, value * 10)));
    assert_eq!((map.get("c"), u64::from(map.revision())), (Some(40), 2));
    // The trait, of a map and of a reference to one.
    Extend::extend(&mut &*map, [("d", 5)]);
    let mut fork = map.fork();
    Extend::extend(&mut fork, [("e", 6)]);
    assert_eq!((map.len(), fork.len()), (4, 5));
    assert_eq!((map.revision().get(), fork.revision().get()), (3, 1));
    let mut reader = map.reader();
    reader.latest();
    let mut other = reader.clone();
    map.clear();
    assert!(other.latest().is_empty());
}

#[test]
fn dropping_a_large_map_drops_every_entry() {
    let value = Arc::new(());
    let map: Map<String, Arc<()>> = (0..100_000)
        .map(|n| (n.to_string(), Arc::clone(&value)))
        .collect();
    let (old, fork) = (map.snapshot(), map.fork());
    map.retain(|key, _| key.len() % 2 == 0);
    assert_eq!(
        (old.len(), fork.len(), map.len()),
        (100_000, 100_000, 9_090)
    );
    drop(map);
    assert_eq!(old.iter().filter(|(key, _)| key.len() == 5).count(), 90_000);
    drop((old, fork));
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn values_and_views_are_send_and_sync() {
    fn send<T: Send>() {}
    fn sync<T: Sync>() {}
    type Contents = View<String, Vec<u8>>;
    send::<Map<String, Vec<u8>>>();
    sync::<Map<String, Vec<u8>>>();
    send::<Snapshot<Contents>>();
    sync::<Snapshot<Contents>>();
    send::<Reader<Contents>>();
    sync::<Pinned<'_, Contents>>();
}

#[test]
fn borrowed_keys_and_values_work_in_a_scope() {
    let texts: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    let map = Map::<&str, &String>::new();
    thread::scope(|scope| {
        for part in texts.chunks(250) {
            let (map, mut reader) = (&map, map.reader());
            scope.spawn(move || {
                for text in part {
                    map.insert(text, text);
                    assert_eq!(reader.latest().get(text.as_str()), Some(&text));
                }
            });
        }
    });
    assert_eq!(
        (map.len(), map.revision().get()),
        (1_000, 1_000),
        "no write is lost"
    );
    assert_eq!(map.get("77"), Some(&texts[77]));
}
