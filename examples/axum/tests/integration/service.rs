//! Concurrent requests and saves through the service.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::JoinSet;
use tower::ServiceExt;
use untorn_axum_example::settings::{Pool, store};
use untorn_axum_example::{Answer, Health, Service, Unavailable, resolve, router};
use untorn_live::layer::Env;

use crate::settings::{File, push};

/// Far more than any of these tests takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

const TENANTS: usize = 200;
const READERS: usize = 8;
const REQUESTS: usize = 100;
/// The revisions that the requests together must have met.
const REVISIONS: usize = 10;

/// Returns the three settings of the n-th save; each of them contains n.
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
        let pool = generation(if tenant == 7 { n } else { 1 });
        push(&mut text, &format!("t{tenant}"), &pool);
    }
    text
}

fn service(file: &File) -> Service {
    let no_variables = Env::prefix("POOLS_").from_pairs::<&str, &str>([]);
    let store = store(file.path(), no_variables).start();
    Service::new(store.expect("it starts"))
}

async fn started(text: &str) -> (File, Service) {
    let file = File::new();
    file.save(text);
    let service = service(&file);
    service
        .store()
        .ready_async()
        .await
        .expect("a configuration");
    (file, service)
}

async fn send<T: DeserializeOwned>(service: &Router, request: Request<Body>) -> (StatusCode, T) {
    let answer = service.clone().oneshot(request).await.expect("infallible");
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 4096).await.expect("a body");
    (status, serde_json::from_slice(&body).expect("an answer"))
}

async fn ok<T: DeserializeOwned>(service: &Router, request: Request<Body>) -> T {
    let (status, answer) = send(service, request).await;
    assert_eq!(status, StatusCode::OK);
    answer
}

/// Sends a request that the service cannot answer, and returns the reason.
async fn refused(service: &Router, request: Request<Body>) -> String {
    let answer = service.clone().oneshot(request).await.expect("infallible");
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body = to_bytes(answer.into_body(), 4096).await.expect("a body");
    String::from_utf8(body.into()).expect("a text")
}

fn get_of(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).expect("valid")
}

fn pool_of(tenant: &str) -> Request<Body> {
    get_of(&format!("/tenants/{tenant}/pool"))
}

fn reload() -> Request<Body> {
    Request::post("/reload").body(Body::empty()).expect("valid")
}

