//! `batch_if_unchanged`: accepts only the newest view, and only of the same map.

use std::panic::{AssertUnwindSafe, catch_unwind};

use untorn::{Map, Revision, View};

type Limits = Map<&'static str, u32>;

fn refused(map: &Limits, view: &View<&'static str, u32>) -> untorn::RevisionMismatch {
    let before = map.snapshot();
    let written = map.batch_if_unchanged(view, |_| panic!("not called"));
    assert!(std::ptr::eq(&*map.pin(), &*before), "nothing was published");
    written.expect_err("the view is rejected")
}

#[test]
fn view_of_another_map_is_rejected() {
    let one = Map::from([("k", 1)]);
    one.insert("k", 2);
    let seen = one.snapshot();
    let fork = one.fork();
    fork.insert("k", 100);
    assert_eq!(fork.revision(), seen.revision());
    assert!(refused(&fork, &seen).is_of_another_map());
    assert_eq!(fork.get("k"), Some(100));
    let collected: Limits = [("k", 2)].into_iter().collect();
    collected.insert("k", 3);
    let refused = refused(&collected, &seen);
    let numbers = [refused.expected, refused.current].map(Revision::get);
    assert_eq!((refused.is_of_another_map(), numbers), (true, [1, 1]));
    // The view is still the newest of its own map.
    assert!(one.batch_if_unchanged(&seen, |batch| batch.clear()).is_ok());
}

#[test]
fn every_kind_of_view_is_accepted() {
    let map = Limits::new();
    let before = map.snapshot();
    let map = map.with_name("limits");
    let mut changes = map.subscribe();
    let put = |view: &View<&'static str, u32>| {
        map.batch_if_unchanged(view, |batch| _ = batch.insert("k", 1))
    };
    assert_eq!(put(&before).map(Revision::get), Ok(1), "named meanwhile");
    assert_eq!(put(&map.pin()).map(Revision::get), Ok(2));
    assert_eq!(put(map.reader().latest()).map(Revision::get), Ok(3));
    let step = changes.recv().expect("commits were made");
    assert_eq!(put(&step.to).map(Revision::get), Ok(4));
    map.refresh([("k", 2)]);
    map.clear();
    assert_eq!(put(&map.snapshot()).map(Revision::get), Ok(7));
    let refused = put(&step.from).expect_err("the view is outdated");
    assert!(!refused.is_of_another_map());
    assert_eq!((refused.expected.get(), refused.current.get()), (0, 7));
}

#[test]
fn mismatch_error_names_both_maps() {
    let (one, other) = (Limits::named("one"), Limits::named("other"));
    other.insert("k", 1);
    let text = |map: &Limits, of: &Limits| refused(map, &of.pin()).to_string();
    assert_eq!(
        text(&one, &other),
        r#"cannot write to map "one", which is at revision 0: the view is of map "other", at revision 1; take a view of the map that is written to"#
    );
    assert_eq!(
        text(&one, &one.fork()),
        r#"cannot write to map "one", which is at revision 0: the view is of another map "one", at revision 0; take a view of the map that is written to"#
    );
    assert_eq!(
        text(&Limits::new(), &Limits::new()),
        "cannot write to an unnamed map, which is at revision 0: the view is of an unnamed map, at revision 0; take a view of \
         the map that is written to"
    );
    assert!(
        text(&one, &other.fork().with_name("draft")).contains(r#"of map "draft", at revision 0"#)
    );
}

#[test]
fn panic_in_the_closure_publishes_nothing() {
    let map = Limits::from([("k", 1)]);
    let view = map.snapshot();
    let write = || {
        map.batch_if_unchanged(&view, |batch| {
            batch.clear();
            panic!("after a write");
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(write)).is_err());
    assert_eq!((map.get("k"), map.revision()), (Some(1), Revision::FIRST));
    assert!(map.batch_if_unchanged(&view, |batch| batch.clear()).is_ok());
}
