//! Regular files. Another one may block the thread that opens it, as a pipe does, or have no end,
//! as a device does.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::Path;

/// Opens a regular file.
///
/// # Errors
/// Of [`check`], or if the file cannot be opened.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Opening a pipe would block.
    check(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    check(&file.metadata()?)?;
    Ok(file)
}

/// Returns an error unless a file can be read without waiting for another process, as a pipe may.
pub(crate) fn check(metadata: &Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        let message = "it is a directory";
        return Err(io::Error::new(io::ErrorKind::IsADirectory, message));
    }
    match metadata.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("it is not a regular file")),
    }
}
