//! A copy of the repository with the patches of `mutants/` applied: they put hooks into files whose
//! source has none, because their correctness is argued line by line.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::root;

/// One patch: the file that it changes, below the root, and its text.
pub(crate) struct Patch {
    pub(crate) name: String,
    pub(crate) file: PathBuf,
    pub(crate) text: String,
}

impl Patch {
    fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let file = text.lines().find_map(|line| line.strip_prefix("+++ b/"));
        let file = file.context("there is no line that begins with `+++ b/`")?;
        let name = path.file_name().context("a patch has a name")?;
        Ok(Self {
            name: name.to_string_lossy().into(),
            file: file.into(),
            text,
        })
    }

    /// Returns the changed text of its file.
    pub(crate) fn apply(&self) -> Result<String> {
        let source = fs::read_to_string(root().join(&self.file))?;
        let patch = diffy::Patch::from_str(&self.text)?;
        Ok(diffy::apply(&source, &patch)?)
    }
}

/// Returns all patches, in the order of their names.
pub(crate) fn patches() -> Result<Vec<Patch>> {
    let entries = fs::read_dir(root().join("mutants"))?;
    let paths: std::io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "patch")
    });
    paths.sort_unstable();
    let read = |path: &PathBuf| Patch::read(path).with_context(|| path.display().to_string());
    paths.iter().map(read).collect()
}

/// Brings `target/mutants/tree` up to date and returns its path. Files that are equal keep their
/// time, so that cargo compiles nothing again.
pub(crate) fn prepare() -> Result<PathBuf> {
    let root = root();
    let tree = root.join("target/mutants/tree");
    let patches = patches()?;
    let mut files = Vec::new();
    list(&root, Path::new(""), &mut files)?;
    for file in &files {
        let patch = patches.iter().find(|patch| patch.file == *file);
        let contents = match patch {
            Some(patch) => patch
                .apply()
                .with_context(|| format!("mutants/{} does not apply any more", patch.name))?
                .into_bytes(),
            None => fs::read(root.join(file))?,
        };
        write_if_changed(&tree.join(file), &contents)?;
    }
    remove_others(&tree, &root)?;
    Ok(tree)
}

/// Lists the files below `folder` of the repository, without build output and what git stores.
fn list(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            files.push(path);
        } else if entry.file_name() != "target" && entry.file_name() != ".git" {
            list(root, &path, files)?;
        }
    }
    Ok(())
}

fn write_if_changed(path: &Path, contents: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|found| found == contents) {
        return Ok(());
    }
    let folder = path.parent().context("a file stands in a folder")?;
    fs::create_dir_all(folder)?;
    fs::write(path, contents).with_context(|| path.display().to_string())
}

/// Removes what the repository does not have any more.
fn remove_others(folder: &Path, original: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let original = original.join(path.file_name().context("an entry has a name")?);
        if path.file_name().is_some_and(|name| name == "target") {
            continue;
        }
        if path.is_dir() {
            if original.is_dir() {
                remove_others(&path, &original)?;
            } else {
                fs::remove_dir_all(&path)?;
            }
        } else if !original.exists() && path.file_name().is_some_and(|name| name != "Cargo.lock") {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::patches;

    #[test]
    fn every_patch_applies() {
        let patches = patches().expect("the folder of patches");
        assert!(!patches.is_empty());
        for patch in patches {
            let applied = patch.apply();
            assert!(
                applied.is_ok(),
                "mutants/{}: {:?}",
                patch.name,
                applied.err()
            );
        }
    }
}
