//! serde (feature `serde`): an overlap as a structure, such as one line of JSON.

use std::panic::Location;

use ::serde::ser::{Serialize, SerializeStruct, Serializer};

use super::report::{Overlap, OverlapKind, Subject};
use super::site::{AccessKind, Name, Site};

impl Serialize for Overlap {
    /// `message`, `kind`, both sites as `here` and `other`, `additional_readers`, `name` (or null), `subject` (`map` or `cell`) and `state`:
    /// what the report says of it, such as the type of a cell's value. As in the report no key and no value is in it.
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        let mut fields = serializer.serialize_struct("Overlap", 8)?;
        fields.serialize_field("message", self.message())?;
        fields.serialize_field("kind", &self.kind)?;
        fields.serialize_field("here", &self.here)?;
        fields.serialize_field("other", &self.other)?;
        fields.serialize_field("additional_readers", &self.additional_readers)?;
        fields.serialize_field("name", &self.name)?;
        let (subject, state) = match &self.subject {
            Subject::Map(state) => ("map", state.as_str()),
            Subject::Cell(type_name) => ("cell", *type_name),
        };
        fields.serialize_field("subject", subject)?;
        fields.serialize_field("state", state)?;
        fields.end()
    }
}

impl Serialize for Site {
    /// `thread`, `number`, `created_at` and `location` (`file:line:column`, or null), `operation`, `kind`, `duration_ns` (nanoseconds, or
    /// null), `stretched`.
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        let mut fields = serializer.serialize_struct("Site", 8)?;
        fields.serialize_field("thread", &self.thread)?;
        fields.serialize_field("number", &self.thread_number)?;
        fields.serialize_field("created_at", &self.created_at.map(Line))?;
        fields.serialize_field("location", &self.location.map(Line))?;
        fields.serialize_field("operation", self.operation)?;
        fields.serialize_field("kind", &self.kind)?;
        fields.serialize_field("duration_ns", &self.duration_ns())?;
        fields.serialize_field("stretched", &self.stretched)?;
        fields.end()
    }
}

/// A location as the report prints it.
struct Line(&'static Location<'static>);

impl Serialize for Line {
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        serializer.collect_str(self.0)
    }
}

impl Serialize for Name {
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        serializer.serialize_str(self)
    }
}

impl Serialize for OverlapKind {
    /// `read_and_write`, `writes`, `iteration_and_write` or `clone_and_write`.
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        serializer.serialize_str(self.key())
    }
}

impl Serialize for AccessKind {
    /// `read`, `write`, `iterate` or `clone`.
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        serializer.serialize_str(self.key())
    }
}
