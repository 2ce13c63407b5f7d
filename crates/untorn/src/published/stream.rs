//! A subscription as a stream (feature `stream`).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::{FusedStream, Stream};

use super::error::RecvTimeoutError;
use super::subscription::{Subscription, Transition};

/// A stream of the transitions of a [`Subscription`], from [`Subscription::into_stream`].
///
/// The stream ends with the subscription. It can be dropped at any time.
///
/// # Examples
/// ```
/// use futures_util::StreamExt; // for `next`
///
/// let limit = untorn::Published::new(100);
/// let mut stream = limit.subscribe().into_stream();
/// limit.publish(200);
/// drop(limit); // ends the stream, after the last version
/// futures_executor::block_on(async {
///     while let Some(step) = stream.next().await {
///         assert_eq!((*step.from, *step.to), (100, 200));
///     }
/// });
/// ```
#[must_use = "a stream does nothing unless polled"]
#[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
pub struct SubscriptionStream<T> {
    subscription: Subscription<T>,
    ended: bool,
}

impl<T> SubscriptionStream<T> {
    pub(super) fn new(subscription: Subscription<T>) -> Self {
        Self {
            subscription,
            ended: false,
        }
    }

    /// Returns the subscription, to get its [`handle`](Subscription::handle) for example.
    ///
    /// # Examples
    /// ```
    /// let limit = untorn::Published::new(100);
    /// let changes = limit.subscribe().into_stream();
    /// let handle = changes.get_ref().handle();
    /// handle.close(); // ends the stream
    /// ```
    pub fn get_ref(&self) -> &Subscription<T> {
        &self.subscription
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
impl<T> Stream for SubscriptionStream<T> {
    type Item = Transition<T>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Transition<T>>> {
        let this = self.get_mut();
        let polled = this.subscription.poll(context.waker());
        polled.map(|next| match next {
            Ok(transition) => Some(transition),
            Err(RecvTimeoutError::Closed | RecvTimeoutError::Timeout) => {
                this.ended = true;
                None
            }
        })
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
impl<T> FusedStream for SubscriptionStream<T> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<T> Drop for SubscriptionStream<T> {
    fn drop(&mut self) {
        self.subscription.unregister_task();
    }
}

impl<T: fmt::Debug> fmt::Debug for SubscriptionStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.subscription.fmt(f)
    }
}
