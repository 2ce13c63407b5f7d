//! Concurrent requests and refreshes through the service.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;
use tower::ServiceExt;
use untorn_axum_example::settings::{Setting, key, parse};
use untorn_axum_example::{Answer, Health, Pool, Service, resolve, router};

const TENANTS: usize = 200;
const READERS: usize = 8;
const REQUESTS: usize = 100;

/// Returns the three settings of the n-th change; each of them contains n.
fn generation(n: u16) -> Pool {
    Pool {
        host: format!("db{n}"),
        port: n,
        max_connections: n.into(),
    }
}

fn is_torn(pool: &Pool) -> bool {
    *pool != generation(pool.port)
}

/// Returns the settings of many tenants: `t7` at generation n, the others unchanged.
fn text(n: u16) -> String {
    let mut text = String::new();
    for tenant in 0..TENANTS {
        let Pool {
            host,
            port,
            max_connections,
        } = generation(if tenant == 7 { n } else { 1 });
        write!(
            text,
            "t{tenant}.host = {host}\nt{tenant}.port = {port}\nt{tenant}.max_connections = {max_connections}\n"
        )
        .expect("a string");
    }
    text
}

/// The contents of the source; `None` is a missing file.
#[derive(Clone, Default)]
struct Source(Arc<Mutex<Option<String>>>);

impl Source {
    fn set(&self, text: impl Into<Option<String>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = text.into();
    }

    async fn start(&self) -> Service {
        let Self(text) = self.clone();
        let read = move || {
            let text = text.lock().unwrap_or_else(PoisonError::into_inner).clone();
            text.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        };
        Service::start(read).await.expect("settings")
    }
}

async fn started(text: String) -> (Source, Service) {
    let source = Source::default();
    source.set(text);
    let service = source.start().await;
    (source, service)
}

async fn send<T: DeserializeOwned>(service: &Router, request: Request<Body>) -> (StatusCode, T) {
    let answer = service.clone().oneshot(request).await.expect("infallible");
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1024).await.expect("a body");
    (status, serde_json::from_slice(&body).expect("an answer"))
}

async fn ok<T: DeserializeOwned>(service: &Router, request: Request<Body>) -> T {
    let (status, answer) = send(service, request).await;
    assert_eq!(status, StatusCode::OK);
    answer
}

fn pool_of(tenant: &str) -> Request<Body> {
    let path = format!("/tenants/{tenant}/pool");
    Request::get(path).body(Body::empty()).expect("valid")
}

fn reload() -> Request<Body> {
    Request::post("/reload").body(Body::empty()).expect("valid")
}

fn health() -> Request<Body> {
    Request::get("/health").body(Body::empty()).expect("valid")
}

/// Returns the responses to many requests for the tenant that a task keeps changing.
async fn answers(source: Source, service: Router) -> Vec<Answer> {
    let reloads = service.clone();
    let refresher = tokio::spawn(async move {
        for n in (1..=u16::MAX).cycle() {
            source.set(text(n));
            let _: u64 = ok(&reloads, reload()).await;
        }
    });
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let service = service.clone();
        readers.spawn(async move {
            let mut answers = Vec::new();
            let mut newest = 0;
            for _ in 0..REQUESTS {
                let answer: Answer = ok(&service, pool_of("t7")).await;
                assert!(answer.revision >= newest, "the revision decreased");
                newest = answer.revision;
                answers.push(answer);
            }
            answers
        });
    }
    let answers = readers.join_all().await.concat();
    refresher.abort();
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_of_one_revision() {
    let (source, service) = started(text(0)).await;
    let answers = answers(source, router(service)).await;
    let torn = answers.iter().filter(|answer| is_torn(&answer.pool));
    assert_eq!((torn.count(), answers.len()), (0, READERS * REQUESTS));
    let revisions: HashSet<_> = answers.iter().map(|answer| answer.revision).collect();
    assert!(
        revisions.len() > 10,
        "requests and refreshes hardly overlapped: {} revisions",
        revisions.len()
    );
}

