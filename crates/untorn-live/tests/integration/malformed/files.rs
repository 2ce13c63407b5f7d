//! Things in the place of a file that are none.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread;

use untorn_live::ErrorKind::{Guard, Unreadable};
use untorn_live::Store;
use untorn_live::layer::Mount;

use super::{Victim, Wrong};
use crate::support::child::unprivileged;
use crate::support::programs::run;
use crate::support::{HOUR, LONG, beside, folder};

fn victim() -> Victim {
    Victim::start("toml", |builder| builder)
}

fn wrong(message: &str) -> Wrong<'_> {
    Wrong::new("toml", "", Unreadable).message(message)
}

#[test]
fn sparse_gigabyte_is_not_read() {
    let wrong = wrong("the file has 1073741824 bytes; the limit is 67108864");
    victim().refuses(&wrong, |victim| {
        let new = beside(&victim.path);
        let file = fs::File::create(&new).expect("created");
        file.set_len(1 << 30).expect("sparse");
        fs::rename(new, &victim.path).expect("renamed");
    });
}

#[test]
fn missing_file_is_refused() {
    victim().refuses(&wrong("there is no such file"), |victim| {
        fs::remove_file(&victim.path).expect("removed");
    });
}

#[test]
fn directory_is_refused() {
    victim().refuses(&wrong("it is a directory"), |victim| {
        fs::remove_file(&victim.path).expect("removed");
        fs::create_dir(&victim.path).expect("created");
    });
}

#[test]
fn link_to_nowhere_is_refused() {
    victim().refuses(&wrong("there is no such file"), |victim| {
        symlink("nowhere.toml", beside(&victim.path)).expect("a link");
        fs::rename(beside(&victim.path), &victim.path).expect("renamed");
    });
}

#[test]
fn link_to_itself_is_refused() {
    victim().refuses(&wrong("cannot read the file"), |victim| {
        symlink(&victim.path, beside(&victim.path)).expect("a link");
        fs::rename(beside(&victim.path), &victim.path).expect("renamed");
    });
}

/// Opening a pipe waits for a writer.
#[test]
fn pipe_is_refused() {
    victim().refuses(&wrong("it is not a regular file"), |victim| {
        fs::remove_file(&victim.path).expect("removed");
        run("mkfifo", &[victim.path.to_str().expect("UTF-8")]);
    });
}

#[test]
fn pipe_in_a_mount_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("port"), "80").expect("written");
    let mount = Mount::at(folder.path()).period(HOUR);
    let store = Store::builder().layer(mount).start().expect("threads");
    store.ready(LONG).expect("a directory");
    let pipe = folder.path().join("pipe");
    run("mkfifo", &[pipe.to_str().expect("UTF-8")]);
    let error = store.refresh(LONG).expect_err("a pipe").to_string();
    assert!(error.contains("pipe: it is not a regular file"), "{error}");
    assert_eq!(store.pin().get_as::<u16>("port"), Ok(80));
    fs::remove_file(pipe).expect("removed");
    store.refresh(LONG).expect("a directory of files");
    // The end waits for nothing.
    let end = thread::spawn(move || drop(store));
    end.join().expect("the store ends");
}

#[test]
fn file_without_permission_is_refused() {
    unprivileged(
        "malformed::files::file_without_permission_is_refused",
        || {
            victim().refuses(&wrong("ermission denied"), |victim| {
                let permissions = fs::Permissions::from_mode(0o000);
                fs::set_permissions(&victim.path, permissions).expect("set");
            });
        },
    );
}

#[test]
fn directory_without_permission_is_refused() {
    unprivileged(
        "malformed::files::directory_without_permission_is_refused",
        || {
            let victim = victim();
            let folder = victim.path.parent().expect("a folder").to_path_buf();
            let set = |mode| fs::set_permissions(&folder, fs::Permissions::from_mode(mode));
            set(0).expect("set");
            let error = victim.store.refresh(LONG).expect_err("it is closed");
            set(0o700).expect("set");
            assert_eq!(error.kind(), Unreadable);
            assert!(error.message().contains("ermission denied"), "{error}");
            victim.recovers();
        },
    );
}

#[test]
fn document_without_keys_is_refused() {
    for (extension, text) in [
        ("toml", "# none"),
        ("json", "{}"),
        ("yaml", "# none\n"),
        ("yaml", "---\n"),
    ] {
        let wrong = Wrong::new(extension, text, Guard).message("refused to remove");
        super::refuses(&wrong, |builder| builder);
    }
}
