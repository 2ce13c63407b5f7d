//! `OverlapCell`: who meets whom, what is told of it, and what guards may do.

#[path = "overlap_cell/child.rs"]
mod body;
#[path = "overlap_cell/forgotten.rs"]
mod forgotten;
#[path = "overlap_cell/guards.rs"]
mod guards;
#[path = "overlap_cell/many.rs"]
mod many;
#[path = "overlap_cell/model.rs"]
mod model;
#[path = "overlap_cell/pairs.rs"]
mod pairs;
#[path = "overlap_cell/race.rs"]
mod race;
#[path = "overlap_cell/reports.rs"]
mod reports;
mod support;

/// Not a test by itself: what the other tests run in a process of its own.
#[test]
fn child() {
    if let Some(name) = support::child::body() {
        body::play(&name);
        // Whoever reads this sees that no report came.
        println!("alive");
    }
}
