//! Entries that panic in `Hash`, `Eq`, `Clone` or `Drop` while the map takes them over.

use std::hash::{Hash, Hasher};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use untorn::poller::{Delta, DeltaSource, FailureKind, FetchedAfter, RefreshError, ResumeToken};
use untorn::{Map, Poller, Published, Revision};

use super::stop::must_end;
use super::support::{Answer, HOUR, LONG, SourceControl, contents, started};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Hash,
    Eq,
    Clone,
    Drop,
}

/// The method of the next panic, and the number of calls before it that succeed.
type Fuse = Arc<Mutex<Option<(At, usize)>>>;

fn arm(fuse: &Fuse, at: At, after: usize) {
    *fuse.lock().expect("not poisoned") = Some((at, after));
}

/// Disarms the fuse and returns whether it was still armed.
fn disarm(fuse: &Fuse) -> bool {
    fuse.lock().expect("not poisoned").take().is_some()
}

/// A key and a value that panic at the armed call.
struct Fused(u32, Fuse);

impl Fused {
    fn tick(&self, here: At) {
        let mut fuse = self.1.lock().expect("not poisoned");
        match &mut *fuse {
            Some((at, 0)) if *at == here => {
                *fuse = None;
                drop(fuse);
                // Without a message: there are hundreds.
                resume_unwind(Box::new(format!("in {here:?}")));
            }
            Some((at, left)) if *at == here => *left -= 1,
            _ => {}
        }
    }
}

impl Hash for Fused {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tick(At::Hash);
        self.0.hash(state);
    }
}

impl PartialEq for Fused {
    fn eq(&self, other: &Self) -> bool {
        self.tick(At::Eq);
        self.0 == other.0
    }
}

impl Eq for Fused {}

impl Clone for Fused {
    fn clone(&self) -> Self {
        self.tick(At::Clone);
        Self(self.0, Arc::clone(&self.1))
    }
}

impl Drop for Fused {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.tick(At::Drop);
        }
    }
}

type FusedMap = Map<Fused, Fused>;

/// Twenty entries, half of them with keys of the previous generation.
fn generation(number: u32, fuse: &Fuse) -> Answer<Fused, Fused> {
    let fuse = Arc::clone(fuse);
    Box::new(move || {
        let fused = |number| Fused(number, Arc::clone(&fuse));
        let entries = of(number).into_iter();
        let entries: Vec<_> = entries
            .map(|(key, value)| (fused(key), fused(value)))
            .collect();
        contents(entries)()
    })
}

/// Returns the map's contents without calling user code that may panic.
fn shown(config: &FusedMap) -> Vec<(u32, u32)> {
    let pin = config.pin();
    let mut shown: Vec<_> = pin.iter().map(|(key, value)| (key.0, value.0)).collect();
    shown.sort_unstable();
    shown
}

/// Half of the entries that two generations share are equal, so a refresh copies their segment.
fn of(number: u32) -> Vec<(u32, u32)> {
    let keys = number * 10..number * 10 + 20;
    let value = |key| if key % 2 == 0 { 0 } else { number };
    keys.map(|key| (key, value(key))).collect()
}

/// Refreshes with a panic after `after` calls, and returns whether there were so many.
fn refresh_with_panic(
    (poller, control): &(Poller, SourceControl<Fused, Fused>),
    (config, fuse): (&FusedMap, &Fuse),
    (at, after): (At, usize),
) -> bool {
    let before = control.poll(poller, generation(1, fuse)).expect("contents");
    assert_eq!(shown(config), of(1));
    let resets = control.resets();
    arm(fuse, at, after);
    let result = control.poll(poller, generation(2, fuse));
    if disarm(fuse) {
        assert_eq!((result.is_ok(), shown(config)), (true, of(2)));
        return false;
    }
    result.expect_err("an entry panicked");
    let failure = poller.status().last_failure.expect("one");
    assert_eq!(failure.kind, FailureKind::Panic);
    assert_eq!(*failure.message, format!("panicked: in {at:?}"));
    match at {
        // Replaced entries are dropped after the commit, or later, when readers have released them.
        At::Drop => assert!(shown(config) == of(2) || shown(config) == of(1)),
        _ => {
            assert_eq!((config.revision(), shown(config)), (before, of(1)));
            assert_eq!(control.resets(), resets + 1, "the source is reset");
        }
    }
    // The next poll succeeds.
    control.poll(poller, generation(3, fuse)).expect("contents");
    assert_eq!(shown(config), of(3));
    true
}

