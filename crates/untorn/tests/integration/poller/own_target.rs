//! A target of the program's own: it checks what it publishes, and the poller's guard, deadline and
//! position apply to it too.

use std::error::Error;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use untorn::poller::{
    CommitCheck, Delta, DeltaSource, FailureKind, FetchedAfter, NoDeltas, RefreshError, Rejection,
    ResumeToken, Target,
};
use untorn::{Fetched, Poller, Published, Refreshed, Revision, Source};

use super::stop::must_end;
use super::support::{HOUR, LONG, OnDemand};

/// A check of numbers.
type Check = Box<dyn Fn(&[u32]) -> Result<(), Rejection> + Send + Sync>;

/// Publishes numbers that pass a check.
struct Checked {
    published: Published<Vec<u32>>,
    check: Check,
    is_freed: AtomicBool,
}

impl Checked {
    fn new(check: impl Fn(&[u32]) -> Result<(), Rejection> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            published: Published::new(vec![1, 2, 3]),
            check: Box::new(check),
            is_freed: AtomicBool::new(false),
        })
    }

    fn publish(&self, numbers: Vec<u32>, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        (self.check)(&numbers)?;
        let old = self.published.pin().len();
        let mut refreshed = Refreshed::unchanged_at(self.published.revision());
        refreshed.removed = old.saturating_sub(numbers.len());
        check.permit(old, &refreshed)?;
        refreshed.revision = self.published.publish(numbers);
        Ok(refreshed)
    }
}

impl Target<Vec<u32>, NoDeltas> for Checked {
    fn replace(&self, numbers: Vec<u32>, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        self.publish(numbers, check)
    }

    fn apply(&self, deltas: NoDeltas, _: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        match deltas {}
    }

    fn newest_revision(&self) -> Revision {
        self.published.revision()
    }

    fn free_released(&self) {
        self.is_freed.store(true, Ordering::SeqCst);
    }
}

/// A target of deltas, which counts them.
impl Target<Vec<u32>, Vec<Delta<u32, ()>>> for Checked {
    fn replace(&self, numbers: Vec<u32>, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        self.publish(numbers, check)
    }

    fn apply(
        &self,
        deltas: Vec<Delta<u32, ()>>,
        check: CommitCheck<'_>,
    ) -> Result<Refreshed, Rejection> {
        let mut numbers = self.published.pin().clone();
        numbers.extend(deltas.iter().map(Delta::key));
        self.publish(numbers, check)
    }

    fn newest_revision(&self) -> Revision {
        self.published.revision()
    }
}

#[derive(Debug)]
struct Outer(Inner);

#[derive(Debug)]
struct Inner;

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the numbers are wrong")
    }
}

impl fmt::Display for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("4 is too large")
    }
}

impl Error for Inner {}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn target_rejects_with_causes_and_keeps_its_value() {
    let target = Checked::new(|numbers| match numbers.contains(&4) {
        true => Err(Rejection::new(Outer(Inner))),
        false => Ok(()),
    });
    let (send, answers) = mpsc::channel::<Vec<u32>>();
    let source = OnDemand(move || answers.recv_timeout(LONG));
    let poller = Poller::every(HOUR, source)
        .min_gap(Duration::ZERO)
        .start(&target)
        .expect("a thread");
    let poll = |numbers: Vec<u32>| {
        send.send(numbers).expect("the source waits");
        poller.refresh_now(LONG)
    };
    send.send(vec![5, 6]).expect("the source waits");
    assert_eq!(poller.wait_until_fresh(LONG), Ok(Revision::from(1)));
    let Err(RefreshError::Failed(failure)) = poll(vec![4, 4]) else {
        panic!("accepted");
    };
    assert_eq!(&*failure.message, "the numbers are wrong: 4 is too large");
    assert_eq!(failure.kind, FailureKind::Error);
    assert_eq!(*target.published.pin(), [5, 6]);
    assert!(target.is_freed.load(Ordering::SeqCst));
    assert_eq!(
        poll(vec![7, 7]),
        Ok(Revision::from(2)),
        "the poller goes on"
    );
}

#[test]
fn the_guard_refuses_for_any_target() {
    let target = Checked::new(|_| Ok(()));
    let poller = Poller::every(HOUR, || Ok::<Vec<u32>, String>(vec![]))
        .start(&target)
        .expect("a thread");
    let Err(RefreshError::Failed(failure)) = poller.refresh_now(LONG) else {
        panic!("accepted");
    };
    assert!(matches!(failure.kind, FailureKind::Refused(_)), "{failure}");
    assert_eq!(*target.published.pin(), [1, 2, 3]);
}

/// A check that takes longer than the deadline: the poll has been reported, so nothing is committed
/// after that.
#[test]
fn a_late_target_is_not_permitted_to_commit() {
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let (seen, rejections) = mpsc::channel();
    let target = Checked::new(move |_| {
        // Once; later polls do not wait.
        _ = held.lock().expect("no panic").recv();
        Ok(())
    });
    let (failed, failures) = mpsc::channel();
    let poller = Poller::every(HOUR, || Ok::<_, String>(vec![9, 9, 9]))
        .deadline(Duration::from_millis(5))
        .on_failure(move |failure| _ = failed.send(failure.kind.clone()))
        .on_success(move |success| _ = seen.send(success.refreshed.clone()))
        .start(&target)
        .expect("a thread");
    assert_eq!(failures.recv_timeout(LONG), Ok(FailureKind::Deadline));
    // The failure is counted after it was reported.
    while poller.status().abandoned == 0 {
        thread::yield_now();
    }
    release.send(()).expect("it waits");
    drop(release);
    // The next poll is in time, at some attempt, and is the first to be published.
    let refreshed = rejections.recv_timeout(LONG).expect("a success");
    assert_eq!(refreshed.revision, Revision::from(1));
    poller.stop();
}

