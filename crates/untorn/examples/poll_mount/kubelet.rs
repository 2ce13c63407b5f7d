//! The steps by which Kubernetes replaces the files of a mount.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The writer of a mount.
pub(crate) struct Kubelet {
    mount: PathBuf,
    generation: u64,
}

impl Kubelet {
    pub(crate) fn new(mount: impl Into<PathBuf>) -> Self {
        Self {
            mount: mount.into(),
            generation: 0,
        }
    }

    fn folder(&self) -> PathBuf {
        self.mount.join(format!("..generation_{}", self.generation))
    }

    /// Replaces all files, which have no folders here: writes them into a new folder, renames a
    /// link to it over `..data`, adapts the links that users open, and deletes the old folder.
    pub(crate) fn swap(&mut self, files: &[(&str, String)]) -> io::Result<()> {
        let old = self.folder();
        self.generation += 1;
        let new = self.folder();
        fs::create_dir(&new)?;
        for (name, contents) in files {
            fs::write(new.join(name), contents)?;
        }
        let link = self.mount.join("..data_tmp");
        symlink(new.file_name().unwrap_or_default(), &link)?;
        fs::rename(&link, self.mount.join("..data"))?;
        for (name, _) in files {
            let target = Path::new("..data").join(name);
            match symlink(target, self.mount.join(name)) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
        }
        match fs::remove_dir_all(old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
