//! Classes of devices and interfaces, by the codes of USB-IF (“Defined Class Codes”).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Function;
use crate::spelt::spelt;

/// Class, subclass and protocol of an interface or a device, written `03:01:01`.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Interface {
    /// `bInterfaceClass` or `bDeviceClass`.
    pub class: u8,
    /// `bInterfaceSubClass` or `bDeviceSubClass`.
    pub subclass: u8,
    /// `bInterfaceProtocol` or `bDeviceProtocol`.
    pub protocol: u8,
}

impl Interface {
    /// A keyboard of the boot protocol (HID 1.11, 4.3).
    pub const KEYBOARD: Self = Self::new(0x03, 0x01, 0x01);
    /// A reader of smart cards (CCID 1.1, 4.1).
    pub const CARD_READER: Self = Self::new(0x0b, 0x00, 0x00);
    /// The class of each interface is in the interface (USB 2.0, 9.6.1).
    pub const BY_INTERFACE: Self = Self::new(0x00, 0x00, 0x00);

    /// Class, subclass and protocol.
    pub const fn new(class: u8, subclass: u8, protocol: u8) -> Self {
        Self {
            class,
            subclass,
            protocol,
        }
    }

    /// The part of `usb` that an interface of this class belongs to; `None` for hubs, which only
    /// carry others.
    ///
    /// Still image (`06`, cameras and phones by PTP and MTP) counts as storage, since it gives
    /// files. RNDIS has four spellings, one of which looks like a serial line (`02:02:ff`, see
    /// the kernel's `rndis_host`). What has a driver of its own, such as most network adapters
    /// and serial converters, calls itself vendor specific (`ff`) and is in `usb.other`: who
    /// closes `usb.network` closes that too.
    pub const fn function(self) -> Option<Function> {
        Some(match (self.class, self.subclass, self.protocol) {
            (0x09, _, _) => return None,
            (0x01, _, _) | (0x10, 0x03, _) => Function::UsbAudio,
            // Ethernet, Ethernet emulation, network control, mobile broadband, mobile direct line.
            (0x02, 0x06 | 0x0a | 0x0c | 0x0d | 0x0e, _)
            | (0x02, 0x02, 0xff)
            | (0xe0, 0x01, 0x03)
            | (0xef, 0x04, _) => Function::UsbNetwork,
            (0x02, 0x02, _) => Function::UsbSerial,
            (0x03, _, _) => Function::UsbHid,
            (0x06 | 0x08, _, _) => Function::UsbStorage,
            (0x07, _, _) => Function::UsbPrinter,
            (0x0b, _, _) => Function::UsbSmartcard,
            (0x0e | 0x10, _, _) => Function::UsbVideo,
            (_, _, _) => Function::UsbOther,
        })
    }

    /// Whether it only carries the data of a communications interface beside it (CDC 1.2, 4.5).
    pub(super) const fn is_data_of_another(self) -> bool {
        self.class == 0x0a
    }

    /// Whether it is a communications interface that may have a data interface beside it.
    pub(super) const fn has_data_elsewhere(self) -> bool {
        matches!(
            (self.class, self.subclass, self.protocol),
            (0x02, _, _) | (0xe0, 0x01, 0x03) | (0xef, 0x04, _)
        )
    }
}

impl fmt::Display for Interface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            class,
            subclass,
            protocol,
        } = self;
        write!(f, "{class:02x}:{subclass:02x}:{protocol:02x}")
    }
}

/// The text is no class of an interface.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{0}` is no interface; write class, subclass and protocol like 03:01:01")]
pub struct NoInterface(String);

impl FromStr for Interface {
    type Err = NoInterface;

    fn from_str(text: &str) -> Result<Self, NoInterface> {
        let pattern: Option<ClassPattern> = text.parse().ok();
        pattern
            .and_then(|pattern| {
                Some(Self::new(
                    pattern.class?,
                    pattern.subclass?,
                    pattern.protocol?,
                ))
            })
            .ok_or_else(|| NoInterface(text.to_owned()))
    }
}

