//! The guides. Each is preceded by where its links lead to from here, since of two definitions of a
//! link the first one counts; those at its end are for the files of the repository.

/// The links of the guides to items of this crate.
#[cfg(feature = "etcd")]
macro_rules! items {
    () => {
        concat!(
            "[Cache]: crate::Cache\n",
            "[LayerStatus::revision]: crate::LayerStatus::revision\n",
            "[Remote::revision]: crate::Remote::revision\n",
            "[Store]: crate::Store\n",
            "[Store::accept]: crate::Store::accept\n",
            "[Store::ready]: crate::Store::ready\n",
            "[Store::refresh]: crate::Store::refresh\n",
            "[Store::typed]: crate::Store::typed\n",
            "[Store::wait_for]: crate::Store::wait_for\n",
            "[Store::wait_for_async]: crate::Store::wait_for_async\n",
            "[StoreBuilder::max_removed]: crate::StoreBuilder::max_removed\n",
            "[StoreBuilder::require]: crate::StoreBuilder::require\n",
            "[layer::Etcd]: crate::layer::Etcd\n",
            "[layer::Etcd::documents]: crate::layer::Etcd::documents\n",
            "[layer::Etcd::initial_delay]: crate::layer::Etcd::initial_delay\n",
            "[layer::Etcd::probe_after]: crate::layer::Etcd::probe_after\n",
            "[layer::Etcd::sweep]: crate::layer::Etcd::sweep\n",
            "[layer::File]: crate::layer::File\n",
            "[layer::Mount]: crate::layer::Mount\n",
            "\n",
        )
    };
}

#[doc = include_str!("../docs/benchmarks.md")]
pub mod benchmarks {}

#[doc = "[中文]: crate::zh_cn::migrate"]
#[doc = ""]
#[doc = include_str!("../docs/migrate.md")]
pub mod migrate {}

#[cfg(feature = "etcd")]
#[doc = "[中文]: crate::zh_cn::etcd"]
#[doc = items!()]
#[doc = include_str!("../docs/etcd.md")]
pub mod etcd {}

#[cfg(feature = "etcd")]
#[doc = "[中文]: crate::zh_cn::fleet"]
#[doc = items!()]
#[doc = include_str!("../docs/fleet.md")]
pub mod fleet {}

#[doc = "[English]: crate"]
#[doc = "[benchmarks]: crate::benchmarks"]
#[doc = "[migrate]: crate::zh_cn::migrate"]
#[doc = "[untorn]: untorn"]
#[cfg_attr(feature = "etcd", doc = "[etcd]: crate::zh_cn::etcd")]
#[cfg_attr(feature = "etcd", doc = "[fleet]: crate::zh_cn::fleet")]
#[doc = ""]
#[doc = include_str!("../README.zh-CN.md")]
pub mod zh_cn {
    #[doc = "[English]: crate::migrate"]
    #[doc = ""]
    #[doc = include_str!("../docs/migrate.zh-CN.md")]
    pub mod migrate {}

    #[cfg(feature = "etcd")]
    #[doc = "[English]: crate::etcd"]
    #[doc = items!()]
    #[doc = include_str!("../docs/etcd.zh-CN.md")]
    pub mod etcd {}

    #[cfg(feature = "etcd")]
    #[doc = "[English]: crate::fleet"]
    #[doc = items!()]
    #[doc = include_str!("../docs/fleet.zh-CN.md")]
    pub mod fleet {}
}
