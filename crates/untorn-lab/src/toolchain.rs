//! Finds Go toolchains and builds programs with them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// An executable `go` and its release.
pub struct Toolchain {
    go: PathBuf,
    version: String,
}

impl Toolchain {
    /// Finds the `go` at a path, or on the `PATH`; `None` if it cannot be run.
    #[must_use]
    pub fn find(go: &Path) -> Option<Self> {
        let answer = command(go).args(["env", "GOVERSION"]).output().ok()?;
        let version = String::from_utf8(answer.stdout).ok()?.trim().to_string();
        (answer.status.success() && !version.is_empty()).then(|| Self {
            go: go.into(),
            version,
        })
    }

    /// Returns the toolchains listed in `UNTORN_GO` (paths separated as in `PATH`), or else the
    /// `go` on the `PATH`. Prints a line for each one that is missing and skipped.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let paths = std::env::var_os("UNTORN_GO").unwrap_or_else(|| "go".into());
        std::env::split_paths(&paths)
            .filter_map(|go| {
                let found = Self::find(&go);
                if found.is_none() {
                    println!("skipped: no Go toolchain at {}", go.display());
                }
                found
            })
            .collect()
    }

    /// Returns the release, such as `go1.23.9`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Builds the program in `folder`, a folder of this crate, as `program`.
    ///
    /// # Panics
    /// Panics if the build fails: that is a bug, not a missing toolchain.
    pub fn build(&self, folder: &str, program: &Path) {
        let built = command(&self.go)
            .args(["build", "-o"])
            .args([program, Path::new(".")])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
            .output()
            .expect("`go` runs");
        let errors = String::from_utf8_lossy(&built.stderr);
        assert!(
            built.status.success(),
            "`go build` of {folder} failed: {errors}"
        );
    }
}

/// Returns a `go` command that ignores the user's settings and downloads no toolchain.
fn command(go: &Path) -> Command {
    let mut command = Command::new(go);
    command
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "")
        .env("GOWORK", "off")
        .env("CGO_ENABLED", "0");
    command
}
