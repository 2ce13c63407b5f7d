//! Typed values: sections of a configuration as types of serde.
//!
//! | file | contents |
//! |---|---|
//! | `tree.rs` | the keys of a section as a tree, which serde reads |
//! | `leaf.rs` | values, and texts that are parsed by the type that reads them |
//! | `mismatch.rs` | the errors of serde, with the key that they are about |
//! | `describe.rs` | their places, suggestions, and the next step |
//! | `section.rs` | sections, and the keys that none of them reads |
//! | `live.rs` | [`Live`]: a typed value that follows the store |

mod describe;
mod leaf;
mod live;
mod mismatch;
mod section;
mod tree;

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::DeserializeOwned;

use self::leaf::Leaf;
pub(crate) use self::leaf::parts_of;
pub use self::live::Live;
pub(crate) use self::section::Section;
use self::tree::Tree;
pub(crate) use self::tree::is_empty_table;
use crate::config::Config;
use crate::error::ConfigError;

/// The keys that a type knows, and those that it does not.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields {
    /// The keys of the section that the type has ignored.
    pub(crate) ignored: BTreeSet<String>,
    /// The paths of the fields of its structs, for suggestions.
    pub(crate) known: BTreeSet<String>,
}

#[derive(Default)]
struct Context(RefCell<Fields>);

/// Reads one key.
pub(crate) fn of_key<T: DeserializeOwned>(config: &Config, key: &str) -> Result<T, ConfigError> {
    let Some(value) = config.get(key) else {
        return Err(describe::missing_key(config, key));
    };
    let context = Context::default();
    T::deserialize(Leaf::new(&context, key, value))
        .map_err(|error| describe::of_key(error, config, key))
}

/// Reads the keys of a section. Returns the value, and what the type knows.
pub(crate) fn of_section<T: DeserializeOwned>(
    config: &Config,
    section: &str,
    keys: &BTreeSet<&str>,
) -> Result<(T, Fields), ConfigError> {
    let context = Context::default();
    let tree = Tree::of(config, section, keys, &context);
    match T::deserialize(tree) {
        Ok(value) => Ok((value, context.0.into_inner())),
        Err(error) => {
            let known = &context.0.borrow().known;
            Err(describe::of_section(error, config, section, keys, known))
        }
    }
}
