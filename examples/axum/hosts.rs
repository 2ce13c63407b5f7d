//! Values that tasks compute on demand, each of them once.
//!
//! An initializer of [`Map::get_or_insert_with`] is not async: a slow one would block a thread of
//! the runtime, and so would each task that waits for it. So the map stores a cell of the runtime
//! for each key, which is created at once. The tasks wait at the cell, which blocks no thread.
//!
//! A closure that blocks anyway, such as one that reads a file, belongs into
//! [`spawn_blocking`](tokio::task::spawn_blocking), as a whole:
//!
//! ```
//! use std::sync::Arc;
//! use tokio::task::{JoinError, spawn_blocking};
//! use untorn::Map;
//!
//! async fn length(lengths: &Arc<Map<String, u64>>, path: String) -> Result<u64, JoinError> {
//!     let lengths = Arc::clone(lengths);
//!     let length = move || {
//!         lengths.get_or_insert_with_by_ref(path.as_str(), str::to_owned, |path| {
//!             std::fs::metadata(path).map_or(0, |file| file.len())
//!         })
//!     };
//!     spawn_blocking(length).await
//! }
//! ```

use std::sync::Arc;

use tokio::sync::OnceCell;
use untorn::Map;

/// An address, once it has been looked up.
type Address = Arc<OnceCell<Arc<str>>>;

/// The addresses of hosts, looked up on demand. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    addresses: Arc<Map<Arc<str>, Address>>,
}

impl Hosts {
    /// Returns the address of `host`. If it is unknown, awaits `look_up`; other tasks that need the
    /// same address wait meanwhile, and tasks that need another one do not. If `look_up` fails, or
    /// this task ends, the next waiting task continues with its own.
    ///
    /// # Errors
    ///
    /// Returns the error of `look_up`.
    pub async fn address<E>(
        &self,
        host: &str,
        look_up: impl Future<Output = Result<Arc<str>, E>>,
    ) -> Result<Arc<str>, E> {
        let empty = |_: &_| Arc::default();
        let cell = self
            .addresses
            .get_or_insert_with_by_ref(host, Arc::from, empty);
        cell.get_or_try_init(|| look_up).await.cloned()
    }

    /// Removes the address of `host`, so that it is looked up again.
    pub fn forget(&self, host: &str) {
        self.addresses.remove(host);
    }
}
