//! `untorn why` on fresh crashes of programs, with the Go on the `PATH`.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

fn document(dump: &Path) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_untorn"))
        .args(["why", "--json"])
        .arg(dump)
        .output()
        .expect("the command runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn has_cause(explained: &Value, id: &str) -> bool {
    let causes = explained["causes"].as_array().expect("a list");
    causes.iter().any(|cause| cause["id"] == id)
}

/// Runs a program and returns its stderr; `None` if it did not crash in time.
fn crash_dump(program: &mut Command, dump: &Path) -> Option<String> {
    let stderr = fs::File::create(dump).expect("a file");
    let mut child = program
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .expect("it runs");
    let since = Instant::now();
    while child.try_wait().expect("a child process").is_none() {
        if since.elapsed() > Duration::from_secs(20) {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
    Some(fs::read_to_string(dump).expect("UTF-8"))
}

/// Builds a program. Prints why the test is skipped if that fails.
fn build(source: &Path, program: &Path) -> bool {
    let built = Command::new("go")
        .args(["build", "-o"])
        .args([program, source])
        .env("GOTOOLCHAIN", "local")
        .env("GO111MODULE", "off")
        .output();
    match built {
        Ok(built) if built.status.success() => true,
        Ok(built) => {
            println!(
                "skipped: `go build` does not work here: {}",
                String::from_utf8_lossy(&built.stderr)
            );
            false
        }
        Err(error) => {
            println!("skipped: no Go toolchain ({error}); only recorded dumps are tested");
            false
        }
    }
}

#[test]
fn fresh_crashes_are_explained() {
    let folder = tempfile::tempdir().expect("a folder");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (crash, note) = (folder.path().join("crash"), folder.path().join("note"));
    if !build(&tests.join("../untorn-why/tests/crash.go"), &crash) {
        return;
    }
    let source = tests.join("../../examples/note/main.go");
    assert!(build(&source, &note), "the other program could be built");
    // Program, its argument, function of the detecting goroutine, functions of a writer, a cause.
    let programs: [(&Path, &str, &str, &[&str], &str); 8] = [
        (
            &note,
            "1",
            "main.main.func2",
            &["main.main.func1"],
            "captured",
        ),
        (
            &crash,
            "copied-lock",
            "main.Settings.",
            &["main.Settings.Set", "main.copiedLock.func1"],
            "lock_copied",
        ),
        (
            &crash,
            "escaping-json",
            "main.serve",
            &["main.escapingGetter.func1", "main.(*Registry).Refresh"],
            "map_returned",
        ),
        (
            &crash,
            "escaping-log",
            "main.logAll",
            &["main.escapingGetter.func1", "main.(*Registry).Refresh"],
            "formatted",
        ),
        (
            &crash,
            "package-level",
            "main.",
            &["main.reloadLoop", "main.reload"],
            "refreshed_in_place",
        ),
        (
            &crash,
            "shared-header",
            "main.sharedHeader",
            &["main.sharedHeader.func1"],
            "shared_header",
        ),
        (
            &crash,
            "shared-struct",
            "main.",
            &["main.(*Cache).Put", "main.sharedStruct.func1"],
            "shared_struct",
        ),
        (&crash, "fan-out", "main.work", &["main.work"], "fan_out"),
    ];
    for (program, argument, noticing, writing, cause) in programs {
        let mut run = Command::new(program);
        run.arg(argument).env("GOTRACEBACK", "all");
        let file = folder.path().join(argument);
        let Some(dump) = crash_dump(&mut run, &file) else {
            println!("skipped: {argument} did not crash in time");
            continue;
        };
        let document = document(&file);
        let explained = &document["dumps"][0];
        let function = explained["known"][0]["function"]
            .as_str()
            .unwrap_or_default();
        assert!(
            function.starts_with(noticing),
            "{argument}: {function}\n{dump}"
        );
        assert_eq!(
            explained["unread"]["lines"], 0,
            "{argument}: {}\n{dump}",
            explained["unread"]
        );
        // A goroutine on another thread, or one that has not begun, has no usable stack.
        let writer = explained["writers"][0]["function"]
            .as_str()
            .unwrap_or_default();
        let one_began = cause == "fan_out" && dump.matches("main.work(").count() < 2;
        if dump.contains("stack unavailable") || one_began {
            println!(
                "{argument}: only the detecting goroutine is checked, as a stack is unavailable"
            );
            continue;
        }
        assert!(writing.contains(&writer), "{argument}: {writer}\n{dump}");
        // An inlined method does not show its type.
        if function.contains("(*") || cause != "shared_struct" {
            assert!(
                has_cause(explained, cause),
                "{argument}: {}\n{dump}",
                explained["causes"]
            );
        }
    }
}