/// Returns the responses to many requests for the tenant that each save changes. The service
/// follows the file by itself.
async fn answers(file: File, service: Router) -> Vec<Answer> {
    let has_ended = Arc::new(AtomicBool::new(false));
    let ended = Arc::clone(&has_ended);
    let saves = tokio::spawn(async move {
        for n in (1..=u16::MAX).cycle() {
            if ended.load(Ordering::Relaxed) {
                break;
            }
            file.save(&text(n));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let service = service.clone();
        readers.spawn(async move {
            let began = Instant::now();
            let (mut answers, mut revisions) = (Vec::new(), HashSet::new());
            let mut newest = 0;
            while answers.len() < REQUESTS || revisions.len() < REVISIONS {
                assert!(began.elapsed() < TIMEOUT, "saves make no revisions");
                let answer: Answer = ok(&service, pool_of("t7")).await;
                assert!(answer.revision >= newest, "the revision decreased");
                newest = answer.revision;
                revisions.insert(newest);
                answers.push(answer);
            }
            answers
        });
    }
    let answers = readers.join_all().await.concat();
    has_ended.store(true, Ordering::Relaxed);
    saves.await.expect("no panic");
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_of_one_revision() {
    let (file, service) = started(&text(0)).await;
    let answers = answers(file, router(service)).await;
    let torn = answers.iter().filter(|answer| is_torn(&answer.pool));
    assert_eq!(torn.count(), 0);
    assert!(answers.len() >= READERS * REQUESTS);
}

/// A faulty handler, which reads each setting from the newest revision at that moment.
async fn three_loads(
    State(service): State<Service>,
    Path(tenant): Path<String>,
) -> Result<Json<Answer>, Unavailable> {
    let settings = service.settings()?;
    let revision = service.store().pin().revision().get();
    let host = settings.load().tenants[&tenant].host.clone();
    let host = resolve(&host).await;
    let port = settings.load().tenants[&tenant].port;
    let max_connections = settings.load().tenants[&tenant].max_connections;
    let pool = Pool {
        host,
        port,
        max_connections,
    };
    Ok(Json(Answer { pool, revision }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn separate_loads_return_torn_answers() {
    let (file, service) = started(&text(0)).await;
    let router = Router::new()
        .route("/tenants/{tenant}/pool", get(three_loads))
        .with_state(service);
    let answers = answers(file, router).await;
    assert!(answers.iter().any(|answer| is_torn(&answer.pool)));
}

#[tokio::test]
async fn reload_publishes_only_changed_tenants() {
    let (file, service) = started(&text(1)).await;
    let router = router(service.clone());
    let before = service.store().snapshot();

    let unchanged: u64 = ok(&router, reload()).await;
    assert_eq!(unchanged, before.revision().get());

    file.save(&text(2));
    let revision: u64 = ok(&router, reload()).await;
    assert_eq!(revision, unchanged + 1);
    let after = service.store().snapshot();
    assert_eq!(
        (after.changes_since(&before).count(), after.len()),
        (3, 3 * TENANTS)
    );
    let answer: Answer = ok(&router, pool_of("t7")).await;
    assert_eq!((answer.pool, answer.revision), (generation(2), revision));
    let other: Answer = ok(&router, pool_of("t8")).await;
    assert_eq!((other.pool, other.revision), (generation(1), revision));
}

/// A file that cannot be read or parsed changes nothing, and its error is in the health.
#[tokio::test]
async fn failed_reload_changes_nothing() {
    let (file, service) = started(&text(1)).await;
    let router = router(service);
    let (status, fine): (_, Health) = send(&router, get_of("/health")).await;
    assert_eq!((status, fine.settings), (StatusCode::OK, 3 * TENANTS));
    assert_eq!(fine.error, None);

    let path = file.path().display().to_string();
    let broken = [
        (None, ": there is no such file"),
        (Some(text(2) + "port = 2\n"), ":801: tenants.t199.port: "),
        (Some(String::new()), ": refused to remove all 600 keys"),
    ];
    for (text, why) in broken {
        match text {
            Some(text) => file.save(&text),
            None => file.remove(),
        }
        let reason = refused(&router, reload()).await;
        assert!(reason.starts_with(&format!("{path}{why}")), "{reason}");
        // The settings are still recent.
        let (status, failing): (_, Health) = send(&router, get_of("/health")).await;
        assert_eq!((status, failing.error), (StatusCode::OK, Some(reason)));
        let answer: Answer = ok(&router, pool_of("t7")).await;
        assert_eq!(
            (answer.pool, answer.revision),
            (generation(1), fine.revision)
        );
    }
    file.save(&text(3));
    let _: u64 = ok(&router, reload()).await;
    let mended: Health = ok(&router, get_of("/health")).await;
    assert_eq!(mended.error, None);
}

#[tokio::test]
async fn service_is_ready_with_its_first_revision() {
    let file = File::new();
    let service = service(&file);
    let router = router(service.clone());
    // Returns once the file has been looked for.
    let reason = refused(&router, reload()).await;
    let path = file.path().display().to_string();
    assert!(reason.starts_with(&path), "{reason}");
    let (code, status): (_, Value) = send(&router, get_of("/ready")).await;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status["is_ready"], false);
    assert_eq!(status["layers"][0]["name"], path);
    assert_eq!(
        status["layers"][0]["refusal"]["error"]["kind"],
        "unreadable"
    );
    let (code, health): (_, Health) = send(&router, get_of("/health")).await;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.age_in_seconds, None);
    let reason = refused(&router, pool_of("t7")).await;
    let expected = format!("{path}: there is no configuration yet: there is no such file");
    assert!(reason.starts_with(&expected), "{reason}");

    file.save(&text(1));
    service
        .store()
        .ready_async()
        .await
        .expect("a configuration");
    let status: Value = ok(&router, get_of("/ready")).await;
    assert_eq!(status["revision"], 1);
    let answer: Answer = ok(&router, pool_of("t7")).await;
    assert_eq!(answer.pool, generation(1));
    service.stop().await;
}

#[tokio::test]
async fn unknown_tenant_is_not_found() {
    let (_file, service) = started(&text(1)).await;
    let answer = router(service).oneshot(pool_of("unknown")).await;
    assert_eq!(answer.expect("infallible").status(), StatusCode::NOT_FOUND);
}
