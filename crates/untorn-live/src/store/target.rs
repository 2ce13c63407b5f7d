//! A layer, as the target of its poller.

use std::sync::Arc;

use untorn::poller::{CommitCheck, Rejection, Target};
use untorn::{Refreshed, Revision};

use super::engine::{Engine, Refused};
use super::merge::Update;
use crate::layer::{Change, Contents};

/// A layer, as the target of its poller.
pub(super) struct LayerTarget {
    pub(super) engine: Arc<Engine>,
    pub(super) layer: usize,
}

impl LayerTarget {
    fn update(&self, update: Update, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        match self.engine.update(self.layer, update, Some(check)) {
            Ok(refreshed) => Ok(refreshed),
            Err(Refused::Late(rejection)) => Err(rejection),
            Err(Refused::Wrong(error)) => Err(Rejection::new(error)),
        }
    }
}

impl Target<Contents, Vec<Change>> for LayerTarget {
    fn replace(&self, contents: Contents, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        self.update(Update::Contents(contents), check)
    }

    fn apply(&self, deltas: Vec<Change>, check: CommitCheck<'_>) -> Result<Refreshed, Rejection> {
        self.update(Update::Changes(deltas), check)
    }

    fn newest_revision(&self) -> Revision {
        self.engine.published.revision()
    }

    fn free_released(&self) {
        self.engine.published.reclaim();
    }
}
