//! Layers that are right only together: each alone is refused, and both are one revision.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use untorn::poller::{Delta, DeltaSource, FetchedAfter, ResumeToken};
use untorn_live::layer::Custom;
use untorn_live::{ConfigError, ErrorKind, Store, StoreBuilder, Value};

use crate::support::{
    DEADLINE, HOUR, LONG, answer_with_position, folder, place, wait_for_refusal, wait_until,
};

/// A source with contents that the test sets, which may have a key twice. Their text is its
/// position.
#[derive(Clone, Default)]
struct Entries(Arc<Mutex<Vec<(&'static str, Value)>>>);

impl Entries {
    fn set<const N: usize>(&self, entries: [(&'static str, i64); N]) {
        let entries = entries.map(|(key, value)| (key, value.into()));
        *self.0.lock().expect("no panic") = entries.into();
    }
}

impl DeltaSource for Entries {
    type Contents = Vec<(&'static str, Value)>;
    type Deltas = Vec<Delta<&'static str, Value>>;
    type Error = ConfigError;

    fn fetch_after(
        &mut self,
        last: Option<&ResumeToken>,
    ) -> Result<FetchedAfter<Self::Contents, Self::Deltas>, ConfigError> {
        let contents = self.0.lock().expect("no panic").clone();
        Ok(answer_with_position(last, contents))
    }
}

/// Two layers whose numbers must be equal. The host is fetched by a refresh only.
fn host_and_certificate(host: &Entries, certificate: &Entries, period: Duration) -> StoreBuilder {
    Store::builder()
        .layer(Custom::source("host", HOUR, host.clone()))
        .layer(Custom::source("certificate", period, certificate.clone()))
        .check(|new, _| match new.get("host") == new.get("cert") {
            true => Ok(()),
            false => Err("the certificate is of another host"),
        })
}

#[derive(serde::Deserialize)]
struct Limits {
    #[serde(rename = "most")]
    _most: u32,
}

/// A layer without contents is refused since no layer has what is required, and another answers
/// again as before.
#[test]
fn refusal_of_a_layer_without_contents_stays() {
    let answers = Arc::new(AtomicUsize::new(0));
    let count = || answers.load(Ordering::SeqCst);
    let [counted, awaited] = [(); 2].map(|()| Arc::clone(&answers));
    let again = Custom::closure("again", Duration::from_millis(1), move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok::<_, ConfigError>(BTreeMap::<&str, u8>::new())
    });
    let once = Custom::closure("once", HOUR, move || {
        // The other layer has been taken by then.
        wait_until(LONG, "the other one answers twice", || {
            awaited.load(Ordering::SeqCst) > 1
        });
        Ok::<_, ConfigError>(BTreeMap::<&str, u8>::new())
    });
    let store = Store::builder().layer(again).layer(once);
    let store = store.require::<Limits>("limits");
    let store = store.start().expect("threads");
    let is_refused = || store.status().refusals().next().is_some();
    wait_until(LONG, "the layer is refused", is_refused);
    let before = count();
    wait_until(LONG, "the other one answers again", || count() > before + 5);
    let status = store.status();
    let refused: Vec<_> = status.refusals().collect();
    assert_eq!(refused.len(), 1, "{refused:?}");
    assert_eq!(&*refused[0].layer, "once");
    let error = store.ready(Duration::ZERO).expect_err("it is refused");
    assert!(error.message().contains("missing field"), "{error}");
}

/// A host in one file and its certificate in another are replaced one after the other: each alone
/// is refused, and both together are one revision.
#[test]
fn layers_that_are_right_only_together_are_taken() {
    let folder = folder();
    let (host, certificate) = (
        folder.path().join("host.toml"),
        folder.path().join("cert.toml"),
    );
    place(&host, "host = 1");
    place(&certificate, "cert = 1");
    let store = Store::builder()
        .file(&host)
        .file(&certificate)
        .check(|new, _| match new.get("host") == new.get("cert") {
            true => Ok(()),
            false => Err("the certificate is of another host"),
        })
        .start()
        .expect("a store");
    let first = store.ready(LONG).expect("both agree").revision();
    place(&host, "host = 2");
    wait_for_refusal(&store, |error| error.message().contains("another host"));
    place(&certificate, "cert = 2");
    wait_until(DEADLINE, "both", || {
        store.pin().get("cert").and_then(|value| value.as_integer()) == Some(2)
    });
    let config = store.pin();
    assert_eq!(config.get("host"), config.get("cert"));
    assert_eq!(config.revision(), first.next(), "one revision");
    assert!(store.status().refusals().next().is_none());

    // Refused contents that the file no longer has are not tried again.
    place(&host, "host = 3");
    wait_for_refusal(&store, |error| error.message().contains("another host"));
    place(&host, "host = 2");
    wait_until(LONG, "taken back", || {
        store.status().refusals().next().is_none()
    });
    place(&certificate, "cert = 3");
    wait_until(LONG, "refused", || {
        store.status().refusals().next().is_some()
    });
    assert_eq!(
        store.pin().get("cert").and_then(|value| value.as_integer()),
        Some(2)
    );
}

/// Both polls of a refresh run at once. The one that comes first is refused alone, and what it had
/// is taken with the other.
#[test]
fn refresh_of_layers_that_change_together_is_ok() {
    let (host, certificate) = (Entries::default(), Entries::default());
    let set = |number| {
        host.set([("host", number)]);
        certificate.set([("cert", number)]);
    };
    set(0);
    let last_report = Arc::new(Mutex::new(""));
    let (refused, recovered) = (Arc::clone(&last_report), Arc::clone(&last_report));
    let store = host_and_certificate(&host, &certificate, HOUR)
        .on_refusal(move |_| *refused.lock().expect("no panic") = "refusal")
        .on_recovery(move |_| *recovered.lock().expect("no panic") = "recovery")
        .start()
        .expect("threads");
    store.ready(LONG).expect("both agree");
    // A tenth of a second each: polls keep that distance.
    for number in 1..30 {
        set(number);
        store.refresh(LONG).expect("both are taken");
        assert_eq!(store.pin().get_as("host"), Ok(number));
        assert!(store.status().refusals().next().is_none());
    }
    let last = *last_report.lock().expect("no panic");
    assert_ne!(last, "refusal", "a recovery comes after each refusal");
}

/// Contents that were refused are forgotten also when those that follow cannot even be merged.
#[test]
fn refused_contents_are_replaced_by_malformed_ones() {
    let (host, certificate) = (Entries::default(), Entries::default());
    host.set([("host", 1)]);
    certificate.set([("cert", 1)]);
    let store = host_and_certificate(&host, &certificate, HOUR)
        .start()
        .expect("a store");
    store.ready(LONG).expect("both agree");
    host.set([("host", 2)]);
    let error = store.refresh(LONG).expect_err("of another host");
    assert_eq!(error.kind(), ErrorKind::Check);
    host.set([("host", 2), ("host", 3)]);
    let error = store.refresh(LONG).expect_err("a key twice");
    assert_eq!(error.kind(), ErrorKind::DuplicateKey);
    certificate.set([("cert", 2)]);
    store.refresh(LONG).expect_err("no source has host 2 now");
    let config = store.pin();
    assert_eq!(config.get("host"), Some(&Value::from(1)));
    assert_eq!(config.get("cert"), Some(&Value::from(1)));
}

/// A layer whose contents were taken with another one goes back to what its own last poll returned:
/// it is fetched all the same.
#[test]
fn contents_taken_with_another_layer_can_be_reverted() {
    let (host, certificate) = (Entries::default(), Entries::default());
    host.set([("host", 0)]);
    certificate.set([("cert", 0)]);
    let store = host_and_certificate(&host, &certificate, Duration::from_millis(1))
        .start()
        .expect("a store");
    let numbers = || {
        let config = store.pin();
        (config.get_as("host").ok(), config.get_as("cert").ok())
    };
    store.ready(LONG).expect("both agree");
    host.set([("host", 1)]);
    store.refresh(LONG).expect_err("of another host");
    certificate.set([("cert", 1)]);
    wait_until(LONG, "both", || numbers() == (Some(1), Some(1)));

    host.set([("host", 0)]);
    let error = store.refresh(LONG).expect_err("of another host");
    assert_eq!(error.kind(), ErrorKind::Check);
    certificate.set([("cert", 0)]);
    wait_until(LONG, "both", || numbers() == (Some(0), Some(0)));
}

/// A layer that is wrong by itself does not keep two others from being taken together.
#[test]
fn wrong_layer_does_not_block_those_that_are_right() {
    let (host, certificate, limit) = (Entries::default(), Entries::default(), Entries::default());
    host.set([("host", 0)]);
    certificate.set([("cert", 0)]);
    limit.set([("limit", 1)]);
    let store = host_and_certificate(&host, &certificate, HOUR)
        .layer(Custom::source("limit", HOUR, limit.clone()))
        .check(|new, _| match new.get_as::<i64>("limit")? < 10 {
            true => Ok(()),
            false => Err(ConfigError::from("the limit is too large").at_key("limit")),
        })
        .start()
        .expect("a store");
    store.ready(LONG).expect("all are right");
    limit.set([("limit", 10)]);
    host.set([("host", 1)]);
    store.refresh(LONG).expect_err("both are refused");
    certificate.set([("cert", 1)]);
    let error = store.refresh(LONG).expect_err("the limit is refused");
    assert_eq!(error.key(), Some("limit"));
    let config = store.pin();
    assert_eq!(config.get("host"), Some(&Value::from(1)));
    assert_eq!(config.get("cert"), Some(&Value::from(1)));
    assert_eq!(config.get("limit"), Some(&Value::from(1)));
}
