//! The tests of the command: each runs it as a user would, or checks the pages of the repository.

mod command;
mod json_schema;
mod live;
mod note_page;
mod why;
mod why_attribution;
mod why_go;