spelt!(Interface, NoInterface);

/// A class, wholly or in part: `03`, `03:01`, `03:01:01`, or `*` for all. `03:*:*` and `03:01:*`
/// are read too.
///
/// Two patterns never overlap in part: either one has all that the other has, or they have
/// nothing in common.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClassPattern {
    class: Option<u8>,
    subclass: Option<u8>,
    protocol: Option<u8>,
}

impl ClassPattern {
    /// Every class.
    pub const ANY: Self = Self {
        class: None,
        subclass: None,
        protocol: None,
    };

    /// Whether the interface is of this class.
    pub fn covers(self, interface: Interface) -> bool {
        self.class.is_none_or(|class| class == interface.class)
            && self.subclass.is_none_or(|one| one == interface.subclass)
            && self.protocol.is_none_or(|one| one == interface.protocol)
    }

    /// Whether every class of `other` is one of this pattern.
    pub fn contains(self, other: Self) -> bool {
        let within = |mine: Option<u8>, theirs: Option<u8>| mine.is_none() || mine == theirs;
        within(self.class, other.class)
            && within(self.subclass, other.subclass)
            && within(self.protocol, other.protocol)
    }

    /// Whether there is a class that both have.
    pub fn meets(self, other: Self) -> bool {
        self.contains(other) || other.contains(self)
    }

    /// How many of the three numbers it fixes, from the left: 0 to 3.
    pub(super) fn depth(self) -> u8 {
        u8::from(self.class.is_some())
            + u8::from(self.subclass.is_some())
            + u8::from(self.protocol.is_some())
    }

    /// The pattern of this depth that covers the interface.
    pub(super) fn around(interface: Interface, depth: u8) -> Self {
        Self {
            class: (depth > 0).then_some(interface.class),
            subclass: (depth > 1).then_some(interface.subclass),
            protocol: (depth > 2).then_some(interface.protocol),
        }
    }

    /// Its numbers, as far as they are fixed.
    pub(super) fn numbers(self) -> (Option<u8>, Option<u8>, Option<u8>) {
        (self.class, self.subclass, self.protocol)
    }
}

impl From<Interface> for ClassPattern {
    fn from(interface: Interface) -> Self {
        Self::around(interface, 3)
    }
}

impl fmt::Display for ClassPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(class) = self.class else {
            return f.write_str("*");
        };
        write!(f, "{class:02x}")?;
        for number in [self.subclass, self.protocol].into_iter().flatten() {
            write!(f, ":{number:02x}")?;
        }
        Ok(())
    }
}

/// The text is no class.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no USB class; write two hexadecimal digits, and for a part of the class two or four more, like 03, 03:01 or 03:01:01"
)]
pub struct NoClass(String);

/// One number of a class: `None` for `*`.
fn number(text: &str) -> Result<Option<u8>, NoClass> {
    if text == "*" {
        return Ok(None);
    }
    let plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain
        .then(|| u8::from_str_radix(text, 16).ok())
        .flatten()
        .map(Some)
        .ok_or_else(|| NoClass(text.to_owned()))
}

impl FromStr for ClassPattern {
    type Err = NoClass;

    fn from_str(text: &str) -> Result<Self, NoClass> {
        let mut parts = text.split(':').map(number);
        let mut next = || parts.next().unwrap_or(Ok(None));
        let read = (next(), next(), next());
        let (Ok(class), Ok(subclass), Ok(protocol)) = read else {
            return Err(NoClass(text.to_owned()));
        };
        let gap =
            (class.is_none() && subclass.is_some()) || (subclass.is_none() && protocol.is_some());
        if gap || parts.next().is_some() {
            return Err(NoClass(text.to_owned()));
        }
        Ok(Self {
            class,
            subclass,
            protocol,
        })
    }
}

spelt!(ClassPattern, NoClass);
