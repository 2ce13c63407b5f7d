//! The order of reports, when other updates and reports come between them.

use std::mem;
use std::panic::panic_any;
use std::sync::{Arc, Mutex, OnceLock};

use super::{Callbacks, Progress};
use crate::error::{ConfigError, ErrorKind};

/// A layer whose reports are recorded: the messages of refusals, and the numbers of refusals before
/// each recovery.
struct Layer {
    progress: Arc<OnceLock<Progress>>,
    reports: Arc<Mutex<Vec<String>>>,
}

impl Layer {
    /// Creates a layer. `during` is called before each report is recorded.
    fn new(during: impl Fn(&Progress, &str) + Send + Sync + 'static) -> Self {
        let progress = Arc::new(OnceLock::<Progress>::new());
        let reports = Arc::new(Mutex::new(Vec::new()));
        let report = {
            let (progress, reports) = (Arc::clone(&progress), Arc::clone(&reports));
            Arc::new(move |text: String| {
                let progress = progress.get().expect("it is there");
                during(progress, &text);
                reports.lock().expect("no panic").push(text);
            })
        };
        let of_recovery = Arc::clone(&report);
        let callbacks = Callbacks {
            on_refusal: Some(Arc::new(move |refusal| {
                report(refusal.error.message().into());
            })),
            on_recovery: Some(Arc::new(move |recovery| {
                of_recovery(format!("recovery after {}", recovery.refusals));
            })),
        };
        progress.get_or_init(|| Progress::new(["one".into()], callbacks));
        Self { progress, reports }
    }

    fn progress(&self) -> &Progress {
        self.progress.get().expect("it is there")
    }

    fn reports(&self) -> Vec<String> {
        mem::take(&mut self.reports.lock().expect("no panic"))
    }
}

fn error(message: &str) -> ConfigError {
    ConfigError::new(ErrorKind::Check, message)
}

fn refuse(progress: &Progress, message: &str) {
    progress.refused(0, &error(message));
}

fn recover(progress: &Progress) {
    progress.succeeded(0, progress.pending(0));
    progress.published(0);
    progress.deliver(0);
}

/// A refusal that ends before it is reported, since another layer takes the contents.
#[test]
fn recovery_follows_a_reported_refusal_only() {
    let layer = Layer::new(|_, _| ());
    let progress = layer.progress();
    let recorded = progress.record_refusal(0, &error("no"));
    recover(progress);
    progress.report_refusal(&recorded);
    assert!(layer.reports().is_empty());

    refuse(progress, "no");
    // Of another reason, and not reported yet.
    let recorded = progress.record_refusal(0, &error("never"));
    recover(progress);
    progress.report_refusal(&recorded);
    assert_eq!(layer.reports(), ["no", "recovery after 2"]);
}

/// Another layer's update takes the refused contents while the refusal is reported.
#[test]
fn recovery_is_reported_after_its_refusal() {
    let (begins, begun) = std::sync::mpsc::channel();
    let layer = Layer::new(move |progress, text| {
        if text == "no" {
            std::thread::scope(|scope| {
                scope.spawn(|| recover(progress)).join().expect("no panic");
            });
            _ = begins.send(());
        }
    });
    for _ in 0..2 {
        refuse(layer.progress(), "no");
        begun.try_recv().expect("it was reported");
        assert_eq!(layer.reports(), ["no", "recovery after 1"]);
    }
}

/// The report of the refusal that ended comes before that of the next one, whatever callbacks do.
#[test]
fn reports_are_in_the_order_of_their_causes() {
    let layer = Layer::new(|progress, text| {
        if text == "first" {
            recover(progress);
            refuse(progress, "second");
        }
    });
    refuse(layer.progress(), "first");
    assert_eq!(layer.reports(), ["first", "recovery after 1", "second"]);
    // The recovery has come, and is not published before the next refusal is.
    layer.progress().succeeded(0, None);
    refuse(layer.progress(), "third");
    assert!(layer.reports().is_empty());
    layer.progress().published(0);
    layer.progress().deliver(0);
    assert_eq!(layer.reports(), ["recovery after 1", "third"]);
}

/// The drop of the payload panics too.
#[test]
fn panic_in_a_report_leaves_the_others() {
    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("planned");
            }
        }
    }

    let layer = Layer::new(|_, text| {
        if text == "no" {
            panic_any(Bomb);
        }
    });
    refuse(layer.progress(), "no");
    recover(layer.progress());
    assert_eq!(layer.reports(), ["recovery after 1"]);
}

/// Contents that the cache has replaced are not in force, whatever their position was.
#[test]
fn replaced_contents_have_no_position() {
    let layer = Layer::new(|_, _| ());
    let progress = layer.progress();
    progress.set_pending(0, Some(7));
    progress.succeeded(0, Some(7));
    progress.reached(0);
    assert_eq!(progress.position(0), Some(7));
    // The next answer has come, and is not taken.
    progress.set_pending(0, Some(8));
    assert_eq!(progress.replaced(0), Some(7));
    assert_eq!(progress.position(0), None);
    // The poll that had the position ends only now.
    progress.reached(0);
    assert_eq!(progress.position(0), None);
    progress.succeeded(0, progress.pending(0));
    progress.reached(0);
    assert_eq!(progress.position(0), Some(8));
}

/// A refusal is reported late, when the layer has been refused for another reason since.
#[test]
fn late_report_does_not_end_a_refusal() {
    let layer = Layer::new(|_, _| ());
    let progress = layer.progress();
    progress.set_pending(0, Some(7));
    let late = progress.record_refusal(0, &error("first"));
    refuse(progress, "second");
    progress.report_refusal(&late);
    assert_eq!(progress.position(0), None, "it was refused");
    assert_eq!(layer.reports(), ["first", "second"]);
}
