//! Reads an input of any form and size, and finds the dumps in it.
//!
//! Each step hands lines on that are nearer to what Go printed, with their number in the input:
//! `bytes` (encodings, line ends), `entries` and `controls` (JSON, escapes, colors), `order`
//! (viewers that show the newest line first), `programs` and `prefix` (the prefixes of a log, and
//! which program a line is of), `lexer` and `joined`, `dumps`, `race`, `places` and `bounds`.

mod bounds;
mod bytes;
mod controls;
mod dumps;
mod entries;
mod joined;
mod lexer;
mod order;
mod places;
mod prefix;
mod programs;
mod race;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead};

use self::bytes::Physicals;
#[cfg(test)]
pub(crate) use self::lexer::call;
use self::order::Order;
use self::programs::Programs;
use crate::dump::{Input, Order as InputOrder};

/// The most dumps of one input that are explained; the others are counted.
const DUMPS: usize = 8;
const OTHERS: usize = 8;
const CUT: usize = 3;

/// Reads all of `input`.
pub(crate) fn read(input: impl BufRead) -> io::Result<Input> {
    let mut physicals = Physicals::new(input);
    let mut order = Order::default();
    let mut programs = Programs::default();
    let mut found = Input::default();
    let (mut lines, mut ready) = (vec![], vec![]);
    while let Some(physical) = physicals.next()? {
        found.lines = physical.number;
        if physical.cut && found.cut.len() < CUT {
            found.cut.push(physical.number);
        }
        entries::lines_of(physical, &mut lines);
        for line in lines.drain(..) {
            order.push(line, &mut ready);
        }
        for line in ready.drain(..) {
            programs.line(&line, &mut found);
        }
    }
    found.is_gzip = physicals.is_gzip();
    let newest_first = order.is_newest_first();
    order.finish(&mut ready);
    for line in ready.drain(..) {
        programs.line(&line, &mut found);
    }
    programs.finish(&mut found);
    found.order = match (newest_first, order.too_long) {
        (false, _) => InputOrder::OldestFirst,
        (true, false) => InputOrder::NewestFirst,
        (true, true) => InputOrder::NewestFirstAndTooLong,
    };
    found.arrange();
    Ok(found)
}
