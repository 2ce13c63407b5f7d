//! The source of the example `poll_mount`, while Kubernetes swaps the mount.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;
use untorn::poller::PollerBuilder;
use untorn::{Fetched, Map, Poller, Revision, Source};

use super::kubelet::Kubelet;
use super::mount_source::Mount;
use super::support::{HOUR, LONG};

type Files = Map<Arc<str>, Arc<[u8]>>;

/// Returns the files of a generation: each has its number, and one exists in every other only.
fn generation(n: u64) -> Vec<(&'static str, String)> {
    let mut names = vec!["tls.crt", "tls.key", "ca.crt"];
    if n.is_multiple_of(2) {
        names.push("even.crt");
    }
    names
        .into_iter()
        .map(|name| (name, n.to_string()))
        .collect()
}

fn mounted() -> (TempDir, Kubelet) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut kubelet = Kubelet::new(folder.path());
    kubelet.swap(&generation(0)).expect("swapped");
    (folder, kubelet)
}

fn polled(
    folder: &TempDir,
    configure: impl FnOnce(PollerBuilder<Mount>) -> PollerBuilder<Mount>,
) -> (Arc<Files>, Poller) {
    let files = Arc::new(Files::named("mount"));
    let builder = configure(Poller::every(HOUR, Mount::new(folder.path())));
    let poller = builder.start(&files).expect("a thread");
    poller.wait_until_fresh(LONG).expect("the first generation");
    (files, poller)
}

#[test]
fn swaps_under_load_never_mix_generations() {
    let (folder, mut kubelet) = mounted();
    let (files, poller) = polled(&folder, |builder| builder.min_gap(Duration::ZERO));
    poller.set_period(Duration::from_micros(50));
    let enough = AtomicBool::new(false);
    thread::scope(|scope| {
        let swaps = scope.spawn(|| {
            let mut n = 0;
            while !enough.load(Ordering::Relaxed) {
                n += 1;
                kubelet.swap(&generation(n)).expect("swapped");
            }
            n
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let view = files.pin();
                    let numbers: BTreeSet<_> = view.values().collect();
                    assert_eq!(numbers.len(), 1, "two generations in one view");
                    let number = std::str::from_utf8(&view["tls.crt"]).expect("digits");
                    let number: u64 = number.parse().expect("a number");
                    assert_eq!(view.len(), generation(number).len(), "files of {number}");
                }
            });
        }
        let reached = files.wait_for(Revision::from(200), LONG);
        enough.store(true, Ordering::Relaxed);
        assert!(reached.is_ok(), "{}", poller.status());
        let last = swaps.join().expect("no panic");
        poller.refresh_now(LONG).expect("the mount is quiet");
        assert_eq!(files.pin()["tls.key"][..], *last.to_string().as_bytes());
    });
}

/// The reason for the source: each path is resolved at its own time.
#[test]
fn obvious_reads_mix_two_generations() {
    let (folder, mut kubelet) = mounted();
    let certificate = fs::read(folder.path().join("tls.crt")).expect("readable");
    kubelet.swap(&generation(1)).expect("swapped");
    let key = fs::read(folder.path().join("tls.key")).expect("readable");
    assert_eq!((&*certificate, &*key), (&b"0"[..], &b"1"[..]));
}

#[test]
fn generation_is_read_once() {
    let (folder, mut kubelet) = mounted();
    let mut mount = Mount::new(folder.path());
    let mut fetch = || mount.fetch().expect("readable");
    assert!(matches!(fetch(), Fetched::Contents(files) if files.len() == 4));
    assert!(matches!(fetch(), Fetched::Unchanged));
    kubelet.swap(&generation(1)).expect("swapped");
    assert!(matches!(fetch(), Fetched::Contents(files) if files.len() == 3));
    assert!(matches!(fetch(), Fetched::Unchanged));
    mount.reset();
    assert!(matches!(mount.fetch(), Ok(Fetched::Contents(_))));
}

#[test]
fn mount_that_vanishes_keeps_the_files() {
    let (folder, mut kubelet) = mounted();
    let (files, poller) = polled(&folder, |builder| builder);
    fs::remove_file(folder.path().join("..data")).expect("removed");
    let failed = poller.refresh_now(LONG).expect_err("no link").to_string();
    let start = "the poll failed: cannot read the mount ";
    assert!(failed.starts_with(start), "{failed}");
    // A generation without files would empty the map.
    kubelet.swap(&[]).expect("swapped");
    let refused = poller.refresh_now(LONG).expect_err("it is empty");
    assert!(
        refused
            .to_string()
            .contains("would remove all 4 keys of the map"),
        "{refused}"
    );
    assert_eq!(files.len(), 4);
    kubelet.swap(&generation(3)).expect("swapped");
    assert!(poller.refresh_now(LONG).is_ok());
    assert_eq!(files.len(), 3);
}

#[test]
fn files_in_folders_have_their_path_as_key() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data = folder.path().join("..generation_1");
    fs::create_dir_all(data.join("tls/old")).expect("created");
    fs::write(data.join("tls/old/ca.crt"), "1").expect("written");
    std::os::unix::fs::symlink("..generation_1", folder.path().join("..data")).expect("linked");
    let (files, _poller) = polled(&folder, |builder| builder);
    assert_eq!(files.pin()["tls/old/ca.crt"][..], *b"1");
}
