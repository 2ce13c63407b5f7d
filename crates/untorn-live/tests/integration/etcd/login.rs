//! Users and tokens; a server without the gateway.

use std::fs;

use serde_json::json;
use untorn_live::layer::Etcd;
use untorn_live::{ErrorKind, Store};

use super::server::{Server, program, programs};
use super::{LAYER, layer};
use crate::support::{LONG, folder, wait_for_refusal};

fn start(etcd: Etcd) -> Store {
    Store::builder().layer(etcd).start().expect("threads")
}

/// Requires a user from now on.
pub(super) fn enable_users(server: &Server) {
    for (path, body) in [
        (
            "/v3/auth/user/add",
            json!({"name": "root", "password": "canary"}),
        ),
        ("/v3/auth/role/add", json!({"name": "root"})),
        (
            "/v3/auth/user/grant",
            json!({"user": "root", "role": "root"}),
        ),
        ("/v3/auth/enable", json!({})),
    ] {
        server.call(path, &body);
    }
}

#[test]
fn token_is_renewed() {
    for program in programs() {
        let mut server = Server::start(&program);
        server.put("/app/limit", "1");
        enable_users(&server);
        let folder = folder();
        let password = folder.path().join("password");
        fs::write(&password, "canary\n").expect("written");
        let etcd = layer(server.url()).user_with_password_file("root", &password);
        let store = start(etcd);
        store.ready(LONG).expect("etcd answers");
        // The tokens of the server end with it.
        server.restart();
        let token = server.call(
            "/v3/auth/authenticate",
            &json!({"name": "root", "password": "canary"}),
        );
        let token = token["token"].as_str().expect("a token").to_string();
        let body = json!({"key": super::server::encode("/app/limit"), "value": super::server::encode("2")});
        let answer = ureq::post(format!("{}/v3/kv/put", server.url()))
            .header("Authorization", token)
            .send(body.to_string())
            .expect("etcd answers")
            .body_mut()
            .read_to_string()
            .expect("a text");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let revision = answer["header"]["revision"].as_str().expect("a revision");
        let config = store.wait_for(LAYER, revision.parse().expect("a number"), LONG);
        assert_eq!(config.expect("it comes").get_as::<u8>("limit"), Ok(2));
    }
}

#[test]
fn wrong_user_is_an_error_that_says_so() {
    let Some(program) = program() else { return };
    let server = Server::start(&program);
    enable_users(&server);
    let users = [
        (layer(server.url()), "`Etcd::user`"),
        (
            layer(server.url()).user("root", "wrong"),
            "authentication failed",
        ),
        (
            layer(server.url()).user_with_password_file("root", "no such file"),
            "no such file",
        ),
    ];
    for (etcd, expected) in users {
        let store = start(etcd);
        wait_for_refusal(&store, |error| error.to_string().contains(expected));
        assert!(!store.status().is_ready);
    }
}

#[test]
fn missing_gateway_is_an_error_that_says_so() {
    let Some(program) = program() else { return };
    let server = Server::with_options(&program, &["--enable-grpc-gateway=false"]);
    let store = start(layer(server.url()));
    wait_for_refusal(&store, |error| {
        error.kind() == ErrorKind::Unreachable && error.message().contains("--enable-grpc-gateway")
    });
}

/// An address with a password is refused, and must not be shown before that.
#[test]
fn password_of_an_endpoint_is_not_shown() {
    let etcd = Etcd::prefix("/app/").endpoints(["http://u:hunter2@h:1", "http://h:2"]);
    let text = format!("{etcd:?}");
    assert!(
        !text.contains("hunter2") && text.contains("http://h:1"),
        "{text}"
    );
}