#[test]
fn panic_in_an_entry_publishes_nothing() {
    let fuse = Fuse::default();
    let config = Arc::new(FusedMap::new());
    let poller = started(&config, generation(0, &fuse), |builder| builder);
    let mut panics = Vec::new();
    for at in [At::Hash, At::Eq, At::Clone, At::Drop] {
        let calls =
            (0..).take_while(|&after| refresh_with_panic(&poller, (&config, &fuse), (at, after)));
        panics.push((at, calls.count()));
    }
    assert!(panics.iter().all(|(_, calls)| *calls > 10), "{panics:?}");
}

/// A value whose comparison panics, and whose drop then calls a function.
#[derive(Clone)]
struct Incomparable(Option<Arc<dyn Fn() + Send + Sync>>);

const PLAIN: Incomparable = Incomparable(None);

impl PartialEq for Incomparable {
    fn eq(&self, other: &Self) -> bool {
        if self.0.is_some() || other.0.is_some() {
            resume_unwind(Box::new("in Eq"));
        }
        true
    }
}

impl Drop for Incomparable {
    fn drop(&mut self) {
        if let Some(call) = self.0.take() {
            call();
        }
    }
}

/// A source whose answers are changes.
struct Changes<F>(F);

impl<F> DeltaSource for Changes<F>
where
    F: FnMut() -> Vec<Delta<u32, Incomparable>> + Send + 'static,
{
    type Contents = Vec<(u32, Incomparable)>;
    type Deltas = Vec<Delta<u32, Incomparable>>;
    type Error = String;

    fn fetch_after(
        &mut self,
        _: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, String> {
        Ok(FetchedAfter::Deltas {
            deltas: (self.0)(),
            token: 1.into(),
        })
    }
}

/// The process would abort if the value were dropped, while the panic unwinds, under the writer
/// lock that its drop acquires.
#[test]
fn value_of_a_panic_in_eq_is_dropped_unlocked() {
    let map = Arc::new(Map::from([(1, PLAIN)]));
    let writing = Arc::downgrade(&map);
    let value = move || {
        let map = writing.clone();
        Incomparable(Some(Arc::new(move || {
            if let Some(map) = map.upgrade() {
                map.insert(2, PLAIN);
            }
        })))
    };
    let contents_of = value.clone();
    let changes = Poller::every(HOUR, Changes(move || vec![Delta::Put(1, value())]))
        .resume_from(ResumeToken::from(0))
        .start(&map)
        .expect("a thread");
    assert_panicked(changes.refresh_now(LONG));
    assert!(map.contains_key(&2), "the drop has written");
    drop(changes);
    map.remove(&2);
    let contents = move || Ok::<_, String>([(1, contents_of())]);
    let contents = Poller::every(HOUR, contents).start(&map).expect("a thread");
    assert_panicked(contents.refresh_now(LONG));
    assert!(map.contains_key(&2), "the drop has written");

    let published = Arc::new(Published::new(PLAIN));
    let writing = Arc::downgrade(&published);
    let value = move || {
        let published = Weak::clone(&writing);
        let write = move || _ = published.upgrade().map(|it| it.publish(PLAIN));
        Ok::<_, String>(Incomparable(Some(Arc::new(write))))
    };
    let poller = Poller::every(HOUR, value)
        .start(&published)
        .expect("a thread");
    assert_panicked(poller.refresh_now(LONG));
    // Once, or again after a retry.
    assert!(
        published.revision() > Revision::FIRST,
        "the drop has published"
    );
}

/// Deltas without a position, which the poller drops.
#[test]
fn refused_deltas_may_panic_in_their_drop() {
    must_end(|| {
        let bomb = || Incomparable(Some(Arc::new(|| resume_unwind(Box::new("in Drop")))));
        let source = Changes(move || vec![Delta::Put(1, bomb())]);
        let poller = Poller::every(HOUR, source)
            .min_gap(Duration::ZERO)
            .start(&Arc::new(Map::new()))
            .expect("a thread");
        for _ in 0..2 {
            let Err(RefreshError::Failed(failure)) = poller.refresh_now(LONG) else {
                panic!("accepted");
            };
            assert_eq!(failure.kind, FailureKind::Error, "{failure}");
        }
    });
}

fn assert_panicked(poll: Result<Revision, RefreshError>) {
    let Err(RefreshError::Failed(failure)) = poll else {
        panic!("{poll:?}");
    };
    assert_eq!(failure.kind, FailureKind::Panic);
}
