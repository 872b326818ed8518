//! What the server may reach on the device.

use crate::Payload;
use crate::code::StatusCode;
use crate::message::Format;
use crate::tree::{Listing, Property};

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Value {
    /// How `data` is to be read.
    pub format: Format,
    /// MIME type of a leaf, or management object identifier of an interior node; none means plain
    /// text, or none.
    pub content_type: Option<String>,
    /// The value as it travels (as XML, octets are base64); for an interior node the names of its
    /// children joined by `/`.
    pub data: Payload,
}

impl Value {
    /// A leaf with text.
    pub fn text(data: impl Into<Payload>) -> Self {
        Self {
            format: Format::Chr,
            content_type: None,
            data: data.into(),
        }
    }

    /// An interior node with these children.
    pub fn interior(children: &[&str]) -> Self {
        Self {
            format: Format::Node,
            content_type: None,
            data: children.join("/").into(),
        }
    }
}

/// The device's management tree, as far as the caller has one.
///
/// The session asks it once per item of a server's command, in order. Addresses come as the server
/// wrote them, relative to `.`, without what stands behind a `?`: properties and listings have methods
/// of their own. What is not overridden is refused, by this table:
///
/// | command | node is there | node is not |
/// |---|---|---|
/// | `Exec`, `Replace`, `Delete` | 405 | 404 |
/// | `Add` | 418 | 405 |
/// | `Copy`, `Atomic`, `?prop=`, `?list=`, alerts to the user | 406 | 406 |
///
/// [`tree::ManagementTree`](crate::tree::ManagementTree) does all of it.
pub trait Tree {
    /// Reads a node. `Err` is the status of the `Get`: 404 when there is no such node, 405 when it
    /// cannot be read.
    fn get(&mut self, uri: &str) -> Result<Value, StatusCode>;

    /// Runs a node. 200 when done, 202 when a generic alert with this correlator will report.
    fn exec(
        &mut self,
        uri: &str,
        argument: Option<&Payload>,
        correlator: Option<&str>,
    ) -> StatusCode {
        let _: (Option<&Payload>, Option<&str>) = (argument, correlator);
        refusal(self.get(uri).err())
    }

    /// Makes a node.
    fn add(&mut self, uri: &str, value: &Value) -> StatusCode {
        let _: &Value = value;
        match self.get(uri).err() {
            Some(StatusCode::NOT_FOUND) => StatusCode::COMMAND_NOT_ALLOWED,
            Some(_) | None => StatusCode::ALREADY_EXISTS,
        }
    }

    /// Overwrites a node.
    fn replace(&mut self, uri: &str, value: &Value) -> StatusCode {
        let _: &Value = value;
        refusal(self.get(uri).err())
    }

    /// Removes a node and all below it.
    fn delete(&mut self, uri: &str) -> StatusCode {
        refusal(self.get(uri).err())
    }

    /// Copies a leaf.
    fn copy(&mut self, source: &str, target: &str) -> StatusCode {
        let _: (&str, &str) = (source, target);
        StatusCode::FEATURE_NOT_SUPPORTED
    }

    /// Reads a property of a node: 406 when there is none such.
    fn property(&mut self, uri: &str, property: Property) -> Result<Value, StatusCode> {
        let _: (&str, Property) = (uri, property);
        Err(StatusCode::FEATURE_NOT_SUPPORTED)
    }

    /// Replaces a property of a node.
    fn replace_property(&mut self, uri: &str, property: Property, value: &Value) -> StatusCode {
        let _: (&str, Property, &Value) = (uri, property, value);
        StatusCode::FEATURE_NOT_SUPPORTED
    }

    /// Reads a node and all below it: addresses with their values, or one serialised tree.
    fn list(&mut self, uri: &str, listing: Listing) -> Result<Vec<(String, Value)>, StatusCode> {
        let _: (&str, Listing) = (uri, listing);
        Err(StatusCode::FEATURE_NOT_SUPPORTED)
    }

    /// From here on, what is done can be undone: 406 when it cannot. Never twice without an end in
    /// between.
    fn begin_atomic(&mut self) -> Result<(), StatusCode> {
        Err(StatusCode::FEATURE_NOT_SUPPORTED)
    }

    /// What was done since the beginning of the group stays. `Err` fails the group: the tree has
    /// undone it.
    fn end_atomic(&mut self) -> Result<(), StatusCode> {
        Err(StatusCode::ATOMIC_FAILED)
    }

    /// Undoes what was done since the beginning of the group. `Err` when that is not possible.
    fn roll_back_atomic(&mut self) -> Result<(), StatusCode> {
        Err(StatusCode::ATOMIC_ROLL_BACK_FAILED)
    }
}

const fn refusal(unreadable: Option<StatusCode>) -> StatusCode {
    match unreadable {
        Some(StatusCode::NOT_FOUND) => StatusCode::NOT_FOUND,
        Some(_) | None => StatusCode::COMMAND_NOT_ALLOWED,
    }
}
