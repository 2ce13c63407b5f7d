//! The bodies of the children: cells under the policy that ends the process.

use std::sync::Arc;

use untorn::{OnOverlap, OverlapCell};

use crate::support::Latch;

type Cell = OverlapCell<Vec<String>>;

/// Returns a cell with a value that no report may show.
pub(crate) fn config() -> Cell {
    OverlapCell::named("config", vec!["correct horse".to_owned()])
}

/// Holds an access open on `holders` threads named `first` while another thread accesses the cell.
fn force_overlap<R: 'static>(
    cell: Cell,
    holders: usize,
    hold: fn(&Cell, &Latch),
    access: fn(&Cell) -> R,
) {
    let (cell, latch) = (Arc::new(cell), Latch::closed(holders));
    for _ in 0..holders {
        let (cell, latch) = (Arc::clone(&cell), Arc::clone(&latch));
        untorn::spawn("first", move || hold(&cell, &latch));
    }
    latch.wait_for(holders);
    let second = untorn::spawn("second", move || drop(access(&cell)));
    second.join().expect("not under the policy to exit");
}

fn read(cell: &Cell, latch: &Latch) {
    let _reading = cell.read();
    latch.pass();
}

fn write(cell: &Cell, latch: &Latch) {
    let _writing = cell.write();
    latch.pass();
}

pub(crate) fn run_body(body: &str) {
    let exiting = || config().on_overlap(OnOverlap::Exit);
    match body {
        "writer" => force_overlap(exiting(), 1, read, |cell| drop(cell.write())),
        "reader" => force_overlap(exiting(), 1, write, |cell| drop(cell.read())),
        "writes" => force_overlap(exiting(), 1, write, |cell| drop(cell.take())),
        "many" => force_overlap(exiting(), 5, read, |cell| drop(cell.write())),
        "usual" => force_overlap(config(), 1, read, |cell| drop(cell.write())),
        "reentrant" => reentrant(&exiting()),
        "unnamed" => {
            let cell = OverlapCell::new(String::new()).on_overlap(OnOverlap::Exit);
            let _reading = cell.read();
            cell.replace("correct horse".to_owned());
        }
        "while unwinding" => {
            let cell = config();
            let _reading = cell.read();
            let _write_on_drop = WriteOnDrop(&cell);
            panic!("the first");
        }
        _ => panic!("unknown body: {body}"),
    }
}

fn reentrant(cell: &Cell) {
    let _writing = cell.write();
    assert!(cell.read().is_empty());
}

struct WriteOnDrop<'c>(&'c Cell);

impl Drop for WriteOnDrop<'_> {
    fn drop(&mut self) {
        self.0.write().clear();
    }
}
