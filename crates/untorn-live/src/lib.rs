#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
// The first definition of a link counts.
//! [migrate]: crate::migrate
//! [untorn]: untorn
#![cfg_attr(feature = "etcd", doc = "[etcd]: crate::etcd\n[fleet]: crate::fleet")]
#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! [`Store`] merges [layers](layer) and publishes each change as one [`Config`]; [`Live`] is a
//! section as a type of yours; [`ConfigSubscription`] follows changes.

mod cache;
mod config;
#[cfg(test)]
mod corpus;
mod document;
mod error;
#[cfg(feature = "etcd")]
#[doc = include_str!("../docs/etcd.md")]
pub mod etcd {}
#[cfg(feature = "etcd")]
#[doc = include_str!("../docs/fleet.md")]
pub mod fleet {}
mod key;
pub mod layer;
mod links;
#[doc = include_str!("../docs/migrate.md")]
pub mod migrate {}
/// The Chinese pages as doctests.
#[cfg(doctest)]
mod chinese {
    #[doc = include_str!("../README.zh-CN.md")]
    struct Readme;

    #[doc = include_str!("../docs/migrate.zh-CN.md")]
    struct Migrate;
}
mod secret;
mod store;
mod suggestion;
mod typed;
mod value;

pub use cache::Cache;
#[cfg(untorn_fuzzing)]
#[doc(hidden)]
pub use cache::fuzz::run as fuzz_cache;
pub use config::{Config, Explanation, KeyChange, Sourced};
pub use document::Format;
pub use error::{ConfigError, ErrorKind, Place};
#[doc(no_inline)]
pub use layer::{Layer, Remote};
#[cfg(feature = "stream")]
pub use store::ConfigSubscriptionStream;
pub use store::{
    CacheStatus, ConfigSubscription, ConfigTransition, LayerStatus, Polls, Recovery, Refusal,
    Status, Store, StoreBuilder,
};
pub use typed::Live;
#[doc(no_inline)]
pub use untorn::{
    MappedPinned, MappedSnapshot, Pinned, Reader, RecvError, RecvTimeoutError, Revision, Snapshot,
    SubscriptionHandle, TryRecvError,
};
pub use value::Value;
