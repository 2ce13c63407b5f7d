//! Runs a command whose calls of `membarrier` are rejected, as some sandboxes do. Then pins of
//! `untorn` execute a fence each. `.ci/strong-fences` runs tests by it.

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
))]
fn main() -> Result<std::convert::Infallible, Box<dyn std::error::Error>> {
    use std::collections::BTreeMap;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

    let mut arguments = std::env::args_os().skip(1);
    let program = arguments
        .next()
        .ok_or("no command; usage: without_membarrier COMMAND [ARGUMENT]...")?;
    let rules = BTreeMap::from([(libc::SYS_membarrier, Vec::new())]);
    let rejected = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let target = std::env::consts::ARCH.try_into()?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, rejected, target)?;
    apply_filter(&BpfProgram::try_from(filter)?)?;
    // The filter stays across `exec`.
    Err(Command::new(program).args(arguments).exec().into())
}

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
fn main() -> std::process::ExitCode {
    eprintln!("without_membarrier: needs Linux on x86-64 or AArch64");
    std::process::ExitCode::FAILURE
}