/// A faulty handler, which reads each key from the newest revision at that moment.
async fn three_gets(State(service): State<Service>, Path(tenant): Path<String>) -> Json<Answer> {
    let config = service.config();
    let revision = config.revision().get();
    let setting = |name| config.get(key(&tenant, name).as_str());
    let Some(Setting::Host(host)) = setting("host") else {
        unreachable!("the tenant is there")
    };
    let host = resolve(&host).await;
    let (Some(Setting::Port(port)), Some(Setting::MaxConnections(max_connections))) =
        (setting("port"), setting("max_connections"))
    else {
        unreachable!("the tenant is there")
    };
    let pool = Pool {
        host,
        port,
        max_connections,
    };
    Json(Answer { pool, revision })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn separate_gets_return_torn_answers() {
    let (source, service) = started(text(0)).await;
    let reloading = async |State(service): State<Service>| match service.reload().await {
        Ok(revision) => Json(revision.get()),
        Err(error) => unreachable!("{error}"),
    };
    let router = Router::new()
        .route("/tenants/{tenant}/pool", get(three_gets))
        .route("/reload", post(reloading))
        .with_state(service);
    let answers = answers(source, router).await;
    assert!(answers.iter().any(|answer| is_torn(&answer.pool)));
}

#[tokio::test]
async fn reload_publishes_only_changed_tenants() {
    let (source, service) = started(text(1)).await;
    let router = router(service.clone());
    let before = service.config().snapshot();

    let unchanged: u64 = ok(&router, reload()).await;
    assert_eq!(unchanged, before.revision().get());

    source.set(text(2));
    let revision: u64 = ok(&router, reload()).await;
    assert_eq!(revision, unchanged + 1);
    let after = service.config().snapshot();
    assert_eq!(
        (after.changes_since(&before).count(), after.len()),
        (3, 3 * TENANTS)
    );
    let answer: Answer = ok(&router, pool_of("t7")).await;
    assert_eq!((answer.pool, answer.revision), (generation(2), revision));
    let other: Answer = ok(&router, pool_of("t8")).await;
    assert_eq!((other.pool, other.revision), (generation(1), revision));
}

/// A source that cannot be read or parsed changes nothing, and its error is in the health.
#[tokio::test]
async fn failed_refresh_changes_nothing() {
    let (source, service) = started(text(1)).await;
    let router = router(service);
    let (status, fine): (_, Health) = send(&router, health()).await;
    assert_eq!((status, fine.settings), (StatusCode::OK, 3 * TENANTS));
    assert_eq!(fine.error, None);

    let broken = [
        (None, "entity not found"),
        (
            Some(text(2) + "t7.port = 1\n"),
            "line 601: duplicate setting t7.port",
        ),
        (Some(String::new()), "no settings"),
    ];
    for (text, why) in broken {
        source.set(text);
        let refused = router.clone().oneshot(reload()).await.expect("infallible");
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = to_bytes(refused.into_body(), 1024).await.expect("a body");
        assert_eq!(body, format!("the poll failed: {why}"));
        // The settings are still recent.
        let (status, failing): (_, Health) = send(&router, health()).await;
        assert_eq!(
            (status, failing.error.as_deref()),
            (StatusCode::OK, Some(why))
        );
        let answer: Answer = ok(&router, pool_of("t7")).await;
        assert_eq!(
            (answer.pool, answer.revision),
            (generation(1), fine.revision)
        );
    }
}

#[tokio::test]
async fn unknown_tenant_is_not_found() {
    let (_, service) = started(text(1)).await;
    let answer = router(service).oneshot(pool_of("unknown")).await;
    assert_eq!(answer.expect("infallible").status(), StatusCode::NOT_FOUND);
}

#[test]
fn parse_errors_name_the_line() {
    let whole = "a.host = db1\na.port = 1\n\n# ten\na.max_connections = 10\n";
    assert_eq!(parse(whole).map(|settings| settings.len()), Ok(3));
    for (text, why) in [
        ("a.port", "line 1: missing `=`"),
        ("host = db1", "line 1: missing tenant"),
        ("\na.ports = 1", "line 2: unknown setting ports"),
        ("a.host =", "line 1: a.host is empty"),
        (
            "a.port = 70000",
            "line 1: a.port is \"70000\": number too large to fit in target type",
        ),
        ("a.host = db1\na.port = 1", "a has no max_connections"),
        ("# nothing\n", "no settings"),
    ] {
        assert_eq!(parse(text), Err(why.into()), "{text}");
    }
}
