//! `untorn why` on programs that die here and now, under the Go on the `PATH`.

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
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

fn has_cause(told: &Value, id: &str) -> bool {
    let causes = told["causes"].as_array().expect("a list");
    causes.iter().any(|cause| cause["id"] == id)
}

/// What a program prints to stderr until it dies; `None` if it goes on for too long.
fn dies(program: &mut Command, dump: &Path) -> Option<String> {
    let stderr = fs::File::create(dump).expect("a file");
    let mut child = program
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .expect("it runs");
    let since = Instant::now();
    while child.try_wait().expect("it can be asked").is_none() {
        if since.elapsed() > Duration::from_secs(20) {
            child.kill().expect("it can be ended");
            child.wait().expect("it ends");
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
    Some(fs::read_to_string(dump).expect("UTF-8"))
}

/// Builds one of our programs, or says why that is left out.
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
            println!("skipped: there is no Go toolchain ({error}), so the recorded dumps must do");
            false
        }
    }
}

#[test]
fn programs_that_die_here_and_now_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (crash, note) = (folder.path().join("crash"), folder.path().join("note"));
    if !build(&tests.join("tests/why/crash.go"), &crash) {
        return;
    }
    let source = tests.join("../../examples/note/main.go");
    assert!(build(&source, &note), "the other program could be built");
    // Program, its argument, what the goroutine that notices runs, what a writer may be seen in, a cause.
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
        let Some(dump) = dies(&mut run, &file) else {
            println!("skipped: {argument} did not die in its time");
            continue;
        };
        let document = document(&file);
        let told = &document["dumps"][0];
        let function = told["known"][0]["function"].as_str().unwrap_or_default();
        assert!(
            function.starts_with(noticing),
            "{argument}: {function}\n{dump}"
        );
        assert_eq!(
            told["unread"]["lines"], 0,
            "{argument}: {}\n{dump}",
            told["unread"]
        );
        // A goroutine caught on another thread, or before it began, leaves less to say.
        let writer = told["writers"][0]["function"].as_str().unwrap_or_default();
        let one_began = cause == "fan_out" && dump.matches("main.work(").count() < 2;
        if dump.contains("stack unavailable") || one_began {
            println!(
                "{argument}: only the side that noticed is checked, not all stacks were available"
            );
            continue;
        }
        assert!(writing.contains(&writer), "{argument}: {writer}\n{dump}");
        // Inlined, a method does not show whose it is.
        if function.contains("(*") || cause != "shared_struct" {
            assert!(
                has_cause(told, cause),
                "{argument}: {}\n{dump}",
                told["causes"]
            );
        }
    }
}
