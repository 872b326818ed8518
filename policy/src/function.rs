//! What a policy can switch: the functions of a device, in the words its user has for them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A function of the device that a policy can enable or disable.
///
/// The names follow the vocabulary of DCMO and of Linux phones' device policies (design.md,
/// "Functions and what stops them"). `usb.*` are the parts of `usb`, by the class codes of USB-IF
/// that the interfaces of a device have.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// V4L2 capture nodes, media controllers and sub-devices; not mem2mem codecs.
    Camera,
    /// Sound capture.
    Microphone,
    /// Sockets of the `AF_BLUETOOTH` family, of every protocol.
    Bluetooth,
    /// Devices on the host side of USB, of every class.
    Usb,
    /// USB mass storage and media transfer.
    #[serde(rename = "usb.storage")]
    UsbStorage,
    /// USB keyboards, mice and other human interface devices.
    #[serde(rename = "usb.hid")]
    UsbHid,
    /// USB network adapters.
    #[serde(rename = "usb.network")]
    UsbNetwork,
    /// USB sound.
    #[serde(rename = "usb.audio")]
    UsbAudio,
    /// USB cameras and other video.
    #[serde(rename = "usb.video")]
    UsbVideo,
    /// USB serial lines.
    #[serde(rename = "usb.serial")]
    UsbSerial,
    /// USB printers.
    #[serde(rename = "usb.printer")]
    UsbPrinter,
    /// USB readers of smart cards.
    #[serde(rename = "usb.smartcard")]
    UsbSmartcard,
    /// USB devices of all other classes.
    #[serde(rename = "usb.other")]
    UsbOther,
    /// This device acting as a USB device.
    UsbGadget,
    /// Infrared receivers and senders (`/dev/lirc*`).
    Infrared,
    /// Near-field communication (`AF_NFC`).
    Nfc,
}

impl Function {
    /// Every function, in the order in which they are shown.
    pub const ALL: [Self; 16] = [
        Self::Camera,
        Self::Microphone,
        Self::Bluetooth,
        Self::Usb,
        Self::UsbStorage,
        Self::UsbHid,
        Self::UsbNetwork,
        Self::UsbAudio,
        Self::UsbVideo,
        Self::UsbSerial,
        Self::UsbPrinter,
        Self::UsbSmartcard,
        Self::UsbOther,
        Self::UsbGadget,
        Self::Infrared,
        Self::Nfc,
    ];

    /// The name used in policies, on D-Bus and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::Bluetooth => "bluetooth",
            Self::Usb => "usb",
            Self::UsbStorage => "usb.storage",
            Self::UsbHid => "usb.hid",
            Self::UsbNetwork => "usb.network",
            Self::UsbAudio => "usb.audio",
            Self::UsbVideo => "usb.video",
            Self::UsbSerial => "usb.serial",
            Self::UsbPrinter => "usb.printer",
            Self::UsbSmartcard => "usb.smartcard",
            Self::UsbOther => "usb.other",
            Self::UsbGadget => "usb-gadget",
            Self::Infrared => "infrared",
            Self::Nfc => "nfc",
        }
    }

    /// Position in [`Function::ALL`]; also the number of the counter that counts refusals by a
    /// baseline.
    pub const fn index(self) -> u16 {
        match self {
            Self::Camera => 0,
            Self::Microphone => 1,
            Self::Bluetooth => 2,
            Self::Usb => 3,
            Self::UsbStorage => 4,
            Self::UsbHid => 5,
            Self::UsbNetwork => 6,
            Self::UsbAudio => 7,
            Self::UsbVideo => 8,
            Self::UsbSerial => 9,
            Self::UsbPrinter => 10,
            Self::UsbSmartcard => 11,
            Self::UsbOther => 12,
            Self::UsbGadget => 13,
            Self::Infrared => 14,
            Self::Nfc => 15,
        }
    }

    /// The function that this one is a part of: what is said of `usb` is said of each `usb.*`.
    pub const fn whole(self) -> Option<Self> {
        match self {
            Self::UsbStorage
            | Self::UsbHid
            | Self::UsbNetwork
            | Self::UsbAudio
            | Self::UsbVideo
            | Self::UsbSerial
            | Self::UsbPrinter
            | Self::UsbSmartcard
            | Self::UsbOther => Some(Self::Usb),
            Self::Camera
            | Self::Microphone
            | Self::Bluetooth
            | Self::Usb
            | Self::UsbGadget
            | Self::Infrared
            | Self::Nfc => None,
        }
    }

    /// Whether it is `usb` or a part of it.
    pub fn is_usb(self) -> bool {
        self == Self::Usb || self.whole() == Some(Self::Usb)
    }

    /// Whether what is said of `self` is said of `other`.
    pub fn covers(self, other: Self) -> bool {
        self == other || other.whole() == Some(self)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The word is not the name of a function.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{0}` is no function; there are camera, microphone, bluetooth, usb, usb.storage, usb.hid, \
     usb.network, usb.audio, usb.video, usb.serial, usb.printer, usb.smartcard, usb.other, \
     usb-gadget, infrared and nfc"
)]
pub struct UnknownFunction(pub String);

impl FromStr for Function {
    type Err = UnknownFunction;

    fn from_str(word: &str) -> Result<Self, UnknownFunction> {
        Self::ALL
            .into_iter()
            .find(|function| function.name() == word)
            .ok_or_else(|| UnknownFunction(word.to_owned()))
    }
}

/// Whether a function may be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The function may be used.
    Enabled,
    /// The function must not be used.
    Disabled,
}

impl Verdict {
    /// The word for it, as shown everywhere.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_function_is_found_by_its_name_and_stands_at_its_index() {
        for (position, function) in Function::ALL.into_iter().enumerate() {
            assert_eq!(function.name().parse(), Ok(function));
            assert_eq!(usize::from(function.index()), position);
            let spelt: Function = serde_json::from_str(&format!("\"{function}\"")).unwrap();
            assert_eq!(spelt, function, "serde spells it as people do");
        }
        assert!("Camera".parse::<Function>().is_err());
    }
}
