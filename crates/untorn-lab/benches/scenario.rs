//! The note's scenario over every rival, with the code of `untorn demo rivals`, in interleaved
//! rounds.
//!
//! `cargo bench -p untorn-lab --bench scenario [-- 1|2 papaya|untorn|…]`

use std::time::Duration;

use untorn_lab::compare::{interleave, rounds, spread};
use untorn_lab::filter::Filter;
use untorn_lab::markdown::{MarkdownTable, print_header, ratio, time};
use untorn_lab::rivals::{CONTENDERS, Contender, Guarantee, Measurement, Traffic};

/// The duration of one run.
const TIME: Duration = Duration::from_millis(250);

fn main() {
    let names = CONTENDERS.map(|contender| contender.name);
    let filter = Filter::from_args(&[&["1", "2"], &names]);
    print_header();
    // The first is always included: it is the baseline.
    let [first, ..] = names;
    let chosen: Vec<Contender> = CONTENDERS
        .into_iter()
        .filter(|contender| contender.name == first || filter.selects(&[contender.name]))
        .collect();
    for (readers, label) in [(1, "1"), (2, "2")] {
        if filter.selects(&[label]) {
            scenario(readers, &chosen);
        }
    }
}

fn scenario(readers: usize, contenders: &[Contender]) {
    let traffic = Traffic {
        readers,
        time: TIME,
    };
    let mut all: Vec<usize> = (0..contenders.len()).collect();
    let mut measurements: Vec<Vec<Measurement>> = vec![Vec::new(); contenders.len()];
    interleave(rounds(), &mut all, |&mut i| {
        let measurement = contenders[i].play(&traffic).expect("threads start");
        measurements[i].push(measurement);
    });

    let column = |cell: &dyn Fn(&Contender, &[Measurement]) -> String| {
        let rows = contenders.iter().zip(&measurements);
        let cells = rows.map(|(contender, measurements)| {
            let name = format!("{} ({})", contender.name, contender.idiom);
            (name, cell(contender, measurements))
        });
        cells.collect::<Vec<_>>()
    };
    let late = |measurements: &[Measurement], which: fn(&Measurement) -> Duration| {
        let [median, ..] = spread(
            measurements
                .iter()
                .map(|measurement| which(measurement).as_secs_f64()),
        );
        time(median * 1e9)
    };
    let mut table = MarkdownTable::new(match readers {
        1 => "the note's scenario, 1 reader".into(),
        many => format!("the note's scenario, {many} readers"),
    });
    table.cells(
        "million pairs/s",
        column(&|_, measurements| {
            let [median, ..] = spread(measurements.iter().map(Measurement::pairs_per_second));
            format!("{:.1}", median / 1e6)
        }),
    );
    table.cells(
        "rate, to the first row's",
        column(&|_, these| {
            let rounds = these.iter().zip(&measurements[0]);
            ratio(spread(rounds.map(|(this, first)| {
                this.pairs_per_second() / first.pairs_per_second()
            })))
        }),
    );
    table.cells(
        "pairs from two refreshes",
        column(&|contender, measurements| {
            let sum = |which: fn(&Measurement) -> u64| measurements.iter().map(which).sum::<u64>();
            let mut cell = format!(
                "{} in {} refreshes",
                sum(|measurement| measurement.torn),
                sum(|measurement| measurement.refreshes)
            );
            if contender.guarantee == Guarantee::PerKey {
                cell += ", by design";
            }
            match sum(|measurement| measurement.missing) {
                0 => cell,
                missing => format!("{cell}; {missing} without a value"),
            }
        }),
    );
    table.cells(
        "refresh late by (median)",
        column(&|_, measurements| late(measurements, |measurement| measurement.late.median)),
    );
    table.cells(
        "p99",
        column(&|_, measurements| late(measurements, |measurement| measurement.late.p99)),
    );
    table.cells(
        "slowest read",
        column(&|_, measurements| late(measurements, |measurement| measurement.slowest)),
    );
    table.print();
}
