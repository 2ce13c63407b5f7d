//! Subscriptions: their transitions, the end of a wait, wakeups, and the cost of a bad subscriber.

mod cost;
mod ends;
mod filtered;
mod steps;
