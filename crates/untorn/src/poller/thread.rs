//! The loop of a poller's thread: fetch, publish, reclaim, sleep, until the poller is stopped.
//! Panics in foreign code do not end the thread.

use std::sync::Arc;
use std::time::Instant;

use super::deltas::{DeltaSource, FetchedAfter, ResumeToken};
use super::foreign::{Callbacks, catch_panic};
use super::guard::Guard;
use super::message;
use super::state::Shared;
use super::status::{Failure, FailureKind, Success};
use super::target::{CommitCheck, Reason, Rejection, Target};
use crate::Refreshed;
use crate::mutants::mutant;

/// Marks the poller as stopped when it is dropped.
pub(super) struct MarkStopped<'s>(pub(super) &'s Shared);

impl Drop for MarkStopped<'_> {
    fn drop(&mut self) {
        self.0.mark_stopped();
    }
}

/// Polls until the poller is stopped, then drops the source, the target and the callbacks.
pub(super) fn run<T, S>(
    shared: &Shared,
    guard: &Guard,
    target: Arc<T>,
    source: S,
    token: Option<ResumeToken>,
    callbacks: Callbacks,
) where
    T: Target<S::Contents, S::Deltas>,
    S: DeltaSource,
{
    // Dropped after all the others, also by a panic that is not caught: `stop` waits for it.
    let _stopped = MarkStopped(shared);
    run_until_stopped(shared, guard, target, source, token, callbacks);
}

fn run_until_stopped<T, S>(
    shared: &Shared,
    guard: &Guard,
    target: Arc<T>,
    mut source: S,
    mut token: Option<ResumeToken>,
    callbacks: Callbacks,
) where
    T: Target<S::Contents, S::Deltas>,
    S: DeltaSource,
{
    shared.enter();
    while let Some(begun) = shared.begin() {
        let mut check = |before, changes: &Refreshed| {
            if !begun.is_accepted {
                guard.check(before, changes).map_err(Rejection::refused)?;
            }
            shared.claim().then_some(()).ok_or_else(Rejection::late)
        };
        let fetched = poll(&*target, &mut source, &mut token, &mut check);
        let wanted = catch_panic(|| source.wanted_delay());
        // The deadline is that of the source: what follows may wait for other writers.
        let is_in_time = shared.claim();
        // After a failure too: it frees versions that readers have released since the last commit.
        let freed = catch_panic(|| target.free_released());
        let newest = catch_panic(|| target.newest_revision());
        if !is_in_time {
            shared.discard(token.clone());
            continue;
        }
        let result = fetched.and_then(|refreshed| {
            freed?;
            newest.clone()?;
            wanted.clone()?;
            Ok(refreshed)
        });
        // Read before the callbacks: their time, and a suspend during them, count toward the delay.
        let ended = shared.clock.now();
        let result = result.map(|refreshed| Success::new(begun.began, ended.instant, refreshed));
        match &result {
            Ok(success) => callbacks.succeeded(success),
            Err(failure) => callbacks.report(failure),
        }
        let wanted = wanted.ok().flatten();
        shared.end(result, ended, newest.ok(), token.clone(), wanted);
    }
    // Only the panic hook reports a panic in these drops.
    _ = catch_panic(|| drop(source));
    _ = catch_panic(|| drop(target));
    _ = catch_panic(|| drop(callbacks));
}

/// Fetches the contents or the changes, and publishes them. The position advances with the commit.
fn poll<T, S>(
    target: &T,
    source: &mut S,
    token: &mut Option<ResumeToken>,
    check: &mut dyn FnMut(usize, &Refreshed) -> Result<(), Rejection>,
) -> Result<Refreshed, Failure>
where
    T: Target<S::Contents, S::Deltas>,
    S: DeltaSource,
{
    let mut answer = fetch(source, token.as_ref())?;
    if matches!(answer, FetchedAfter::Gap) && token.take().is_some() {
        answer = fetch(source, None)?;
    }
    let mut is_committing = false;
    let mut check = |before, changes: &Refreshed| {
        check(before, changes)?;
        is_committing = true;
        Ok(())
    };
    let (published, newest) = match answer {
        FetchedAfter::Unchanged => {
            return catch_panic(|| Refreshed::unchanged_at(target.newest_revision()));
        }
        FetchedAfter::Gap => return Err(misuse("reported a gap")),
        FetchedAfter::Deltas { deltas, .. } if token.is_none() => {
            // If this panics, the misuse is still the failure to report.
            _ = catch_panic(|| drop(deltas));
            return Err(misuse("returned deltas"));
        }
        FetchedAfter::Contents { contents, token } => {
            let published = catch_panic(|| target.replace(contents, CommitCheck(&mut check)));
            (published, token)
        }
        FetchedAfter::Deltas { deltas, token } => {
            let published = catch_panic(|| target.apply(deltas, CommitCheck(&mut check)));
            (published, Some(token))
        }
    };
    match published {
        Ok(Ok(refreshed)) => {
            *token = newest;
            return Ok(refreshed);
        }
        _ if mutant("poller_advances_without_a_commit") => *token = newest,
        // Unknown whether the panic came before the commit, so all contents are fetched again.
        Err(_) if is_committing => *token = None,
        _ => {}
    }
    // If this panics too, the first failure is the one to report.
    _ = catch_panic(|| source.reset_contents());
    published?.map_err(|rejection| {
        // The `Display` and the `Drop` of an error are foreign code.
        catch_panic(|| rejected(rejection)).unwrap_or_else(|panic| panic)
    })
}

/// Calls the source. An error is formatted and dropped here too, since its `Display` and `Drop` are
/// foreign code.
fn fetch<S: DeltaSource>(
    source: &mut S,
    token: Option<&ResumeToken>,
) -> Result<FetchedAfter<S::Contents, S::Deltas>, Failure> {
    let fetched = catch_panic(|| {
        let fetched = source.fetch_after(token);
        fetched.map_err(|error| message::of_error(&*error.into()))
    })?;
    fetched.map_err(|message| Failure {
        message,
        kind: FailureKind::Error,
        ended: Instant::now(),
    })
}

/// Returns the failure of a source that was asked for all contents, and did something else.
fn misuse(what: &str) -> Failure {
    let message = format!(
        "the source {what} when it was asked for all contents, since there is no position to \
         resume from; let it return `FetchedAfter::Contents` for a token of `None`"
    );
    Failure {
        message: message.into(),
        kind: FailureKind::Error,
        ended: Instant::now(),
    }
}

/// Returns the failure for an answer that was not committed.
fn rejected(rejection: Rejection) -> Failure {
    let (message, kind) = match rejection.into_reason() {
        Reason::Refused(refusal) => (refusal.to_string().into(), FailureKind::Refused(refusal)),
        Reason::Late => ("".into(), FailureKind::Deadline),
        Reason::Error(error) => (message::of_error(&*error), FailureKind::Error),
    };
    Failure {
        message,
        kind,
        ended: Instant::now(),
    }
}
