//! An axum service whose settings are replaced while requests read them: each answer is of one revision.
//!
//! `GET /pool` reads three keys that are meant as one, `POST /config` replaces all three in one batch.
//!
//! # Why a snapshot and not a pin
//!
//! [`pool`] reads on after an `.await`. What it holds meanwhile moves with its task from thread to thread, and keeps a
//! revision for as long as the other side takes. A [`Snapshot`](untorn::Snapshot) is made for that:
//!
//! ```
//! use axum::{Router, extract::State, routing::get};
//! use untorn_axum_example::{Config, resolve};
//!
//! async fn pool(State(config): State<Config>) -> String {
//!     let view = config.snapshot();
//!     let host = resolve(&view["host"]).await;
//!     format!("{host}:{}", view["port"])
//! }
//!
//! let _: Router<Config> = Router::new().route("/pool", get(pool));
//! ```
//!
//! A [`Pinned`](untorn::Pinned) belongs to its thread. It is not `Send`, so neither is the handler's future, and the
//! compiler refuses it:
//!
//! ```compile_fail,E0277
//! use axum::{Router, extract::State, routing::get};
//! use untorn_axum_example::{Config, resolve};
//!
//! async fn pool(State(config): State<Config>) -> String {
//!     let view = config.pin();
//!     let host = resolve(&view["host"]).await;
//!     format!("{host}:{}", view["port"])
//! }
//!
//! let _: Router<Config> = Router::new().route("/pool", get(pool));
//! ```
//!
//! Where there is no `.await` between the reads, a pin will do, and costs less.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use untorn::Map;

/// What the handlers share: settings by name, as they came.
pub type Config = Arc<Map<&'static str, String>>;

/// The three settings that are meant as one.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// Where the database is.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// How many connections it takes.
    pub max_connections: u32,
}

/// The answer to `GET /pool`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What was read.
    pub pool: Pool,
    /// Of which revision.
    pub revision: u64,
}

const WRITTEN_HERE: &str = "only `settings` makes this, of a number";

/// Settings that begin as `pool`, at revision 0.
#[must_use]
pub fn config(pool: &Pool) -> Config {
    Arc::new(settings(pool).into_iter().collect())
}

fn settings(pool: &Pool) -> [(&'static str, String); 3] {
    [
        ("host", pool.host.clone()),
        ("port", pool.port.to_string()),
        ("max_connections", pool.max_connections.to_string()),
    ]
}

/// The service.
pub fn router(config: Config) -> Router {
    Router::new()
        .route("/pool", get(pool))
        .route("/config", post(replace))
        .with_state(config)
}

/// Reads three keys of one revision, whatever is written while it waits.
pub async fn pool(State(config): State<Config>) -> Json<Answer> {
    let view = config.snapshot();
    let host = resolve(&view["host"]).await;
    Json(Answer {
        pool: Pool {
            host,
            port: view["port"].parse().expect(WRITTEN_HERE),
            max_connections: view["max_connections"].parse().expect(WRITTEN_HERE),
        },
        revision: view.revision().get(),
    })
}

/// Replaces all three, and answers with the revision that has them: from then on every new request sees it.
///
/// A batch waits for other writers, and they are as short as this one; no request waits for it.
pub async fn replace(State(config): State<Config>, Json(pool): Json<Pool>) -> Json<u64> {
    let done = config.batch(|batch| {
        for (key, value) in settings(&pool) {
            batch.insert(key, value);
        }
    });
    Json(done.revision.get())
}

/// Stands for a look-up that takes its time: a name server, say.
pub async fn resolve(host: &str) -> String {
    tokio::time::sleep(Duration::from_millis(1)).await;
    host.to_owned()
}
