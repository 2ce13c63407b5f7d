//! An axum service whose settings change while requests read them: each response is of one
//! revision.
//!
//! | request | response |
//! |---|---|
//! | `GET /tenants/{tenant}/pool` | three settings of a tenant that belong together |
//! | `POST /reload` | the revision with the current contents of the file; 503 and the reason if it is refused |
//! | `GET /ready` | the status of the store; 503 before the first revision |
//! | `GET /health` | the age of the settings, and what is refused; 503 if they are too old |
//!
//! A [`Store`] follows a file in TOML, under the environment. A save that changes a tenant is one
//! revision; a save that changes nothing is none. If the file cannot be read or parsed, or has a
//! setting of the wrong type, the settings remain unchanged, and `/health` has the line.
//!
//! The service listens before it has settings, so that a probe can ask `/ready` for the reason.
//! Until then it answers requests for settings with 503.
//!
//! # A snapshot, not a guard
//!
//! The handler of `pool` continues to read after an `.await`. Across it, the settings move with
//! their task between threads, and stay alive for as long as the awaited operation takes.
//! [`Live::snapshot`] supports both:
//!
//! ```
//! use axum::{Router, extract::State, routing::get};
//! use untorn_axum_example::{Service, Unavailable, resolve};
//!
//! async fn port(State(service): State<Service>) -> Result<String, Unavailable> {
//!     let settings = service.settings()?.snapshot();
//!     let host = resolve("db1").await;
//!     Ok(format!("{host}: {}", settings.tenants["acme"].port))
//! }
//!
//! let _: Router<Service> = Router::new().route("/port", get(port));
//! ```
//!
//! The guard of [`Live::load`] is bound to its thread. It is not `Send`, so the handler's future is
//! not `Send` either, and the compiler rejects it:
//!
//! ```compile_fail,E0277
//! use axum::{Router, extract::State, routing::get};
//! use untorn_axum_example::{Service, Unavailable, resolve};
//!
//! async fn port(State(service): State<Service>) -> Result<String, Unavailable> {
//!     let settings = service.settings()?.load();
//!     let host = resolve("db1").await;
//!     Ok(format!("{host}: {}", settings.tenants["acme"].port))
//! }
//!
//! let _: Router<Service> = Router::new().route("/port", get(port));
//! ```
//!
//! Without an `.await` between the reads, the guard is enough, and cheaper.
//!
//! # The settings in etcd
//!
//! With the feature `etcd` of untorn-live, one line of [`settings::store`] changes, and all the
//! rest stays: `tenants.acme.port` is the key `/pools/tenants/acme/port` then, and a transaction is
//! one revision.
//!
//! ```text
//!     Store::builder()
//! -       .file(file)
//! +       .layer(Etcd::prefix("/pools/").endpoints(["http://127.0.0.1:2379"]))
//!         .layer(variables)
//! ```
//!
//! # Blocking
//!
//! Reads never block. Waiting for a source, and dropping the last clone of a store, block the
//! thread, so they run in `spawn_blocking` ([`Service::reload`], [`Service::stop`]). So does the
//! first lookup of a value that is slow to compute; [`hosts`] awaits it instead.

pub mod hosts;
pub mod settings;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use untorn_live::{ConfigError, Live, MappedSnapshot, Revision, Status, Store};

use self::settings::{Pool, Settings};

/// The timeout of a reload on request.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The age from which on settings are unhealthy: several fetches have failed.
const TOO_OLD: Duration = Duration::from_secs(60);

/// The state that the handlers share.
#[derive(Clone, Debug)]
pub struct Service {
    store: Store,
    /// Set by the first request after the first revision.
    settings: Arc<OnceLock<Live<Settings>>>,
}

