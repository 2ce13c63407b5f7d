//! A service that reloads on `SIGHUP`, and ends on `SIGTERM` or `SIGINT`.
//!
//! The store follows its file by itself; the signal is for operators that want an answer: `SIGHUP`
//! reads all sources now and logs what has changed, or what is refused and why. On `SIGTERM` the
//! store is dropped: its threads are joined, for at most five seconds, even if a source hangs.
//!
//! ```text
//! $ cargo run -p untorn-live-examples --example signals -- app.toml &
//! serving revision 1, 2 keys
//! $ sed -i 's/80/81/' app.toml; kill -HUP %1
//! reloaded: revision 2, 2 keys
//! $ echo 'port = ' >> app.toml; kill -HUP %1
//! reload refused, serving revision 2: app.toml:3: …
//! $ kill %1
//! ended
//! ```

#[cfg(not(unix))]
fn main() {
    println!("skipped: there are no signals here");
}

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1);
    unix::run(path.unwrap_or_else(|| "app.toml".into()).as_ref())
}

#[cfg(unix)]
mod unix {
    use std::error::Error;
    use std::path::Path;
    use std::time::Duration;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    use untorn_live::Store;

    /// How long a signal waits for the sources.
    const TIMEOUT: Duration = Duration::from_secs(10);

    pub(crate) fn run(path: &Path) -> Result<(), Box<dyn Error>> {
        // Before anything else: a signal without a handler ends the process.
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
        let store = Store::builder().file(path).start()?;
        store.ready(TIMEOUT)?;
        eprintln!("serving {}", store.status());
        // A service starts its threads here; each has a clone of the store, and is joined below.

        for signal in signals.forever() {
            if signal != SIGHUP {
                break;
            }
            match store.refresh(TIMEOUT) {
                Ok(_) => eprintln!("reloaded: {}", store.status()),
                Err(error) => {
                    let revision = store.pin().revision();
                    eprintln!("reload refused, serving revision {revision}: {error}");
                }
            }
        }
        drop(store);
        eprintln!("ended");
        Ok(())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::env;
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::unix::run;

    /// The environment variable that has the file of the child process.
    const FILE: &str = "SIGNALS_FILE";

    /// Runs the example, in a process of its own; without the variable it does nothing.
    #[test]
    fn child() {
        if let Some(path) = env::var_os(FILE) {
            run(path.as_ref()).expect("it runs");
        }
    }

    /// Killed when it is dropped.
    struct Service(Child);

    impl Service {
        fn kill(&self, signal: &str) {
            let mut kill = Command::new("kill");
            let killed = kill.args([signal, &self.0.id().to_string()]).status();
            assert!(killed.expect("a `kill`").success());
        }
    }

    impl Drop for Service {
        fn drop(&mut self) {
            // An error means that it has ended.
            _ = self.0.kill();
            _ = self.0.wait();
        }
    }

    #[test]
    fn signals_reload_and_end_the_service() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.toml");
        let save = |text: &str| {
            let new = folder.path().join("app.new");
            fs::write(&new, text).expect("written");
            fs::rename(new, &path).expect("renamed");
        };
        save("port = 80\n");
        let mut command = Command::new(env::current_exe().expect("this binary has a path"));
        command.args(["--exact", "tests::child", "--nocapture"]);
        command.env(FILE, &path).stdout(Stdio::null());
        command.stderr(Stdio::piped()).stdin(Stdio::null());
        let mut service = Service(command.spawn().expect("it starts"));
        let mut log = BufReader::new(service.0.stderr.take().expect("piped")).lines();
        let mut line = || log.next().expect("a line").expect("a text");
        assert_eq!(line(), "serving revision 1, 1 keys");

        save("port = 81\nhost = \"db1\"\n");
        service.kill("-HUP");
        assert_eq!(line(), "reloaded: revision 2, 2 keys");

        save("port = 82\nhost = \n");
        service.kill("-HUP");
        let expected = format!("reload refused, serving revision 2: {}:2: ", path.display());
        let refused = line();
        assert!(refused.starts_with(&expected), "{refused}");

        service.kill("-TERM");
        assert_eq!(line(), "ended");
        assert!(service.0.wait().expect("it ends").success());
    }
}
