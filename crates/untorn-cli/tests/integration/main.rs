//! The tests of the command: each starts it as a user would, or reads the pages of the repository.

mod command;
mod documents;
mod the_note;
mod why;
mod why_go;
mod why_who;
