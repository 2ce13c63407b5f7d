//! What this process has of the system: threads, descriptors, memory.

use std::fs;

/// Returns the number of threads.
pub(crate) fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("Linux").count()
}

/// Returns the number of open descriptors.
pub(crate) fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").expect("Linux").count()
}

/// Returns the number of open sockets.
pub(crate) fn sockets() -> usize {
    let files = fs::read_dir("/proc/self/fd").expect("Linux");
    let targets = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    targets
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

/// Returns the resident memory of a process in KiB.
pub(crate) fn resident(process: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number.and_then(|number| number.parse().ok()).expect("KiB")
}
