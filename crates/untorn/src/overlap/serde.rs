//! Serialization with serde (feature `serde`): an overlap as a structure, such as one line of JSON.

use std::panic::Location;

use ::serde::ser::{Serialize, SerializeStruct, Serializer};

use super::report::{Overlap, OverlapKind, Subject};
use super::site::{AccessKind, Name, Site};

impl Serialize for Overlap {
    /// Serializes `message`, `kind`, both sites as `here` and `other`, `additional_readers`, `name`
    /// (or null), `subject` (`map` or `cell`) and `state`, the description of the subject in the
    /// report, such as the type of a cell's value. As in the report, no key or value is included.
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
    /// Serializes `thread`, `number`, `created_at` and `location` (`file:line:column`, or null),
    /// `operation`, `kind`, `duration_ns` (nanoseconds, or null), `stretched`.
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

/// A location in the format of the report.
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
    /// Serializes `read_and_write`, `writes`, `iteration_and_write` or `clone_and_write`.
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        serializer.serialize_str(self.key())
    }
}

impl Serialize for AccessKind {
    /// Serializes `read`, `write`, `iterate` or `clone`.
    fn serialize<F: Serializer>(&self, serializer: F) -> Result<F::Ok, F::Error> {
        serializer.serialize_str(self.key())
    }
}
