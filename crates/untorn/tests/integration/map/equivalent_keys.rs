//! Lookups by types that are no borrowed form of the key.

use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use untorn::{Equivalent, Map};

thread_local! {
    /// The keys that were made.
    static MADE: Cell<usize> = const { Cell::new(0) };
}

/// A key that counts how often it is made.
#[derive(PartialEq, Eq, Debug)]
struct Session {
    user: String,
    device: u32,
}

impl Session {
    fn new(user: &str, device: u32) -> Self {
        MADE.set(MADE.get() + 1);
        let user = user.to_owned();
        Self { user, device }
    }
}

impl Clone for Session {
    fn clone(&self) -> Self {
        Self::new(&self.user, self.device)
    }
}

impl Hash for Session {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Parts(&self.user, self.device).hash(state);
    }
}

/// The parts of a session, borrowed.
#[derive(Hash)]
struct Parts<'a>(&'a str, u32);

impl Equivalent<Session> for Parts<'_> {
    fn equivalent(&self, key: &Session) -> bool {
        self.0 == key.user && self.1 == key.device
    }
}

#[test]
fn composite_keys_are_found_by_their_parts() {
    let sessions: Map<Session, u32> = Map::from([(Session::new("ada", 1), 10)]);
    let made = MADE.get();
    let (known, unknown) = (Parts("ada", 1), Parts("ada", 2));
    assert_eq!(
        (sessions.get(&known), sessions.get(&unknown)),
        (Some(10), None)
    );
    assert!(sessions.contains_key(&known) && !sessions.contains_key(&unknown));
    let view = sessions.pin();
    assert_eq!(
        (view.get(&known), view[&known], view.get(&unknown)),
        (Some(&10), 10, None)
    );
    assert_eq!(
        view.get_key_value(&known).map(|(key, _)| key.device),
        Some(1)
    );
    assert!(view.contains_key(&known));
    drop(view);
    assert_eq!(
        sessions.get_or_insert_with_by_ref(&known, |_| unreachable!(), |_| 0),
        10
    );
    assert_eq!(sessions.remove(&unknown), None);
    assert_eq!(sessions.remove_if(&known, |n| *n > 10), None);
    assert_eq!(
        sessions.update_if_present(&unknown, |_| unreachable!()),
        None
    );
    let read = sessions.batch_if_keys_unchanged(&sessions.snapshot(), [&known], |batch| {
        assert_eq!((batch.get(&known), batch[&known]), (Some(&10), 10));
        assert!(batch.contains_key(&known) && batch.get_key_value(&unknown).is_none());
    });
    assert_eq!(read.map(untorn::Revision::get), Ok(0));
    assert_eq!(MADE.get(), made, "no lookup makes a key");
    assert_eq!(sessions.update_if(&known, |_| true, |n| n + 1), Some(11));
    assert_eq!(
        sessions.update_if_present(&known, |n| Some(n + 1)),
        Some(12)
    );
    sessions.batch(|batch| {
        batch.update_if_present(&known, |n| Some(n + 1));
        assert_eq!(batch.remove(&unknown), None);
    });
    let to_key = |parts: &Parts<'_>| Session::new(parts.0, parts.1);
    assert_eq!(
        sessions.get_or_insert_with_by_ref(&unknown, to_key, |key| key.device),
        2
    );
    assert_eq!(
        (sessions.remove(&known), sessions.remove(&unknown)),
        (Some(13), Some(2))
    );
    assert!(sessions.is_empty());
}

#[test]
fn borrowed_forms_of_keys_are_equivalent() {
    let texts: Map<String, u32> = Map::from([("low".to_owned(), 1)]);
    assert_eq!(
        (texts.get("low"), texts.get(&"low".to_owned())),
        (Some(1), Some(1))
    );
    let shared: Map<Arc<str>, u32> = Map::from([("low".into(), 1)]);
    assert_eq!(
        (shared.get("low"), shared.get(&Arc::from("low"))),
        (Some(1), Some(1))
    );
    let arcs: Map<Arc<Session>, u32> = Map::from([(Arc::new(Session::new("ada", 1)), 1)]);
    assert_eq!(arcs.get(&Session::new("ada", 1)), Some(1));
    let bytes: Map<Vec<u8>, u32> = Map::from([(vec![1, 2], 1)]);
    assert_eq!(bytes.get([1, 2].as_slice()), Some(1));
    let words: Map<&str, u32> = Map::from([("low", 1)]);
    let owned = "low".to_owned();
    assert_eq!(
        (
            words.get("low"),
            words.get(owned.as_str()),
            words.get(&"low")
        ),
        (Some(1), Some(1), Some(1))
    );
}
