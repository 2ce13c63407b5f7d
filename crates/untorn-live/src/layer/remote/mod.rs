//! What sources over a network share.
//!
//! | file | contents |
//! |---|---|
//! | `client.rs` | connections, with their time limits and TLS |
//! | `closing.rs` | requests that the end of the store interrupts |
//! | `credential.rs` | passwords and tokens, which are read again |
//! | `tls.rs` | certificates |
//! | `url.rs` | addresses |

mod client;
mod closing;
mod credential;
mod tls;
mod url;

#[cfg(feature = "etcd")]
pub(super) use self::client::{CERTIFICATE, Connection};
pub(super) use self::client::{Client, ClientOptions, describe, send};
pub(crate) use self::closing::Closing;
pub(super) use self::credential::Credential;
pub use self::tls::Tls;
pub(super) use self::url::{Url, name_of};
