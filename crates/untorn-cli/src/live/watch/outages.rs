//! The refusals that `watch` has printed, and which recovery ends each.
//!
//! If layers are taken together, the refusal of one and its recovery come from two threads, in any
//! order. The time of the last refusal says which belong together.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

#[derive(Default)]
pub(super) struct Outages {
    /// The layers that are refused, with the time of the refusal that was printed last.
    refused: BTreeMap<Arc<str>, SystemTime>,
    /// The last recovery of layers that were not refused, with the time of its last refusal.
    early: BTreeMap<Arc<str>, SystemTime>,
}

impl Outages {
    /// Records a refusal of this time. Returns whether its recovery has come before.
    pub(super) fn refused(&mut self, layer: &Arc<str>, time: SystemTime) -> bool {
        let has_recovered = self.early.remove(layer) == Some(time);
        if has_recovered {
            self.refused.remove(layer);
        } else {
            self.refused.insert(Arc::clone(layer), time);
        }
        has_recovered
    }

    /// Records a recovery, with the time of its last refusal. Returns whether the layer is refused
    /// no more: it is if another refusal has come before.
    pub(super) fn recovered(&mut self, layer: &Arc<str>, time: SystemTime) -> bool {
        match self.refused.get(layer) {
            Some(refused) if *refused > time => false,
            Some(_) => {
                self.refused.remove(layer);
                true
            }
            None => {
                self.early.insert(Arc::clone(layer), time);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn recoveries_end_the_refusals_before_them() {
        let layer: Arc<str> = "app.toml".into();
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut outages = Outages::default();
        assert!(!outages.refused(&layer, at(1)));
        // The reason may change, and the last refusal is not always reported.
        assert!(!outages.refused(&layer, at(2)));
        assert!(outages.recovered(&layer, at(3)));
        // Another one has come before the recovery.
        assert!(!outages.refused(&layer, at(4)));
        assert!(!outages.refused(&layer, at(5)));
        assert!(!outages.recovered(&layer, at(4)));
        assert!(outages.recovered(&layer, at(5)));
        // The recovery comes first; one without a refusal is not of the next refusal.
        assert!(!outages.recovered(&layer, at(6)));
        assert!(outages.refused(&layer, at(6)));
        assert!(!outages.recovered(&layer, at(7)));
        assert!(!outages.refused(&layer, at(8)));
        assert!(outages.recovered(&layer, at(8)));
    }
}
