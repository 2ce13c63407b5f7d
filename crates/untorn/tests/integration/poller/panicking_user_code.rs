//! Entries that panic in `Hash`, `Eq`, `Clone` or `Drop` while the map takes them over.

use std::hash::{Hash, Hasher};
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex};

use untorn::{Map, Poller};

use super::support::{Answer, Steering, contents, started};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Hash,
    Eq,
    Clone,
    Drop,
}

/// Where the next panic is, and how many calls before it go well.
type Fuse = Arc<Mutex<Option<(At, usize)>>>;

fn light(fuse: &Fuse, at: At, after: usize) {
    *fuse.lock().expect("not poisoned") = Some((at, after));
}

/// Whether it has not gone off.
fn put_out(fuse: &Fuse) -> bool {
    fuse.lock().expect("not poisoned").take().is_some()
}

/// A key and a value.
struct Touchy(u32, Fuse);

impl Touchy {
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

impl Hash for Touchy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.tick(At::Hash);
        self.0.hash(state);
    }
}

impl PartialEq for Touchy {
    fn eq(&self, other: &Self) -> bool {
        self.tick(At::Eq);
        self.0 == other.0
    }
}

impl Eq for Touchy {}

impl Clone for Touchy {
    fn clone(&self) -> Self {
        self.tick(At::Clone);
        Self(self.0, Arc::clone(&self.1))
    }
}

impl Drop for Touchy {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.tick(At::Drop);
        }
    }
}

type Touchies = Map<Touchy, Touchy>;

/// Twenty entries of which half are those of the generation before.
fn generation(number: u32, fuse: &Fuse) -> Answer<Touchy, Touchy> {
    let fuse = Arc::clone(fuse);
    Box::new(move || {
        let touchy = |number| Touchy(number, Arc::clone(&fuse));
        let keys = number * 10..number * 10 + 20;
        let entries: Vec<_> = keys.map(|key| (touchy(key), touchy(number))).collect();
        contents(entries)()
    })
}

/// The map's contents, without calling anything foreign.
fn shown(config: &Touchies) -> Vec<(u32, u32)> {
    let pin = config.pin();
    let mut shown: Vec<_> = pin.iter().map(|(key, value)| (key.0, value.0)).collect();
    shown.sort_unstable();
    shown
}

fn of(number: u32) -> Vec<(u32, u32)> {
    let keys = number * 10..number * 10 + 20;
    keys.map(|key| (key, number)).collect()
}

/// Refreshes with a panic after so many calls; whether there were so many.
fn sabotage(
    (poller, steering): &(Poller, Steering<Touchy, Touchy>),
    (config, fuse): (&Touchies, &Fuse),
    (at, after): (At, usize),
) -> bool {
    let before = steering
        .poll(poller, generation(1, fuse))
        .expect("contents");
    assert_eq!(shown(config), of(1));
    let lost = steering.resets();
    light(fuse, at, after);
    let came = steering.poll(poller, generation(2, fuse));
    if put_out(fuse) {
        assert_eq!((came.is_ok(), shown(config)), (true, of(2)));
        return false;
    }
    came.expect_err("it panicked");
    let told = poller.status().last_error.expect("one");
    assert!(told.panicked);
    assert_eq!(*told.message, format!("panicked: in {at:?}"));
    match at {
        // What was replaced is dropped after the commit, or later, when readers have let go of it.
        At::Drop => assert!(shown(config) == of(2) || shown(config) == of(1)),
        _ => {
            assert_eq!((config.revision(), shown(config)), (before, of(1)));
            assert_eq!(steering.resets(), lost + 1, "and the source knows");
        }
    }
    // And the next poll is as good as any.
    steering
        .poll(poller, generation(3, fuse))
        .expect("contents");
    assert_eq!(shown(config), of(3));
    true
}

#[test]
fn a_panic_in_an_entry_publishes_nothing() {
    let fuse = Fuse::default();
    let config = Arc::new(Touchies::new());
    let poller = started(&config, generation(0, &fuse), |setup| setup);
    let mut panics = Vec::new();
    for at in [At::Hash, At::Eq, At::Clone, At::Drop] {
        let calls = (0..).take_while(|&after| sabotage(&poller, (&config, &fuse), (at, after)));
        panics.push((at, calls.count()));
    }
    assert!(panics.iter().all(|(_, calls)| *calls > 10), "{panics:?}");
}
