//! A subscription to some keys as a stream (feature `stream`).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::{FusedStream, Stream};

use super::{Filter, FilteredSubscription, FilteredTransition};
use crate::map::DefaultHashBuilder;

/// A stream of the steps of a [`FilteredSubscription`], from
/// [`FilteredSubscription::into_stream`].
///
/// The stream ends with the subscription. It can be dropped at any time.
#[must_use = "a stream does nothing unless polled"]
#[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
pub struct FilteredSubscriptionStream<K, V, F, S = DefaultHashBuilder> {
    subscription: FilteredSubscription<K, V, F, S>,
    ended: bool,
}

impl<K, V, F, S> FilteredSubscriptionStream<K, V, F, S> {
    pub(super) fn new(subscription: FilteredSubscription<K, V, F, S>) -> Self {
        Self {
            subscription,
            ended: false,
        }
    }

    /// Returns the subscription, to get its [`handle`](FilteredSubscription::handle) for example.
    ///
    /// # Examples
    /// ```
    /// let config = untorn::Map::from([("port", 80)]);
    /// let ports = config.subscribe_key("port").into_stream();
    /// ports.get_ref().handle().close(); // ends the stream
    /// ```
    pub fn get_ref(&self) -> &FilteredSubscription<K, V, F, S> {
        &self.subscription
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
impl<K, V, S, F: Filter<K, V, S>> Stream for FilteredSubscriptionStream<K, V, F, S> {
    type Item = FilteredTransition<K, V, F, S>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let step = ready!(this.subscription.poll_step(context.waker()));
        this.ended = step.is_err();
        Poll::Ready(step.ok())
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "stream")))]
impl<K, V, S, F: Filter<K, V, S>> FusedStream for FilteredSubscriptionStream<K, V, F, S> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<K, V, F, S> Drop for FilteredSubscriptionStream<K, V, F, S> {
    fn drop(&mut self) {
        self.subscription.subscription().unregister_task();
    }
}

impl<K, V, F, S> fmt::Debug for FilteredSubscriptionStream<K, V, F, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.subscription.fmt(f)
    }
}
