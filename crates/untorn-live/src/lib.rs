#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
// The first definition of a link counts.
//! [migrate]: crate::migrate
//! [benchmarks]: crate::benchmarks
//! [untorn]: untorn
//! [中文]: crate::zh_cn
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
mod key;
pub mod layer;
mod links;
mod pages;
mod panic;
mod regular;
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
pub use pages::{benchmarks, migrate, zh_cn};
#[cfg(feature = "etcd")]
pub use pages::{etcd, fleet};
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
