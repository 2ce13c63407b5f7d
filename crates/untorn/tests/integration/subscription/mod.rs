//! Subscriptions: what they show, how a wait ends, who is woken, and what a bad subscriber costs.

mod cost;
mod ends;
mod steps;
