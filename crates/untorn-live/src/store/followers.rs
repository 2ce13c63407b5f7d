//! Subscriptions that the store closes, although a [`Live`](crate::Live) may hold its last
//! revision.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use untorn::{Published, Subscription, SubscriptionHandle};

use crate::config::Config;

/// The subscriptions, by marks that say which of them still exist.
#[derive(Default)]
pub(super) struct Followers(Mutex<List>);

#[derive(Default)]
pub(super) struct List {
    subscriptions: Vec<(Weak<()>, SubscriptionHandle)>,
    /// Set by [`Followers::close`]: later ones are closed at once.
    is_closed: bool,
}

impl Followers {
    /// Subscribes until [`close`](Self::close). The subscription holds the returned mark.
    pub(super) fn follow(&self, published: &Published<Config>) -> (Subscription<Config>, Arc<()>) {
        let subscription = published.subscribe();
        let mark = Arc::new(());
        let mut list = self.lock();
        if list.is_closed {
            drop(list);
            subscription.handle().close();
            return (subscription, mark);
        }
        let followers = &mut list.subscriptions;
        followers.retain(|(mark, _)| mark.strong_count() > 0);
        followers.push((Arc::downgrade(&mark), subscription.handle()));
        drop(list);
        (subscription, mark)
    }

    /// Closes all subscriptions, present and future.
    pub(super) fn close(&self) {
        let mut list = self.lock();
        list.is_closed = true;
        let followers = std::mem::take(&mut list.subscriptions);
        drop(list);
        for (_, handle) in followers {
            handle.close();
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
