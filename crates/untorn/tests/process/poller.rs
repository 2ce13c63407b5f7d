//! A poller leaves no thread behind. The test has a process of its own, so that it counts no other
//! threads.

#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_left_behind() {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use untorn::{Map, Poller};

    const LONG: Duration = Duration::from_secs(60);

    if !crate::support::child::alone() {
        return;
    }

    let threads = || {
        let tasks = std::fs::read_dir("/proc/self/task").expect("the threads of this process");
        let name = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
        };
        tasks.filter_map(name).collect::<Vec<_>>()
    };
    let ours = |threads: &[String]| threads.iter().filter(|name| *name == "a poller\n").count();

    let wait_until = |condition: &dyn Fn(&[String]) -> bool| {
        let start = Instant::now();
        while !condition(&threads()) {
            assert!(start.elapsed() < LONG, "{:?}", threads());
            std::thread::yield_now();
        }
    };

    let before = threads().len();
    // A deadline needs a second thread.
    for (fails, with_deadline) in [(false, false), (true, false), (false, true), (true, true)] {
        let config = Arc::new(Map::new());
        let pollers: Vec<_> = (0..20)
            .map(|n| {
                let source = move || match fails {
                    false => Ok([(n, n)]),
                    true => Err("no"),
                };
                let builder = Poller::every(Duration::from_millis(1), source).named("a poller");
                let builder = match with_deadline {
                    false => builder,
                    true => builder.deadline(LONG),
                };
                builder.start(&config).expect("a thread")
            })
            .collect();
        for poller in &pollers {
            assert_eq!(poller.refresh_now(LONG).is_err(), fails);
        }
        // A new thread has its name a moment later.
        let expected = if with_deadline { 40 } else { 20 };
        wait_until(&|threads| ours(threads) == expected && threads.len() <= before + expected);
        drop(pollers);
        // The kernel may take a moment to remove a joined thread.
        wait_until(&|threads| ours(threads) == 0 && threads.len() <= before);
    }
}

#[cfg(not(target_os = "linux"))]
#[test]
fn no_thread_is_left_behind() {
    println!("skipped: only Linux reports the number of threads");
}
