//! What children play: cells under the policy that ends the process.

use std::sync::Arc;

use untorn::{OnOverlap, OverlapCell};

use crate::support::Valve;

type Cell = OverlapCell<Vec<String>>;

/// With a value that no report may show.
pub(crate) fn config() -> Cell {
    OverlapCell::named("config", vec!["correct horse".to_owned()])
}

/// So many threads named `first` hold `hold` open, another one comes.
fn meet<R: 'static>(cell: Cell, holders: usize, hold: fn(&Cell, &Valve), come: fn(&Cell) -> R) {
    let (cell, valve) = (Arc::new(cell), Valve::closed(holders));
    for _ in 0..holders {
        let (cell, valve) = (Arc::clone(&cell), Arc::clone(&valve));
        untorn::spawn("first", move || hold(&cell, &valve));
    }
    valve.wait_for(holders);
    let comer = untorn::spawn("second", move || drop(come(&cell)));
    comer.join().expect("not under the policy to exit");
}

fn read(cell: &Cell, valve: &Valve) {
    let _reading = cell.read();
    valve.pass();
}

fn write(cell: &Cell, valve: &Valve) {
    let _writing = cell.write();
    valve.pass();
}

pub(crate) fn play(body: &str) {
    let exiting = || config().on_overlap(OnOverlap::Exit);
    match body {
        "writer" => meet(exiting(), 1, read, |cell| drop(cell.write())),
        "reader" => meet(exiting(), 1, write, |cell| drop(cell.read())),
        "writes" => meet(exiting(), 1, write, |cell| drop(cell.take())),
        "many" => meet(exiting(), 5, read, |cell| drop(cell.write())),
        "usual" => meet(config(), 1, read, |cell| drop(cell.write())),
        "reentrant" => reentrant(&exiting()),
        "unnamed" => {
            let cell = OverlapCell::new(String::new()).on_overlap(OnOverlap::Exit);
            let _reading = cell.read();
            cell.replace("correct horse".to_owned());
        }
        "while unwinding" => {
            let cell = config();
            let _reading = cell.read();
            let _writes = WritesAtLast(&cell);
            panic!("the first");
        }
        _ => panic!("no such body: {body}"),
    }
}

fn reentrant(cell: &Cell) {
    let _writing = cell.write();
    assert!(cell.read().is_empty());
}

struct WritesAtLast<'c>(&'c Cell);

impl Drop for WritesAtLast<'_> {
    fn drop(&mut self) {
        self.0.write().clear();
    }
}
