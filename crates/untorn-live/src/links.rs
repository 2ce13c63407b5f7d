//! Paths from the root, and without links.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

/// The most links of a path, as on Linux; more are a loop.
const MAX_LINKS: usize = 40;

/// A path without its links.
#[derive(Debug, PartialEq)]
pub(crate) struct Resolved {
    /// The links that the path leads through, of files and of directories. The path of each one has
    /// no other link.
    pub(crate) links: Vec<PathBuf>,
    /// The file at the end, which may be missing.
    pub(crate) target: PathBuf,
}

/// Returns the path from the root, so that it stays that of one file if the working directory of
/// the process changes. An empty one stays as it is.
pub(crate) fn absolute(path: impl Into<PathBuf>) -> PathBuf {
    let path = path.into();
    std::path::absolute(&path).unwrap_or(path)
}

/// Follows the links of a path.
///
/// # Errors
/// If the path is empty, or there is no working directory.
pub(crate) fn resolve(path: &Path) -> io::Result<Resolved> {
    let mut rest = std::path::absolute(path)?;
    let mut resolved = Resolved {
        links: Vec::new(),
        target: PathBuf::new(),
    };
    loop {
        let mut components = rest.components();
        let Some(first) = components.next() else {
            return Ok(resolved);
        };
        let next = match first {
            Component::ParentDir => {
                // Not of a link: those before it are resolved.
                resolved.target.pop();
                rest = components.as_path().to_path_buf();
                continue;
            }
            first => resolved.target.join(first),
        };
        let tail = components.as_path();
        let is_end = tail.as_os_str().is_empty();
        match fs::read_link(&next) {
            Ok(target) if resolved.links.len() < MAX_LINKS => {
                if target.has_root() {
                    resolved.target.clear();
                }
                resolved.links.push(next);
                rest = if is_end { target } else { target.join(tail) };
            }
            _ => {
                rest = tail.to_path_buf();
                resolved.target = next;
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn each_link_of_a_chain_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let root = fs::canonicalize(folder.path()).expect("there");
        let at = |name: &str| root.join(name);
        fs::create_dir_all(at("v1/deep")).expect("created");
        symlink("v1", at("current")).expect("a link");
        symlink("../middle.toml", at("v1/app.toml")).expect("a link");
        symlink(at("v1/deep/../end.toml"), at("middle.toml")).expect("a link");
        let resolved = resolve(&at("./current/app.toml")).expect("absolute");
        let links = ["current", "v1/app.toml", "middle.toml"].map(at);
        // The end is missing.
        let expected = Resolved {
            links: links.into(),
            target: at("v1/end.toml"),
        };
        assert_eq!(resolved, expected);

        symlink("loop", at("loop")).expect("a link");
        let resolved = resolve(&at("loop")).expect("absolute");
        assert_eq!(resolved.links.len(), MAX_LINKS);
    }
}
