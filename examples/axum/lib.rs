//! An axum service with a table of settings that is refreshed while requests read it: each response
//! is consistent, from one revision.
//!
//! | request | response |
//! |---|---|
//! | `GET /tenants/{tenant}/pool` | three settings of a tenant that belong together |
//! | `POST /reload` | the revision with the current contents of the source; 503 and the reason if the reload fails |
//! | `GET /health` | the age of the settings, and the last error; 503 if they are too old |
//!
//! A [`Poller`] refreshes the table every ten seconds. A refresh publishes only the entries of
//! tenants that have changed; without a change there is no new revision. If the source cannot be
//! read or does not [parse], the settings remain unchanged.
//!
//! # A snapshot, not a pin
//!
//! The handler of `pool` continues to read after an `.await`. Across it, the view moves with its
//! task between threads, and stays alive for as long as the awaited operation takes. A
//! [`Snapshot`](untorn::Snapshot) supports both:
//!
//! ```
//! use axum::{Router, extract::State, routing::get};
//! use untorn_axum_example::{Service, resolve};
//!
//! async fn pool(State(service): State<Service>) -> String {
//!     let view = service.config().snapshot();
//!     let host = resolve("db1").await;
//!     format!("{host}: {:?}", view.get("acme.port"))
//! }
//!
//! let _: Router<Service> = Router::new().route("/pool", get(pool));
//! ```
//!
//! A [`Pinned`](untorn::Pinned) is bound to its thread. It is not `Send`, so the handler's future
//! is not `Send` either, and the compiler rejects it:
//!
//! ```compile_fail,E0277
//! use axum::{Router, extract::State, routing::get};
//! use untorn_axum_example::{Service, resolve};
//!
//! async fn pool(State(service): State<Service>) -> String {
//!     let view = service.config().pin();
//!     let host = resolve("db1").await;
//!     format!("{host}: {:?}", view.get("acme.port"))
//! }
//!
//! let _: Router<Service> = Router::new().route("/pool", get(pool));
//! ```
//!
//! Without an `.await` between the reads, a pin is enough, and cheaper.
//!
//! # Blocking
//!
//! Reads never block. Waiting for a fetch, and stopping or dropping a poller, block the thread, so
//! they run in `spawn_blocking` ([`Service::reload`], [`Service::stop`]). So does the first look-up
//! of a value that is slow to compute; [`hosts`] awaits it instead.

pub mod hosts;
pub mod settings;

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use untorn::poller::RefreshError;
use untorn::{Map, Poller, Revision, View};

use self::settings::{Config, Setting, key, parse};

/// The period of fetches.
const PERIOD: Duration = Duration::from_secs(10);

/// The timeout of a fetch on request.
const RELOAD_TIMEOUT: Duration = Duration::from_secs(5);

/// The age from which on settings are unhealthy: several fetches have failed.
const TOO_OLD: Duration = Duration::from_secs(60);

/// The state that the handlers share.
#[derive(Clone, Debug)]
pub struct Service {
    config: Arc<Config>,
    poller: Arc<Poller>,
}

impl Service {
    /// Starts to refresh the settings from the text that `read` returns, and waits for the first
    /// refresh. `read` needs a timeout of its own.
    ///
    /// # Errors
    ///
    /// Returns an error if the first refresh fails.
    pub async fn start(
        mut read: impl FnMut() -> io::Result<String> + Send + 'static,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let source = move || Ok::<_, Box<dyn Error + Send + Sync>>(parse(&read()?)?);
        let config = Arc::new(Map::named("settings"));
        let poller = Poller::every(PERIOD, source)
            .named("settings poller")
            // A requested reload takes effect at once: there is one source, which is near.
            .min_gap(Duration::from_millis(1))
            .start(&config)?;
        let service = Self {
            config,
            poller: Arc::new(poller),
        };
        if let Err(error) = service.reload().await {
            service.stop().await;
            return Err(error.into());
        }
        Ok(service)
    }

    /// Returns the settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Fetches the settings now and returns their revision, which every later request reads.
    ///
    /// # Errors
    ///
    /// Returns an error if the refresh fails. The settings remain unchanged.
    pub async fn reload(&self) -> Result<Revision, RefreshError> {
        let poller = Arc::clone(&self.poller);
        let reloaded = spawn_blocking(move || poller.refresh_now(RELOAD_TIMEOUT)).await;
        // The closure does not run if the runtime is shutting down.
        reloaded.unwrap_or(Err(RefreshError::Stopped))
    }

    /// Stops the poller. Waits for a running fetch to finish.
    pub async fn stop(&self) {
        let poller = Arc::clone(&self.poller);
        // An error means that the runtime is shutting down, which stops the poller too.
        _ = spawn_blocking(move || poller.stop()).await;
    }
}

/// Three settings that belong together.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// The host of the database.
    pub host: String,
    /// The port of the database.
    pub port: u16,
    /// The maximum number of connections.
    pub max_connections: u32,
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
    /// Their maximum age.
    pub age_in_seconds: Option<u64>,
    /// The error of the last fetch, if it failed.
    pub error: Option<String>,
}

/// Creates the routes of the service.
pub fn router(service: Service) -> Router {
    Router::new()
        .route("/tenants/{tenant}/pool", get(pool))
        .route("/reload", post(reload))
        .route("/health", get(health))
        .with_state(service)
}

async fn pool(
    State(service): State<Service>,
    Path(tenant): Path<String>,
) -> Result<Json<Answer>, StatusCode> {
    let view = service.config.snapshot();
    let pool = read(&view, &tenant).await.ok_or(StatusCode::NOT_FOUND)?;
    let revision = view.revision().get();
    Ok(Json(Answer { pool, revision }))
}

/// Reads three settings of one revision, regardless of refreshes in between. Returns `None` for an
/// unknown tenant.
async fn read(view: &View<Arc<str>, Setting>, tenant: &str) -> Option<Pool> {
    let setting = |name| view.get(key(tenant, name).as_str());
    let Setting::Host(host) = setting("host")? else {
        return None;
    };
    let host = resolve(host).await;
    match (setting("port")?, setting("max_connections")?) {
        (&Setting::Port(port), &Setting::MaxConnections(max_connections)) => Some(Pool {
            host,
            port,
            max_connections,
        }),
        _ => None,
    }
}

async fn reload(State(service): State<Service>) -> Result<Json<u64>, (StatusCode, String)> {
    match service.reload().await {
        Ok(revision) => Ok(Json(revision.get())),
        Err(error) => Err((StatusCode::SERVICE_UNAVAILABLE, error.to_string())),
    }
}

async fn health(State(service): State<Service>) -> (StatusCode, Json<Health>) {
    let status = service.poller.status();
    let age = status.age();
    let error = status.last_failure.filter(|_| status.failures_in_a_row > 0);
    let view = service.config.pin();
    let health = Health {
        revision: view.revision().get(),
        settings: view.len(),
        age_in_seconds: age.map(|age| age.as_secs()),
        error: error.map(|error| error.message.to_string()),
    };
    let code = match age {
        Some(age) if age <= TOO_OLD => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    (code, Json(health))
}

/// Simulates a slow look-up, for example of a name server.
pub async fn resolve(host: &str) -> String {
    tokio::time::sleep(Duration::from_millis(1)).await;
    host.to_owned()
}
