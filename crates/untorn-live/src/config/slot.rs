//! What the layers have for a key, and where they have it.

mod names;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::names::Names;
use crate::error::Place;
use crate::secret::Secrets;
use crate::value::Value;

/// What all revisions of a store share.
pub(crate) struct Shared {
    pub(crate) layers: Box<[LayerInfo]>,
    pub(crate) secrets: Secrets,
}

impl Shared {
    pub(crate) fn place(&self, origin: Origin) -> Place {
        let layer = &self.layers[origin.layer()];
        let place = Place::of_layer(&layer.name).with_revision(origin.revision());
        let item = match origin.item() {
            0 => None,
            number => match layer.items().get(number) {
                // The line is one of the item.
                None => return place,
                item => item,
            },
        };
        place.with_line(origin.line()).with_item(item)
    }
}

/// A layer, for the origins of keys.
pub(crate) struct LayerInfo {
    pub(crate) name: Arc<str>,
    /// The names that the source itself uses, by their numbers.
    items: Mutex<Names>,
}

impl LayerInfo {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            items: Mutex::default(),
        }
    }

    /// Returns the number of a name, from 1; 0 if there are too many.
    pub(crate) fn item_number(&self, name: &Arc<str>) -> u32 {
        self.items().number(name, MOST)
    }

    /// Removes names that are used no more, if there are many. `used` returns the numbers of those
    /// that are.
    pub(crate) fn forget_unused_items(&self, used: impl FnOnce() -> HashSet<u32>) {
        if self.items().are_many() {
            // Without the lock, since there may be many keys.
            let used = used();
            self.items().forget_unused(&used);
        }
    }

    fn items(&self) -> MutexGuard<'_, Names> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the names.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> impl Drop + '_ {
        self.items()
    }

    /// Returns the number of names.
    #[cfg(test)]
    pub(crate) fn item_count(&self) -> usize {
        self.items().len()
    }
}

/// The number of a layer and either a line and the number of a name, or a revision, in one word,
/// since each key has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin(u64);

/// The bits of a line, and those of a name.
const FIELD: u32 = 24;

/// The greatest line, and the greatest number of a name.
const MOST: u32 = (1 << FIELD) - 1;

/// The bit that says that the two fields are a revision.
const IS_REVISION: u64 = 1 << 63;

impl Origin {
    pub(crate) fn new(layer: usize, line: u32, item: u32) -> Self {
        // A line beyond the field is unknown rather than wrong.
        let field = |number: u32| if number > MOST { 0 } else { u64::from(number) };
        Self((layer as u64) << (2 * FIELD) | field(item) << FIELD | field(line))
    }

    pub(crate) fn of_revision(layer: usize, revision: u64) -> Self {
        let most = (1 << (2 * FIELD)) - 1;
        let revision = if revision > most { 0 } else { revision };
        Self(IS_REVISION | (layer as u64) << (2 * FIELD) | revision)
    }

    pub(crate) fn layer(self) -> usize {
        ((self.0 & !IS_REVISION) >> (2 * FIELD)) as usize
    }

    /// Returns the revision; 0 if there is none.
    fn revision(self) -> u64 {
        match self.0 & IS_REVISION {
            0 => 0,
            _ => self.0 & ((1 << (2 * FIELD)) - 1),
        }
    }

    fn line(self) -> u32 {
        if self.0 & IS_REVISION != 0 {
            return 0;
        }
        (self.0 & ((1 << FIELD) - 1)) as u32
    }

    /// Returns the number of the name; 0 if there is none.
    pub(crate) fn item(self) -> u32 {
        if self.0 & IS_REVISION != 0 {
            return 0;
        }
        (self.0 >> FIELD & ((1 << FIELD) - 1)) as u32
    }
}

/// The value that a layer has for a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) value: Value,
    pub(crate) origin: Origin,
}

/// What the layers have for a key. There is one for each key, so it is small.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Slot {
    /// One layer has the key.
    One(Item),
    /// Several have it, in their order.
    Several(Arc<[Item]>),
}

impl Slot {
    /// Returns the items of all layers, in their order.
    pub(crate) fn items(&self) -> &[Item] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Several(items) => items,
        }
    }

    /// Returns the item of the last layer, which is the effective one.
    pub(crate) fn winner(&self) -> &Item {
        match self.items() {
            [.., winner] => winner,
            [] => unreachable!("a slot has an item"),
        }
    }

    /// Returns the item of a layer.
    pub(crate) fn of_layer(&self, layer: usize) -> Option<&Item> {
        let mut items = self.items().iter();
        items.find(|item| item.origin.layer() == layer)
    }

    /// Returns a slot in which a layer has this item, or none; `None` if no layer is left.
    pub(crate) fn with(slot: Option<&Self>, layer: usize, item: Option<Item>) -> Option<Self> {
        let others = slot.map_or(&[][..], Self::items).iter();
        let mut items: Vec<Item> = others
            .filter(|item| item.origin.layer() != layer)
            .cloned()
            .collect();
        if let Some(item) = item {
            let at = items.partition_point(|other| other.origin.layer() < layer);
            items.insert(at, item);
        }
        Some(match items.len() {
            0 | 1 => Self::One(items.pop()?),
            _ => Self::Several(items.into()),
        })
    }
}
