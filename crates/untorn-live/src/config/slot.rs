//! What the layers have for a key, and where they have it.

use std::sync::{Arc, Mutex, PoisonError};

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
        Place::of_layer(&layer.name)
            .with_line(origin.line())
            .with_item(layer.item(origin.item()))
            .with_revision(origin.revision())
    }
}

/// A layer, for the origins of keys.
pub(crate) struct LayerInfo {
    pub(crate) name: Arc<str>,
    /// The names that the source itself uses, by their numbers.
    items: Mutex<Items>,
}

#[derive(Default)]
struct Items {
    names: Vec<Arc<str>>,
    numbers: std::collections::HashMap<Arc<str>, u32>,
}

impl LayerInfo {
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self {
            name,
            items: Mutex::default(),
        }
    }

    /// Returns the number of a name, from 1.
    pub(crate) fn item_number(&self, name: &Arc<str>) -> u32 {
        let mut items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = items.numbers.get(name) {
            return number;
        }
        items.names.push(Arc::clone(name));
        let number = u32::try_from(items.names.len()).unwrap_or(u32::MAX);
        items.numbers.insert(Arc::clone(name), number);
        number
    }

    /// Locks the names.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> impl Drop + '_ {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn item(&self, number: u32) -> Option<Arc<str>> {
        let items = self.items.lock().unwrap_or_else(PoisonError::into_inner);
        items.names.get(number.checked_sub(1)? as usize).cloned()
    }
}

/// The number of a layer and either a line and the number of a name, or a revision, in one word,
/// since each key has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin(u64);

/// The bits of a line, and those of a name.
const FIELD: u32 = 24;

/// The bit that says that the two fields are a revision.
const IS_REVISION: u64 = 1 << 63;

impl Origin {
    pub(crate) fn new(layer: usize, line: u32, item: u32) -> Self {
        let most = (1 << FIELD) - 1;
        // A line beyond the field is unknown rather than wrong.
        let field = |number: u32| if number > most { 0 } else { u64::from(number) };
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

    fn item(self) -> u32 {
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
