//! Which devices an entry of a policy means.

use serde::{Deserialize, Serialize};

use super::device::said;
use super::{
    ClassPattern, Connection, Device, IdPattern, Interface, InterfaceSet, MAX_PATTERNS, PortPattern,
};
use crate::facts::Fingerprint;

/// Longest string to compare with, in bytes: a string descriptor has up to 126 UTF-16 units
/// (USB 2.0, 9.6.7), and each takes up to three bytes in UTF-8. No device says more.
pub const MAX_TEXT: usize = 378;

/// Which devices an entry of a policy means: those for which every field that is given holds.
///
/// Strings are compared exactly: letter by letter, with their blanks, and large letters are not
/// small ones. The empty string means devices that do not have that string; a device without a
/// serial number is matched by no other serial number. Two devices that share a serial number
/// are told apart by their ports.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Match {
    /// The device as a whole is of this class, or one of its interfaces is, whatever the others
    /// are. (To allow a class and nothing beside it, use `interfaces.equals`: a stick can have a
    /// keyboard in it.) A device of class `00` has its classes only in its interfaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<ClassPattern>,
    /// Maker and product.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<IdPattern>,
    /// Serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<Box<str>>,
    /// Maker's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<Box<str>>,
    /// Product's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
    /// The port that it is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<PortPattern>,
    /// What the firmware says of that port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<Connection>,
    /// SHA-256 over its `descriptors` file in sysfs. A device whose descriptors could not be read
    /// is not matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<Fingerprint>,
    /// What its interfaces are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interfaces: Option<Box<InterfaceSet>>,
}

/// Why an entry can never mean a device, or means nothing in particular.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Impossible {
    /// No field is given.
    #[error("an empty match means no device in particular; for all devices write id = \"*:*\"")]
    Empty,
    /// `interfaces` has no list, or only empty ones.
    #[error(
        "`interfaces` says nothing; give it at least one of all-of, one-of, none-of and equals"
    )]
    EmptyInterfaces,
    /// A list of interfaces is too long.
    #[error("a list of interfaces has {0} entries; there can be {MAX_PATTERNS}")]
    TooManyInterfaces(usize),
    /// A string is longer than a device can say.
    #[error("`{field}` has {bytes} bytes; no device can say more than {MAX_TEXT}")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// What is asked of the interfaces contradicts itself.
    #[error("no device can have these interfaces: what one list wants, another rules out")]
    Contradiction,
}

impl Match {
    /// Whether the entry means the device. This is the meaning of the language; everything faster
    /// has to agree with it.
    pub fn matches(&self, device: &Device) -> bool {
        let same = |wanted: &Option<Box<str>>, has: Option<&String>| {
            wanted.as_deref().is_none_or(|wanted| wanted == said(has))
        };
        self.id
            .is_none_or(|id| id.covers(device.vendor, device.product))
            && same(&self.serial, device.serial.as_ref())
            && same(&self.manufacturer, device.manufacturer.as_ref())
            && same(&self.name, device.name.as_ref())
            && self
                .port
                .as_ref()
                .is_none_or(|port| port.covers(&device.port))
            && self.connection.is_none_or(|kind| kind == device.connection)
            && self
                .descriptors
                .is_none_or(|wanted| device.descriptors == Some(wanted))
            && self.class.is_none_or(|class| of_class(device, class))
            && self
                .interfaces
                .as_ref()
                .is_none_or(|set| set.holds(&device.interfaces))
    }

    /// Refuses an entry that can never mean a device, and one that says nothing.
    pub fn check(&self) -> Result<(), Impossible> {
        if *self == Self::default() {
            return Err(Impossible::Empty);
        }
        let texts = [
            ("serial", &self.serial),
            ("manufacturer", &self.manufacturer),
            ("name", &self.name),
        ];
        for (field, text) in texts {
            let bytes = text.as_ref().map_or(0, |text| text.len());
            if bytes > MAX_TEXT {
                return Err(Impossible::TooLong { field, bytes });
            }
        }
        self.interfaces
            .as_ref()
            .map_or(Ok(()), |set| self.check_interfaces(set))
    }

    fn check_interfaces(&self, set: &InterfaceSet) -> Result<(), Impossible> {
        if set.is_empty() {
            return Err(Impossible::EmptyInterfaces);
        }
        let longest = set.lists().iter().map(|list| list.len()).max();
        if let Some(length) = longest.filter(|length| *length > MAX_PATTERNS) {
            return Err(Impossible::TooManyInterfaces(length));
        }
        let excluded = self
            .class
            .is_some_and(|class| set.none_of.iter().any(|none| none.contains(class)));
        if excluded || set.is_contradictory() {
            return Err(Impossible::Contradiction);
        }
        Ok(())
    }

    /// Whether it asks who or where the device is, and not only what it is.
    pub(super) fn is_particular(&self) -> bool {
        let Self {
            class: _,
            id,
            serial,
            manufacturer,
            name,
            port,
            connection: _,
            descriptors,
            interfaces: _,
        } = self;
        id.is_some_and(|id| id != IdPattern::ANY)
            || serial.is_some()
            || manufacturer.is_some()
            || name.is_some()
            || port.is_some()
            || descriptors.is_some()
    }
}

/// Whether the device or one of its interfaces is of the class.
fn of_class(device: &Device, class: ClassPattern) -> bool {
    class == ClassPattern::ANY || classes(device).any(|one| class.covers(one))
}

/// The classes that a device has: those of its interfaces, and its own unless that only points
/// to them.
pub(super) fn classes(device: &Device) -> impl Iterator<Item = Interface> {
    let own = Some(device.class).filter(|own| own.class != Interface::BY_INTERFACE.class);
    own.into_iter().chain(device.interfaces.iter().copied())
}
