//! The keys of a document.

use super::{Content, MAX_DEPTH, Node, too_deep};
use crate::error::{ConfigError, ErrorKind, Place};
use crate::key;
use crate::layer::{Contents, Entry};
use crate::value::Value;

/// Returns the scalars and arrays of a table by their dotted paths. An empty table is a value.
pub(crate) fn flatten(root: Node, place: &Place) -> Result<Contents, ConfigError> {
    let Content::Table(entries) = root.content else {
        let message = "the document is not a table of keys and values";
        let place = place.clone().with_line(root.line);
        return Err(ConfigError::new(ErrorKind::Syntax, message).at(place));
    };
    let mut flatten = Flatten {
        path: String::new(),
        contents: Contents::default(),
        place,
    };
    flatten.table(entries, 1)?;
    Ok(flatten.contents)
}

struct Flatten<'p> {
    path: String,
    contents: Contents,
    place: &'p Place,
}

impl Flatten<'_> {
    fn table(&mut self, entries: Vec<(String, Node)>, depth: usize) -> Result<(), ConfigError> {
        for (name, node) in entries {
            // Documents have less by themselves, but not values of the program.
            if depth > MAX_DEPTH {
                return Err(too_deep(self.place, node.line));
            }
            let parent = self.path.len();
            key::push_segment(&mut self.path, &name);
            match node.content {
                Content::Table(inner) if !inner.is_empty() => self.table(inner, depth + 1)?,
                Content::Table(_) => self.entry(Value::Table([].into()), node.line),
                Content::Value(value) => self.entry(value, node.line),
            }
            self.path.truncate(parent);
        }
        Ok(())
    }

    fn entry(&mut self, value: Value, line: u32) {
        self.contents
            .entries
            .push(Entry::new(&*self.path, value, line));
    }
}
