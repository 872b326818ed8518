//! What the server may reach on the device.

use crate::Payload;
use crate::code::StatusCode;
use crate::message::Format;

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
/// wrote them, relative to `.`; addresses of properties (`?prop=`, `?list=`) never arrive here, they
/// are answered with 406. What is not overridden is refused, by this table:
///
/// | command | node is there | node is not |
/// |---|---|---|
/// | `Exec`, `Replace`, `Delete` | 405 | 404 |
/// | `Add` | 418 | 405 |
/// | `Copy`, `Atomic`, alerts to the user | 406 | 406 |
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
}

const fn refusal(unreadable: Option<StatusCode>) -> StatusCode {
    match unreadable {
        Some(StatusCode::NOT_FOUND) => StatusCode::NOT_FOUND,
        Some(_) | None => StatusCode::COMMAND_NOT_ALLOWED,
    }
}