#[test]
fn a_panic_in_the_text_of_a_rejection_is_a_failure() {
    #[derive(Debug)]
    struct Panics;

    impl fmt::Display for Panics {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("in Display");
        }
    }

    impl Error for Panics {}

    let target = Checked::new(|_| Err(Rejection::new(Panics)));
    let poller = Poller::every(HOUR, || Ok::<_, String>(vec![4]))
        .start(&target)
        .expect("a thread");
    let Err(RefreshError::Failed(failure)) = poller.refresh_now(LONG) else {
        panic!("accepted");
    };
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(failure.message.contains("in Display"), "{failure}");
    assert!(poller.refresh_now(LONG).is_err(), "the poller goes on");
}

/// The position stays where it was if the target refuses the deltas, so they come again.
#[test]
fn position_advances_with_the_commit_of_the_target() {
    struct Log;

    impl DeltaSource for Log {
        type Contents = Vec<u32>;
        type Deltas = Vec<Delta<u32, ()>>;
        type Error = String;

        fn fetch_after(
            &mut self,
            token: Option<&ResumeToken>,
        ) -> Result<FetchedAfter<Vec<u32>, Vec<Delta<u32, ()>>>, String> {
            Ok(match token.and_then(ResumeToken::to_u64) {
                None => FetchedAfter::Contents {
                    contents: vec![1, 2, 3],
                    token: Some(3.into()),
                },
                Some(position) => FetchedAfter::Deltas {
                    deltas: vec![Delta::Put(position as u32 + 1, ())],
                    token: (position + 1).into(),
                },
            })
        }

        /// No retry commits between two polls of the test.
        fn wanted_delay(&self) -> Option<Duration> {
            Some(HOUR)
        }
    }

    let refuses = Arc::new(AtomicBool::new(false));
    let checked = Arc::clone(&refuses);
    let target = Checked::new(move |_| match checked.load(Ordering::SeqCst) {
        true => Err(Rejection::new("not now")),
        false => Ok(()),
    });
    let poller = Poller::every(HOUR, Log)
        .min_gap(Duration::ZERO)
        .start(&target)
        .expect("a thread");
    poller.wait_until_fresh(LONG).expect("contents");
    poller.refresh_now(LONG).expect("deltas");
    assert_eq!(poller.status().resume_token, Some(4.into()));
    refuses.store(true, Ordering::SeqCst);
    poller.refresh_now(LONG).expect_err("refused");
    assert_eq!(poller.status().resume_token, Some(4.into()));
    refuses.store(false, Ordering::SeqCst);
    poller.refresh_now(LONG).expect("the same deltas");
    assert_eq!(*target.published.pin(), [1, 2, 3, 4, 5]);
}

/// A target whose `newest_revision` panics while this is set.
struct Panicking {
    published: Published<u32>,
    panics: AtomicBool,
}

impl Target<u32, NoDeltas> for Panicking {
    fn replace(&self, number: u32, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        let mut refreshed = Refreshed::unchanged_at(self.published.revision());
        check.permit(1, &refreshed)?;
        refreshed.revision = self.published.publish(number);
        Ok(refreshed)
    }

    fn apply(&self, deltas: NoDeltas, _: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        match deltas {}
    }

    fn newest_revision(&self) -> Revision {
        assert!(!self.panics.load(Ordering::SeqCst), "in newest_revision");
        self.published.revision()
    }
}

/// A source of numbers, or of the same number for ever.
struct Numbers {
    is_unchanged: bool,
}

impl Source for Numbers {
    type Contents = u32;
    type Error = String;

    fn fetch(&mut self) -> Result<Fetched<u32>, String> {
        Ok(match self.is_unchanged {
            true => Fetched::Unchanged,
            false => Fetched::Contents(1),
        })
    }
}

#[test]
fn a_panic_in_newest_revision_fails_the_poll() {
    for is_unchanged in [false, true] {
        must_end(move || {
            let target = Arc::new(Panicking {
                published: Published::new(0),
                panics: AtomicBool::new(false),
            });
            let poller = Poller::every(HOUR, Numbers { is_unchanged })
                .min_gap(Duration::ZERO)
                .start(&target)
                .expect("a thread");
            poller.refresh_now(LONG).expect("a success");
            let before = poller.status().revision;
            target.panics.store(true, Ordering::SeqCst);
            let Err(RefreshError::Failed(failure)) = poller.refresh_now(LONG) else {
                panic!("a success");
            };
            assert_eq!(failure.kind, FailureKind::Panic);
            assert_eq!(poller.status().revision, before, "the last known one");
            target.panics.store(false, Ordering::SeqCst);
            let last = poller.refresh_now(LONG).expect("the poller continues");
            assert_eq!(poller.status().revision, last);
        });
    }
}
