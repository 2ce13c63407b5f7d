//! The two bucket arrays of a growing table.

use crate::gomap::raw::array::BucketArray;

/// The arrays of a table, borrowed for reading.
pub(super) struct Arrays<'t, K, V> {
    pub(super) current: &'t BucketArray<K, V>,
    /// The array from before the growth, while the growth lasts.
    pub(super) old: Option<&'t BucketArray<K, V>>,
}

impl<K, V> Clone for Arrays<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Arrays<'_, K, V> {}

impl<'t, K, V> Arrays<'t, K, V> {
    /// Returns the old array or the current one.
    pub(super) fn get(self, old: bool) -> &'t BucketArray<K, V> {
        match self.old {
            Some(array) if old => array,
            _ => {
                debug_assert!(!old, "the old array is gone");
                self.current
            }
        }
    }
}
