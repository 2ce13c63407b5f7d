//! An axum service with a table of settings that is refreshed while requests read it: each answer is of one revision.
//!
//! | request | answer |
//! |---|---|
//! | `GET /tenants/{tenant}/pool` | three settings of a tenant, which are meant as one |
//! | `POST /reload` | the revision that has what the source has now; 503 and why, if it cannot be had |
//! | `GET /health` | how old the settings are, and what went wrong last; 503 if they are too old |
//!
//! A [`Poller`] refreshes the table each ten seconds. If one tenant was changed, that tenant's entries are what the refresh
//! publishes; if none was, there is no new revision; if the source cannot be read, or does not [parse], the
//! settings stay what they were.
//!
//! # Why a snapshot and not a pin
//!
//! The handler of `pool` reads on after an `.await`. What it holds meanwhile moves with its task from thread to thread, and
//! is kept for as long as the other side takes. A [`Snapshot`](untorn::Snapshot) is made for that:
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
//! A [`Pinned`](untorn::Pinned) belongs to its thread. It is not `Send`, so neither is the handler's future, and the
//! compiler refuses it:
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
//! Where there is no `.await` between the reads, a pin will do, and costs less.
//!
//! # What blocks
//!
//! ReadGuard waits for nobody. Waiting for a fetch, and stopping or dropping a poller, block the thread; so they go through
//! `spawn_blocking` ([`Service::reload`], [`Service::stop`]).

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

/// Between two fetches.
const PERIOD: Duration = Duration::from_secs(10);

/// For a fetch that somebody waits for.
const SOON: Duration = Duration::from_secs(5);

/// Settings that are older than this are not healthy: several fetches have failed.
const TOO_OLD: Duration = Duration::from_secs(60);

/// What the handlers share.
#[derive(Clone, Debug)]
pub struct Service {
    config: Arc<Config>,
    poller: Arc<Poller>,
}

impl Service {
    /// Starts to refresh the settings from the text that `read` brings, and waits for the first ones. `read` must bound its
    /// own waiting.
    ///
    /// # Errors
    /// If the first settings cannot be had.
    pub async fn start(
        mut read: impl FnMut() -> io::Result<String> + Send + 'static,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let source = move || Ok::<_, Box<dyn Error + Send + Sync>>(parse(&read()?)?);
        let config = Arc::new(Map::named("settings"));
        let poller = Poller::every(PERIOD, source)
            .named("settings poller")
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

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Fetches the settings now, and returns the revision that has them: every request that begins later sees it.
    ///
    /// # Errors
    /// If they cannot be had. What there is stays.
    pub async fn reload(&self) -> Result<Revision, RefreshError> {
        let poller = Arc::clone(&self.poller);
        let reloaded = spawn_blocking(move || poller.refresh_now(SOON)).await;
        // Not run at all if the runtime is shutting down.
        reloaded.unwrap_or(Err(RefreshError::Stopped))
    }

    /// Stops refreshing. Waits for a fetch that is going on.
    pub async fn stop(&self) {
        let poller = Arc::clone(&self.poller);
        // An error is the end of the runtime, which has the same effect.
        _ = spawn_blocking(move || poller.stop()).await;
    }
}

/// Three settings that are meant as one.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Pool {
    /// Where the database is.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// How many connections it takes.
    pub max_connections: u32,
}

/// The answer to `GET /tenants/{tenant}/pool`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// What was read.
    pub pool: Pool,
    /// Of which revision.
    pub revision: u64,
}

/// The answer to `GET /health`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The newest revision.
    pub revision: u64,
    /// How many settings there are.
    pub settings: usize,
    /// How old they are at most.
    pub age_in_seconds: Option<u64>,
    /// Why the last fetch failed, if it did.
    pub error: Option<String>,
}

/// The service over HTTP.
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

/// Reads three settings of one revision, whatever is refreshed while it waits; `None` if there is no such tenant.
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
    let error = status.last_error.filter(|_| status.failures_in_a_row > 0);
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

/// Stands for a look-up that takes its time: a name server, say.
pub async fn resolve(host: &str) -> String {
    tokio::time::sleep(Duration::from_millis(1)).await;
    host.to_owned()
}
