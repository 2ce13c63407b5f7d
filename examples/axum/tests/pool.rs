//! Requests and refreshes at the same time, through the service.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{Request, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt;
use untorn_axum_example::{Answer, Config, Pool, config, replace, resolve, router};

const READERS: usize = 8;
const REQUESTS: usize = 100;

/// The three settings of the n-th refresh: each of them tells n.
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

async fn ask<T: DeserializeOwned>(service: &Router, request: Request<Body>) -> T {
    let answer = service.clone().oneshot(request).await.expect("infallible");
    assert_eq!(answer.status(), StatusCode::OK);
    let body = to_bytes(answer.into_body(), 1024).await.expect("a body");
    serde_json::from_slice(&body).expect("an answer")
}

fn read() -> Request<Body> {
    Request::get("/pool").body(Body::empty()).expect("valid")
}

fn write(pool: &impl Serialize) -> Request<Body> {
    let body = serde_json::to_vec(pool).expect("serializable");
    Request::post("/config")
        .header("content-type", "application/json")
        .body(body.into())
        .expect("valid")
}

/// Answers to many requests while the settings are replaced again and again.
async fn answers(service: Router) -> Vec<Answer> {
    let writes = service.clone();
    let refresher = tokio::spawn(async move {
        for n in (1..=u16::MAX).cycle() {
            let _: u64 = ask(&writes, write(&generation(n))).await;
            tokio::task::yield_now().await;
        }
    });
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let service = service.clone();
        readers.spawn(async move {
            let mut answers = Vec::new();
            let mut newest = 0;
            for _ in 0..REQUESTS {
                let answer: Answer = ask(&service, read()).await;
                assert!(answer.revision >= newest, "it went back");
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
    let answers = answers(router(config(&generation(0)))).await;
    let torn = answers.iter().filter(|answer| is_torn(&answer.pool));
    assert_eq!((torn.count(), answers.len()), (0, READERS * REQUESTS));
    let revisions: HashSet<_> = answers.iter().map(|answer| answer.revision).collect();
    assert!(
        revisions.len() > 10,
        "requests and refreshes hardly met: {} revisions",
        revisions.len()
    );
}

/// The handler as it should not be: each key at its own moment.
async fn three_gets(State(config): State<Config>) -> Json<Answer> {
    let text = |key| config.get(key).expect("written in the beginning");
    let revision = config.revision().get();
    let host = resolve(&text("host")).await;
    Json(Answer {
        pool: Pool {
            host,
            port: text("port").parse().expect("a number"),
            max_connections: text("max_connections").parse().expect("a number"),
        },
        revision,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_gets_key_by_key_is_caught_by_the_same_test() {
    let service = Router::new()
        .route("/pool", get(three_gets))
        .route("/config", post(replace))
        .with_state(config(&generation(0)));
    let answers = answers(service).await;
    assert!(answers.iter().any(|answer| is_torn(&answer.pool)));
}

#[tokio::test]
async fn a_request_after_a_refresh_sees_all_of_it() {
    let service = router(config(&generation(1)));
    let revision: u64 = ask(&service, write(&generation(2))).await;
    let answer: Answer = ask(&service, read()).await;
    assert_eq!((answer.pool, answer.revision), (generation(2), revision));
}

#[tokio::test]
async fn a_setting_that_is_no_number_changes_nothing() {
    let service = router(config(&generation(1)));
    let half = json!({ "host": "db2", "port": 2, "max_connections": "many" });
    let request = write(&half);
    let refused = service.clone().oneshot(request).await.expect("infallible");
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let answer: Answer = ask(&service, read()).await;
    assert_eq!((answer.pool, answer.revision), (generation(1), 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_on_a_socket() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let service = router(config(&generation(1)));
    tokio::spawn(async { axum::serve(listener, service).await });
    let client = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /pool HTTP/1.1\r\nhost: pool\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        std::io::Result::Ok(answer)
    });
    let answer = client.await.expect("no panic").expect("an answer");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let answer: Answer = serde_json::from_str(body).expect("an answer");
    assert_eq!((answer.pool, answer.revision), (generation(1), 0));
}
