//! Millions of accesses of threads that nothing holds back: which of them overlap is left to
//! chance. They stand here since the library's own tests are compiled without optimization.

mod no_false_positives;
mod race;
mod report_accuracy;
