//! The note's scenario over every rival, by the code of `untorn demo rivals`, in interleaved rounds.
//!
//! `cargo bench -p untorn-lab --bench scenario [-- 1|2 papaya|untorn|…]`

use std::time::Duration;

use untorn_lab::contest::{rounds, spread};
use untorn_lab::filter::Filter;
use untorn_lab::rivals::{ENTRANTS, Entrant, Promise, Tally, Traffic};
use untorn_lab::sheet::{Sheet, print_header, ratio, time};

/// Of one play.
const TIME: Duration = Duration::from_millis(250);

fn main() {
    let names = ENTRANTS.map(|entrant| entrant.name);
    let filter = Filter::from_args(&[&["1", "2"], &names]);
    print_header();
    // The first is always there: the others are compared with it.
    let [first, ..] = names;
    let chosen: Vec<Entrant> = ENTRANTS
        .into_iter()
        .filter(|entrant| entrant.name == first || filter.takes(&[entrant.name]))
        .collect();
    for (readers, label) in [(1, "1"), (2, "2")] {
        if filter.takes(&[label]) {
            scenario(readers, &chosen);
        }
    }
}

fn scenario(readers: usize, entrants: &[Entrant]) {
    let traffic = Traffic {
        readers,
        time: TIME,
    };
    let mut order: Vec<usize> = (0..entrants.len()).collect();
    let mut tallies: Vec<Vec<Tally>> = vec![Vec::new(); entrants.len()];
    for _ in 0..rounds() {
        fastrand::shuffle(&mut order);
        for &i in &order {
            let tally = entrants[i].play(&traffic).expect("threads start");
            tallies[i].push(tally);
        }
    }

    let column = |cell: &dyn Fn(&Entrant, &[Tally]) -> String| {
        let rows = entrants.iter().zip(&tallies);
        let cells = rows.map(|(entrant, tallies)| {
            let name = format!("{} ({})", entrant.name, entrant.idiom);
            (name, cell(entrant, tallies))
        });
        cells.collect::<Vec<_>>()
    };
    let late = |tallies: &[Tally], which: fn(&Tally) -> Duration| {
        let [median, ..] = spread(tallies.iter().map(|tally| which(tally).as_secs_f64()));
        time(median * 1e9)
    };
    let mut sheet = Sheet::new(match readers {
        1 => "the note's scenario, 1 reader".into(),
        many => format!("the note's scenario, {many} readers"),
    });
    sheet.cells(
        "million pairs/s",
        column(&|_, tallies| {
            let [median, ..] = spread(tallies.iter().map(Tally::pairs_per_second));
            format!("{:.1}", median / 1e6)
        }),
    );
    sheet.cells(
        "rate, to the first row's",
        column(&|_, these| {
            let rounds = these.iter().zip(&tallies[0]);
            ratio(spread(rounds.map(|(this, first)| {
                this.pairs_per_second() / first.pairs_per_second()
            })))
        }),
    );
    sheet.cells(
        "pairs from two refreshes",
        column(&|entrant, tallies| {
            let sum = |which: fn(&Tally) -> u64| tallies.iter().map(which).sum::<u64>();
            let mut cell = format!(
                "{} in {} refreshes",
                sum(|tally| tally.torn),
                sum(|tally| tally.refreshes)
            );
            if entrant.promise == Promise::PerKey {
                cell += ", by design";
            }
            match sum(|tally| tally.missing) {
                0 => cell,
                missing => format!("{cell}; {missing} without a value"),
            }
        }),
    );
    sheet.cells(
        "refresh late by (median)",
        column(&|_, tallies| late(tallies, |tally| tally.late.median)),
    );
    sheet.cells(
        "p99",
        column(&|_, tallies| late(tallies, |tally| tally.late.p99)),
    );
    sheet.cells(
        "slowest read",
        column(&|_, tallies| late(tallies, |tally| tally.slowest)),
    );
    sheet.print();
}
