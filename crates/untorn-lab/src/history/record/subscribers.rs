//! Subscriptions.

use std::time::Duration;

use super::{Clock, Recorder, pause};
use crate::history::detail::{Detail, Follows};
use crate::history::model::{Key, Operation, Step};
use crate::history::subject::Subject;

/// The number of forms of subscriptions; each thread has one of each at most.
pub(super) const FORMS: usize = 3;

/// A subscription of a thread.
pub(super) struct Held<S: Subject> {
    number: usize,
    subscriber: S::Subscriber,
}

impl<S: Subject> Held<S> {
    /// Receives, and returns the operation.
    pub(super) fn receive(
        &mut self,
        subject: &S,
        clock: &Clock,
        thread: usize,
        timeout: Option<Duration>,
    ) -> Operation {
        let call = timeout.map_or("try_recv", |_| "recv_timeout");
        let invoked = clock.now();
        let received = subject.receive(&mut self.subscriber, timeout);
        let returned = clock.now();
        let (step, to) = received.step.unzip();
        let to = to.map(|(saw, entries)| Step::All { saw, entries });
        Operation {
            steps: to.into_iter().collect(),
            revision: Some(received.compared),
            detail: Some(Detail::Received {
                subscriber: self.number,
                waited: timeout.is_some(),
                step: step.map(Box::new),
                pending: received.pending,
            }),
            ..Operation::new(thread, call, (invoked, returned))
        }
    }
}

impl<S: Subject> Recorder<'_, S> {
    /// Receives from a subscription, or creates one.
    pub(super) fn subscription(&mut self, key: Key) {
        let form = self.generator.rng.usize(..FORMS);
        let replaces = self.generator.one_in(20);
        if let Some(held) = &mut self.subscribers[form]
            && !replaces
        {
            // Several times, so that few commits come in between.
            for _ in 0..self.generator.rng.u8(1..5) {
                let waits = self.generator.one_in(3);
                let timeout = waits.then(|| self.generator.timeout());
                let operation = held.receive(self.subject, self.clock, self.thread, timeout);
                self.log.push(operation);
                pause(&mut self.generator.rng);
            }
            return;
        }
        let (follows, call) = match form {
            0 => (Follows::All, "subscribe"),
            1 => (Follows::One(key), "subscribe_key"),
            _ => (Follows::Rest(key % 2), "subscribe_where"),
        };
        // Different from all values, and from the numbers of other threads.
        let number = self.generator.fresh() as usize;
        let invoked = self.clock.now();
        let (subscriber, revision) = self.subject.subscribe(follows);
        let returned = self.clock.now();
        self.subscribers[form] = Some(Held { number, subscriber });
        let subscriber = number;
        self.log.push(Operation {
            revision: Some(revision),
            detail: Some(Detail::Subscribed {
                subscriber,
                follows,
            }),
            ..Operation::new(self.thread, call, (invoked, returned))
        });
    }
}
