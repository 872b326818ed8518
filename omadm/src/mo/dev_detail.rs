//! `./DevDetail`: what the device is, beyond what it says in every session (OMA DM 1.2 *Standardized
//! Objects*, 5.2). Servers read it when they want to know.

use super::{Unreadable, boolean, chr, int, number, optional_bool, text};
use crate::ddf::{self, Occurrence, Scope};
use crate::tnds::{Format, Node};

/// The object's identifier.
pub const URN: &str = "urn:oma:mo:oma-dm-devdetail:1.0";

/// What the object says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct DevDetail {
    /// `DevTyp`: what sort of device, such as `smartphone`.
    pub device_type: String,
    /// `OEM`: for whom it was made.
    pub oem: String,
    /// `FwV`: version of the firmware.
    pub firmware: String,
    /// `SwV`: version of the software.
    pub software: String,
    /// `HwV`: version of the hardware.
    pub hardware: String,
    /// `LrgObj`: whether values may travel in chunks.
    pub large_objects: bool,
    /// `URI/MaxDepth`: most segments of an address; 0 for any number.
    pub max_depth: u32,
    /// `URI/MaxTotLen`: most octets of an address; 0 for any number.
    pub max_length: u32,
    /// `URI/MaxSegLen`: most octets of a segment; 0 for any number.
    pub max_segment: u32,
}

impl DevDetail {
    /// What [`ManagementTree`](crate::tree::ManagementTree) and the client of this crate take.
    pub fn new(device_type: impl Into<String>, oem: impl Into<String>) -> Self {
        let limit = |limit: usize| u32::try_from(limit).unwrap_or_default();
        Self {
            device_type: device_type.into(),
            oem: oem.into(),
            large_objects: true,
            max_depth: limit(crate::tree::MAX_SEGMENTS),
            max_length: limit(crate::tree::MAX_URI_LEN),
            max_segment: limit(crate::tree::MAX_SEGMENT_LEN),
            ..Self::default()
        }
    }

    /// The object.
    pub fn to_node(&self) -> Node {
        let uri = [
            int("MaxDepth", self.max_depth),
            int("MaxTotLen", self.max_length),
            int("MaxSegLen", self.max_segment),
        ];
        let nodes = [
            chr("DevTyp", &self.device_type),
            chr("OEM", &self.oem),
            chr("FwV", &self.firmware),
            chr("SwV", &self.software),
            chr("HwV", &self.hardware),
            boolean("LrgObj", self.large_objects),
            Node::interior("URI", uri),
        ];
        Node::interior("DevDetail", nodes).of_kind(URN)
    }

    /// Reads the object. Nodes that it does not have are not looked at.
    pub fn from_node(root: &Node) -> Result<Self, Unreadable> {
        Ok(Self {
            device_type: text(root, "DevTyp")?,
            oem: text(root, "OEM")?,
            firmware: text(root, "FwV")?,
            software: text(root, "SwV")?,
            hardware: text(root, "HwV")?,
            large_objects: optional_bool(root, "LrgObj")?
                .ok_or_else(|| super::missing("LrgObj", "true or false"))?,
            max_depth: number(root, "URI/MaxDepth")?,
            max_length: number(root, "URI/MaxTotLen")?,
            max_segment: number(root, "URI/MaxSegLen")?,
        })
    }
}

/// The object's description.
pub fn description() -> ddf::Node {
    let leaf = |name: &str, format, what: &str| {
        ddf::Node::leaf(name, format)
            .described(what)
            .scoped(Scope::Permanent)
    };
    let uri = [
        leaf(
            "MaxDepth",
            Format::Int,
            "Most segments of an address; 0 for any.",
        ),
        leaf(
            "MaxTotLen",
            Format::Int,
            "Most octets of an address; 0 for any.",
        ),
        leaf(
            "MaxSegLen",
            Format::Int,
            "Most octets of a segment; 0 for any.",
        ),
    ];
    let bearer = ddf::Node::interior("Bearer", [])
        .occurs(Occurrence::ZeroOrOne)
        .described("How the device is connected.");
    let nodes = [
        leaf("DevTyp", Format::Chr, "What sort of device."),
        leaf("OEM", Format::Chr, "For whom it was made."),
        leaf("FwV", Format::Chr, "Version of the firmware."),
        leaf("SwV", Format::Chr, "Version of the software."),
        leaf("HwV", Format::Chr, "Version of the hardware."),
        leaf(
            "LrgObj",
            Format::Bool,
            "Whether values may travel in chunks.",
        ),
        ddf::Node::interior("URI", uri).scoped(Scope::Permanent),
        super::extension(),
        bearer,
    ];
    ddf::Node {
        name: "DevDetail".to_owned(),
        ..ddf::Node::object(URN, nodes)
            .described("What the device is.")
            .scoped(Scope::Permanent)
    }
}
