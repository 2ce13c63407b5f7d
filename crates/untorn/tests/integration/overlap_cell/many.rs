//! One thread with thousands of guards at once: each is reported as if it were the only one.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::thread::scope;

use untorn::{Overlap, OverlapCell, ReadGuard, WriteGuard};

const CELLS: usize = 400;

enum Guard<'c> {
    Read(ReadGuard<'c, usize>),
    Write(WriteGuard<'c, usize>),
}

/// A guard that is held, with its cell and the line that took it.
struct Held<'c> {
    cell: usize,
    line: u32,
    guard: Guard<'c>,
}

/// A xorshift generator with a fixed seed, so that each run makes the same steps.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("below a usize")
    }
}

/// Takes a guard, on one of four lines.
fn take(cell: &OverlapCell<usize>, way: usize) -> Option<(u32, Guard<'_>)> {
    Some(match way {
        0 => (line!(), Guard::Read(cell.read())),
        1 => (line!(), Guard::Read(cell.try_read().ok()?)),
        2 => (line!(), Guard::Read(cell.try_read().ok()?)),
        _ => (line!(), Guard::Write(cell.try_write().ok()?)),
    })
}

/// The result of an attempt to write by a thread that has no other access.
type Attempt = Result<(), Box<Overlap>>;

/// The lines of the open accesses to each cell; `true` for a write.
type Model = BTreeMap<usize, Vec<(u32, bool)>>;

fn check(model: &Model, cell: usize, met: &Attempt) {
    match (model.get(&cell), met) {
        (None, Ok(())) => {}
        (Some(held), Err(overlap)) => {
            let at = overlap.other.location.expect("the access is open").line();
            assert!(held.iter().any(|&(line, _)| line == at), "{overlap}");
            let writes = overlap.other.operation.ends_with("write");
            assert_eq!(writes, held.iter().any(|&(_, writes)| writes));
            assert_eq!(overlap.additional_readers, held.len() - 1);
            assert_eq!(&*overlap.other.thread, "holder");
            assert!(!overlap.is_reentrant());
        }
        (held, met) => panic!("cell {cell}: {held:?}, but {met:?}"),
    }
}

#[test]
fn each_of_thousands_of_guards_is_reported() {
    let cells: Vec<_> = (0..CELLS).map(OverlapCell::new).collect();
    let (request, requests) = mpsc::channel::<usize>();
    let (answer, answers) = mpsc::channel::<Attempt>();
    scope(|s| {
        let held_cells = &cells;
        let holder = untorn::spawn_scoped(s, "holder", move || {
            hold(held_cells, &|cell| {
                request.send(cell).expect("the receiver is alive");
                answers.recv().expect("an answer to each")
            });
        });
        for cell in requests {
            let met = cells[cell].try_write().map(drop);
            answer.send(met).expect("the holder waits");
        }
        holder.join().expect("no panic");
    });
    for cell in &cells {
        assert!(cell.try_write().is_ok(), "a guard is still held");
    }
}

/// Takes and drops guards at random, thousands at once, while the other thread tries the cells of
/// the first, a middle and the last one.
fn hold(cells: &[OverlapCell<usize>], attempt: &dyn Fn(usize) -> Attempt) {
    let mut random = Random(265);
    let (mut held, mut model): (Vec<Held<'_>>, _) = (Vec::new(), Model::new());
    let mut most = 0;
    // Phases that mostly take guards alternate with phases that mostly drop them.
    for step in 0..24_000 {
        let grows = step / 6_000 % 2 == 0;
        if held.is_empty() || random.below(10) < if grows { 9 } else { 1 } {
            let cell = random.below(CELLS);
            // A write beside a read would be reported, so every tenth cell is only written.
            let way = if cell.is_multiple_of(10) {
                3
            } else {
                random.below(3)
            };
            if let Some((line, guard)) = take(&cells[cell], way) {
                let writes = matches!(guard, Guard::Write(_));
                model.entry(cell).or_default().push((line, writes));
                held.push(Held { cell, line, guard });
            } else {
                assert!(model.contains_key(&cell));
            }
        } else {
            let which = [0, held.len() / 2, held.len() - 1, random.below(held.len())];
            let dropped = held.swap_remove(which[random.below(4)]);
            forget(&mut model, &dropped);
        }
        most = most.max(held.len());
        if step % 50 == 0 {
            let kept = [0, held.len() / 2, held.len().saturating_sub(1)];
            let kept = kept.iter().filter_map(|&kept| held.get(kept));
            let requests: Vec<_> = kept.map(|held| held.cell).collect();
            for cell in requests.into_iter().chain([random.below(CELLS)]) {
                check(&model, cell, &attempt(cell));
            }
        }
    }
    assert!(most > 4_000, "{most} guards at once");
    let all = held.iter().all(|held| match &held.guard {
        Guard::Read(value) => **value == held.cell,
        Guard::Write(value) => **value == held.cell,
    });
    assert!(all, "each guard refers to its cell");
}

fn forget(model: &mut Model, dropped: &Held<'_>) {
    let writes = matches!(dropped.guard, Guard::Write(_));
    let lines = model.get_mut(&dropped.cell).expect("the guard was held");
    let place = lines
        .iter()
        .position(|&held| held == (dropped.line, writes));
    lines.swap_remove(place.expect("on that line"));
    if lines.is_empty() {
        model.remove(&dropped.cell);
    }
}

/// Holds the first, a middle and the last of thousands while the others are dropped: each report
/// names the line of its guard.
#[test]
fn the_first_and_the_last_guard_keep_their_lines() {
    const GUARDS: usize = 5_000;
    let cells: Vec<_> = (0..GUARDS).map(OverlapCell::new).collect();
    let kept = [0, GUARDS / 2, GUARDS - 1];
    let orders: [fn(&mut Vec<usize>) -> usize; 3] = [
        |left| left.pop().expect("one is left"),
        |left| left.remove(0),
        |left| left.swap_remove(left.len() / 2),
    ];
    for next in orders {
        let mut lines = BTreeMap::new();
        let mut held = BTreeMap::new();
        for (number, cell) in cells.iter().enumerate() {
            let (line, guard) = match number {
                0 => (line!(), cell.read()),
                number if number == GUARDS / 2 => (line!(), cell.read()),
                number if number == GUARDS - 1 => (line!(), cell.read()),
                _ => (line!(), cell.read()),
            };
            lines.insert(number, line);
            held.insert(number, guard);
        }
        let mut left: Vec<_> = (0..GUARDS).filter(|n| !kept.contains(n)).collect();
        while !left.is_empty() {
            for number in kept {
                let overlap = cells[number]
                    .try_write()
                    .map(drop)
                    .expect_err("the guard is held");
                let at = overlap.other.location.expect("the access is open").line();
                assert_eq!((at, overlap.additional_readers), (lines[&number], 0));
            }
            for _ in 0..500.min(left.len()) {
                let number = next(&mut left);
                assert!(cells[number].try_write().is_err());
                held.remove(&number);
                assert!(cells[number].try_write().is_ok());
            }
        }
    }
}
