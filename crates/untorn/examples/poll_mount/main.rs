//! Polls the files of a Kubernetes mount into a `Map`, as one generation.
//!
//! The obvious source is wrong:
//!
//! ```ignore
//! || Ok([("tls.crt", fs::read("/tls/tls.crt")?), ("tls.key", fs::read("/tls/tls.key")?)])
//! ```
//!
//! Each of the two paths is a link through `..data`, which is resolved at each `read`. If the mount
//! is swapped in between, the certificate is of one generation and the key of the next. The poller
//! commits both together, and no reader can tell: one commit of a torn read is a torn commit. The
//! source of this example ([`Mount`]) resolves `..data` once.
//!
//! ```sh
//! cargo run -p untorn --example poll_mount       # swaps a temporary mount, then exits
//! cargo run -p untorn --example poll_mount /tls  # follows a mount
//! ```

#[cfg(unix)]
mod kubelet;
#[cfg(unix)]
mod mount;

#[cfg(not(unix))]
fn main() {
    println!("skipped: a mount has links, which this example creates on Unix only");
}

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args_os().nth(1) {
        Some(path) => unix::follow(path.into()),
        None => unix::demo(),
    }
}

#[cfg(unix)]
mod unix {
    use std::error::Error;
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use untorn::{Change, Map, Poller};

    use super::kubelet::Kubelet;
    use super::mount::Mount;

    type Files = Map<Arc<str>, Arc<[u8]>>;

    const SWAPS: u64 = 300;

    /// Prints the changes of a mount until the process is interrupted.
    pub(crate) fn follow(path: PathBuf) -> Result<(), Box<dyn Error>> {
        let files = Arc::new(Files::named("mount"));
        let mut changes = files.subscribe();
        let _poller = Poller::every(Duration::from_secs(1), Mount::new(path))
            .named("mount poller")
            .on_failure(|failure| println!("contents unchanged: {failure}"))
            .start(&files)?;
        for step in &mut changes {
            println!("revision {}, {} files", step.to.revision(), step.to.len());
            // Without the value, which may be a secret.
            step.changes().for_each(|change| match change {
                Change::Added { key, .. } => println!("    {key} added"),
                Change::Changed { key, .. } => println!("    {key} changed"),
                Change::Removed { key, .. } => println!("    {key} removed"),
            });
        }
        Ok(())
    }

    /// Swaps a temporary mount while it is polled, and reads it the obvious way too.
    pub(crate) fn demo() -> Result<(), Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let mut kubelet = Kubelet::new(folder.path());
        let generation = |n| [("tls.crt", format!("{n}")), ("tls.key", format!("{n}"))];
        kubelet.swap(&generation(0))?;

        let files = Arc::new(Files::named("mount"));
        let poller = Poller::every(Duration::from_millis(1), Mount::new(folder.path()))
            .named("mount poller")
            .start(&files)?;
        poller.wait_until_fresh(Duration::from_secs(10))?;
        let swapped = thread::spawn(move || {
            (1..=SWAPS).try_for_each(|n| {
                thread::sleep(Duration::from_millis(1));
                kubelet.swap(&generation(n))
            })
        });
        let (mut reads, mut mixed) = (0_u64, 0_u64);
        while !swapped.is_finished() {
            reads += 1;
            mixed += u64::from(is_mixed(folder.path()));
            let view = files.pin();
            assert_eq!(view.get("tls.crt"), view.get("tls.key"), "two generations");
        }
        swapped.join().expect("no panic")?;
        poller.refresh_now(Duration::from_secs(10))?;
        let view = files.pin();
        let last = SWAPS.to_string();
        assert_eq!(view["tls.crt"][..], *last.as_bytes());
        println!("{SWAPS} swaps, {} revisions", view.revision());
        println!("views of two generations: 0 of {reads}");
        println!("obvious reads of two generations: {mixed} of {reads}");
        Ok(())
    }

    /// Reads both files through their links, and returns whether they are of two generations.
    fn is_mixed(mount: &Path) -> bool {
        let [certificate, key] = ["tls.crt", "tls.key"].map(|name| fs::read(mount.join(name)));
        matches!((certificate, key), (Ok(certificate), Ok(key)) if certificate != key)
    }
}
