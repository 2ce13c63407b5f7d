//! Subscriptions: what they show, how a wait ends, who is woken, and what a bad subscriber costs.

#[path = "subscription/cost.rs"]
mod cost;
#[path = "subscription/ends.rs"]
mod ends;
#[path = "subscription/steps.rs"]
mod steps;
#[path = "support/watchdog.rs"]
mod watchdog;
