//! Subscriptions that the store closes, although a [`Live`](crate::Live) may hold its last
//! revision.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use untorn::{Published, Subscription, SubscriptionHandle};

use crate::config::Config;

/// The subscriptions, by marks that say which of them still exist.
#[derive(Default)]
pub(super) struct Followers(Mutex<Vec<(Weak<()>, SubscriptionHandle)>>);

impl Followers {
    /// Subscribes until the next [`close`](Self::close). The subscription holds the returned mark.
    pub(super) fn follow(&self, published: &Published<Config>) -> (Subscription<Config>, Arc<()>) {
        let subscription = published.subscribe();
        let mark = Arc::new(());
        let mut followers = self.lock();
        followers.retain(|(mark, _)| mark.strong_count() > 0);
        followers.push((Arc::downgrade(&mark), subscription.handle()));
        (subscription, mark)
    }

    /// Closes all subscriptions.
    pub(super) fn close(&self) {
        let followers = std::mem::take(&mut *self.lock());
        for (_, handle) in followers {
            handle.close();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Vec<(Weak<()>, SubscriptionHandle)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