impl Service {
    /// Creates a service on a store, which may still wait for its first revision.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self {
            store,
            settings: Arc::default(),
        }
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the settings.
    ///
    /// # Errors
    ///
    /// Returns an error before the first revision, with what is missing.
    pub fn settings(&self) -> Result<&Live<Settings>, Unavailable> {
        if let Some(settings) = self.settings.get() {
            return Ok(settings);
        }
        // Does not wait; the error says what is missing.
        self.store.ready(Duration::ZERO)?;
        let settings = self.store.typed("")?;
        Ok(self.settings.get_or_init(|| settings))
    }

    /// Reads the sources now and returns the newest revision, which every later request reads.
    ///
    /// # Errors
    ///
    /// Returns an error if what they have is refused. The settings remain unchanged.
    pub async fn reload(&self) -> Result<Revision, Unavailable> {
        let store = self.store.clone();
        let reloaded = spawn_blocking(move || Ok(store.refresh(RELOAD_TIMEOUT)?));
        // The closure does not run if the runtime is shutting down.
        let stopped = |_| Err(ConfigError::from("the service is shutting down").into());
        reloaded.await.unwrap_or_else(stopped)
    }

    /// Drops the service. If it was the last clone, waits until the threads of the store have
    /// ended, for at most five seconds.
    pub async fn stop(self) {
        // An error means that the runtime is shutting down, which drops the service too.
        _ = spawn_blocking(move || drop(self)).await;
    }
}

/// The reason why there are no new settings, or none at all: a response with status 503.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable(pub ConfigError);

impl From<ConfigError> for Unavailable {
    fn from(error: ConfigError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Unavailable {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, self.0.to_string()).into_response()
    }
}

/// The response to `GET /tenants/{tenant}/pool`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The settings.
    pub pool: Pool,
    /// Their revision.
    pub revision: u64,
}

/// The response to `GET /health`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The newest revision.
    pub revision: u64,
    /// The number of settings.
    pub settings: usize,
    /// Their maximum age; `None` before the first poll has succeeded.
    pub age_in_seconds: Option<u64>,
    /// The refusals, with their reasons.
    pub error: Option<String>,
}

/// Creates the routes of the service.
pub fn router(service: Service) -> Router {
    Router::new()
        .route("/tenants/{tenant}/pool", get(pool))
        .route("/reload", post(reload))
        .route("/ready", get(ready))
        .route("/health", get(health))
        .with_state(service)
}

/// Reads three settings of one revision, regardless of changes in between.
async fn pool(
    State(service): State<Service>,
    Path(tenant): Path<String>,
) -> Result<Response, Unavailable> {
    let settings = service.settings()?.snapshot();
    let Some(pool) = settings.tenants.get(&tenant) else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let pool = Pool {
        host: resolve(&pool.host).await,
        port: pool.port,
        max_connections: pool.max_connections,
    };
    let revision = MappedSnapshot::revision(&settings).get();
    Ok(Json(Answer { pool, revision }).into_response())
}

async fn reload(State(service): State<Service>) -> Result<Json<u64>, Unavailable> {
    let revision = service.reload().await?;
    Ok(Json(revision.get()))
}

async fn ready(State(service): State<Service>) -> (StatusCode, Json<Status>) {
    let status = service.store.status();
    let code = match status.is_ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(status))
}

async fn health(State(service): State<Service>) -> (StatusCode, Json<Health>) {
    let status = service.store.status();
    let age = status.age();
    let error = status.refusals().next();
    let health = Health {
        revision: status.revision,
        settings: status.keys,
        age_in_seconds: age.map(|age| age.as_secs()),
        error: error.map(|refusal| refusal.error.to_string()),
    };
    // The age is known when the first poll has ended, which is a moment after its revision.
    let is_healthy = status.is_ready && age.is_none_or(|age| age <= TOO_OLD);
    let code = match is_healthy {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(health))
}

/// Simulates a slow lookup, for example of a name server.
pub async fn resolve(host: &str) -> String {
    tokio::time::sleep(Duration::from_millis(1)).await;
    host.to_owned()
}
