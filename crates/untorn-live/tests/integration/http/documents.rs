//! Documents that nginx serves: changes, conditions, redirects, tokens.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use untorn_live::layer::Http;
use untorn_live::{Format, Store};

use super::nginx::Nginx;
use super::server::{Server, answer};
use super::{ready, refusal, remote, wait_for_generation};
use crate::support::readers::Readers;
use crate::support::{LONG, beside, folder, generation, place, wait_for_refusal, wait_until};

#[test]
fn changes_are_served_and_304_in_between() {
    let Some(nginx) = Nginx::start() else { return };
    let path = nginx.path("www/app.toml");
    place(&path, generation::toml(1));
    let store = ready(Http::at(nginx.url("/app.toml")));
    let readers = Readers::start(&store);
    for number in 2..12 {
        place(&path, generation::toml(number));
        wait_for_generation(&store, number);
        // More polls without a change.
        let before = nginx.log().len();
        wait_until(LONG, "polls", || nginx.log().len() > before + 3);
    }
    readers.finish();
    let (whole, unchanged) = (nginx.count("200"), nginx.count("304"));
    assert!(
        unchanged >= 10,
        "{unchanged} answers were 304, {whole} were 200"
    );
    assert_eq!(remote(&store).endpoint.as_deref(), Some(&*nginx.url("")));
}

/// The `ETag` of nginx is the second and the length of the last change.
#[test]
fn same_second_same_length_edits_are_found() {
    let Some(nginx) = Nginx::start() else { return };
    let path = nginx.path("www/app.toml");
    let time = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    let save = |number| {
        let text = generation::toml(number);
        let text = format!("{text}#{}\n", "x".repeat(2_000 - text.len()));
        let new = beside(&path);
        fs::write(&new, text).expect("written");
        let file = fs::File::options().write(true).open(&new).expect("there");
        file.set_modified(time).expect("the time is set");
        fs::rename(&new, &path).expect("renamed");
    };
    save(1);
    let store = ready(Http::at(nginx.url("/app.toml")));
    let readers = Readers::start(&store);
    for number in 2..5 {
        save(number);
        wait_for_generation(&store, number);
    }
    assert!(remote(&store).resyncs >= 3);
    readers.finish();
}

#[test]
fn missing_document_leaves_the_last_one() {
    let Some(nginx) = Nginx::start() else { return };
    let path = nginx.path("www/app.toml");
    place(&path, generation::toml(1));
    let store = ready(Http::at(nginx.url("/app.toml")));
    let readers = Readers::start(&store);
    fs::remove_file(&path).expect("removed");
    let error = refusal(&store).to_string();
    assert!(
        error.contains("404 Not Found: there is no such document"),
        "{error}"
    );
    fs::write(&path, "").expect("written");
    let error = refusal(&store).to_string();
    assert!(error.contains("the response is empty"), "{error}");
    place(&path, generation::toml(2));
    store.refresh(LONG).expect("an answer");
    wait_for_generation(&store, 2);
    readers.finish();
}

#[test]
fn redirect_of_nginx_is_followed_if_allowed() {
    let redirect = "location = /old.toml { return 301 /app.toml; }";
    let Some(nginx) = Nginx::with("", redirect, |_| {}) else {
        return;
    };
    place(&nginx.path("www/app.toml"), generation::toml(1));
    let store = ready(Http::at(nginx.url("/old.toml")).follow_redirects(1));
    store.refresh(LONG).expect("unchanged");
    wait_until(LONG, "a condition for the target", || {
        nginx.count("304") > 0
    });
    let refusing = Store::builder().http(nginx.url("/old.toml")).start();
    let refusing = refusing.expect("threads");
    let target = format!("redirects to {}", nginx.url("/app.toml"));
    wait_for_refusal(&refusing, |error| error.to_string().contains(&target));
}

#[test]
fn token_that_rotates_is_sent() {
    let guard = "if ($http_authorization !~ '^Bearer (one|two)$') { return 401; }";
    let Some(nginx) = Nginx::with("", guard, |_| {}) else {
        return;
    };
    place(&nginx.path("www/app.toml"), generation::toml(1));
    let folder = folder();
    let token = folder.path().join("token");
    place(&token, "one");
    let store = ready(Http::at(nginx.url("/app.toml")).bearer_file(&token));
    place(&token, "two");
    wait_until(LONG, "the new token is sent", || {
        nginx.log().iter().any(|line| line.ends_with("Bearer two"))
    });
    assert_eq!(nginx.count("401"), 0);
    place(&token, "three");
    wait_for_refusal(&store, |error| {
        error.to_string().contains("401 Unauthorized")
    });
    assert_eq!(generation::of(&store.pin()), Ok(Some(1)));
}

#[test]
fn format_is_found_or_set() {
    let typed = |content_type: &str, body: &str| {
        let content_type = format!("Content-Type: {content_type}");
        Server::of(answer("200 OK", &[&content_type], body))
    };
    let json = typed("application/json; charset=utf-8", "{\"port\": 80}");
    let yaml = typed("application/yaml", "port: 80");
    let plain = typed("text/plain", "port = 80");
    let port = |http: Http| {
        ready(http)
            .pin()
            .get("port")
            .and_then(|port| port.as_integer())
    };
    assert_eq!(port(Http::at(json.url("/app?version=1"))), Some(80));
    assert_eq!(port(Http::at(yaml.url("/"))), Some(80));
    assert_eq!(
        port(Http::at(plain.url("/app")).format(Format::Toml)),
        Some(80)
    );
    // The extension counts more: many servers have no type for TOML.
    assert_eq!(port(Http::at(plain.url("/app.toml?x=.json"))), Some(80));
    let store = Store::builder()
        .http(plain.url("/app"))
        .start()
        .expect("threads");
    wait_for_refusal(&store, |error| {
        error
            .to_string()
            .contains("\"text/plain\" names one; set it with `Http::format`")
    });
}
