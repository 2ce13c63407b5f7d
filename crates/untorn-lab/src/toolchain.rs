//! Go toolchains: which there are, and programs built with them.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A `go` that runs, and what it calls itself.
pub struct Toolchain {
    go: PathBuf,
    version: String,
}

impl Toolchain {
    /// The one on the `PATH`, or at a path; `None` if there is none.
    #[must_use]
    pub fn find(go: &Path) -> Option<Self> {
        let answer = command(go).args(["env", "GOVERSION"]).output().ok()?;
        let version = String::from_utf8(answer.stdout).ok()?.trim().to_string();
        (answer.status.success() && !version.is_empty()).then(|| Self {
            go: go.into(),
            version,
        })
    }

    /// Each that `UNTORN_GO` names, a list of paths, or else the one on the `PATH`. Says of each that is missing that it is
    /// skipped.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let paths = std::env::var_os("UNTORN_GO").unwrap_or_else(|| "go".into());
        std::env::split_paths(&paths)
            .filter_map(|go| {
                let found = Self::find(&go);
                if found.is_none() {
                    println!("skipped: there is no Go toolchain {}", go.display());
                }
                found
            })
            .collect()
    }

    /// Its release, such as `go1.23.9`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Builds the program in `folder`, a folder of this crate, as `program`.
    ///
    /// # Panics
    /// If it cannot be built: that is a fault, not a lack.
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

/// Nothing of the user's settings, and no other toolchain than this.
fn command(go: &Path) -> Command {
    let mut command = Command::new(go);
    command
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "")
        .env("GOWORK", "off")
        .env("CGO_ENABLED", "0");
    command
}
