//! What this device says of itself when it chooses a group on a card: its kind, model and serial
//! number from the firmware, and the functions that it has devices for.

use std::collections::BTreeSet;
use std::path::Path;

use cardwarden_policy::{Function, Properties};

use crate::settings::Settings;

/// Longest serial number, in characters.
const MAX_SERIAL: usize = 64;

/// Where a function's devices are listed, and what their names begin with.
const LISTS: [(Function, &str, &str); 8] = [
    (Function::Camera, "sys/class/video4linux", "video"),
    (Function::Camera, "sys/class/media", "media"),
    (Function::Microphone, "sys/class/sound", "pcmC"),
    (Function::Bluetooth, "sys/class/bluetooth", "hci"),
    (Function::Usb, "sys/bus/usb/devices", "usb"),
    (Function::UsbGadget, "sys/class/udc", ""),
    (Function::Infrared, "sys/class/rc", "rc"),
    (Function::Nfc, "sys/class/nfc", "nfc"),
];

/// What does not change while the agent runs.
pub(crate) fn of_device(settings: &Settings, device: &str, model: &str) -> Properties {
    Properties {
        kind: settings.kind(),
        model: model.to_owned(),
        serial: serial(Path::new("/")),
        device: device.to_owned(),
        functions: BTreeSet::new(),
        labels: settings.labels.clone(),
        group: settings.group.clone(),
    }
}

/// The machine's serial number, below `root`: from DMI (PCs), then from the device tree (phones);
/// empty when there is none. Only root may read the first.
fn serial(root: &Path) -> String {
    let read = |path: &str| {
        let bytes = std::fs::read(root.join(path)).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let word: String = text
            .trim_matches(|character: char| character == '\0' || character.is_whitespace())
            .chars()
            .filter(|character| !character.is_control())
            .take(MAX_SERIAL)
            .collect();
        (!word.is_empty()).then_some(word)
    };
    read("sys/class/dmi/id/product_serial")
        .or_else(|| read("proc/device-tree/serial-number"))
        .unwrap_or_default()
}

/// The functions that there is a device for, below `root`. Who has USB has each of its parts.
pub(crate) fn functions(root: &Path) -> BTreeSet<Function> {
    let found: BTreeSet<Function> = LISTS
        .into_iter()
        .filter(|(function, folder, prefix)| {
            let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
                return false;
            };
            entries.filter_map(Result::ok).any(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                // ALSA calls what records `pcmC0D0c`, and what plays `pcmC0D0p` (sound/core/pcm.c).
                name.starts_with(prefix)
                    && (*function != Function::Microphone || name.ends_with('c'))
            })
        })
        .map(|(function, _, _)| function)
        .collect();
    let has = |function: Function| {
        found.contains(&function) || function.whole().is_some_and(|whole| found.contains(&whole))
    };
    Function::ALL
        .into_iter()
        .filter(|function| has(*function))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(root: &Path, path: &str, bytes: &[u8]) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        crate::durable::replace(&path, bytes).unwrap();
    }

    #[test]
    fn a_device_has_the_functions_that_the_kernel_lists_a_device_for() {
        let root = tempfile::tempdir().unwrap();
        assert!(functions(root.path()).is_empty());
        put(root.path(), "sys/class/video4linux/video0", b"");
        put(root.path(), "sys/class/sound/pcmC0D0p", b"");
        assert_eq!(functions(root.path()), [Function::Camera].into());
        put(root.path(), "sys/class/sound/pcmC0D0c", b"");
        put(root.path(), "sys/class/udc/fe980000.usb", b"");
        assert_eq!(
            functions(root.path()),
            [Function::Camera, Function::Microphone, Function::UsbGadget].into()
        );
    }

    #[test]
    fn the_serial_number_is_that_of_the_firmware() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(serial(root.path()), "");
        put(root.path(), "proc/device-tree/serial-number", b"3f1a\0");
        assert_eq!(serial(root.path()), "3f1a");
        put(
            root.path(),
            "sys/class/dmi/id/product_serial",
            b"PF-1234 \n",
        );
        assert_eq!(serial(root.path()), "PF-1234");
    }
}
