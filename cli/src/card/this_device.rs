//! What this device says of itself when it chooses a group, as far as anybody may ask.

use cardwarden_policy::Properties;

use crate::agent;
use crate::failure::Failure;

/// Where firmware of PCs says model and serial number (the number to root alone), and where that
/// of others does.
const MODEL: [&str; 2] = ["/sys/class/dmi/id/product_name", "/proc/device-tree/model"];
const SERIAL: [&str; 2] = [
    "/sys/class/dmi/id/product_serial",
    "/proc/device-tree/serial-number",
];
/// Longest of those that is read, in bytes.
const MAX_LINE: usize = 256;

/// This device, as far as it can be told. Its name, functions and labels are the agent's to know.
pub(super) fn properties() -> Properties {
    Properties {
        kind: chassis().unwrap_or_default(),
        model: first(&MODEL),
        serial: first(&SERIAL),
        ..Properties::default()
    }
}

/// A device in a few words.
pub(super) fn named(device: &Properties) -> String {
    let words = [
        ("kind", &device.kind),
        ("model", &device.model),
        ("serial", &device.serial),
        ("device", &device.device),
    ];
    let mut words: Vec<String> = words
        .into_iter()
        .filter(|(_, word)| !word.is_empty())
        .map(|(name, word)| format!("{name} {word}"))
        .collect();
    words.extend(device.labels.iter().map(|label| format!("label {label}")));
    words.extend(device.functions.iter().map(|one| format!("function {one}")));
    if words.is_empty() {
        return "a device of unknown kind".to_owned();
    }
    format!("a device of {}", words.join(", "))
}

/// The kind of device, in hostnamed's words.
fn chassis() -> Option<String> {
    agent::ask(async |bus| {
        let proxy = zbus::Proxy::new(
            &bus,
            "org.freedesktop.hostname1",
            "/org/freedesktop/hostname1",
            "org.freedesktop.hostname1",
        )
        .await
        .map_err(Failure::from)?;
        proxy
            .get_property::<String>("Chassis")
            .await
            .map_err(Failure::from)
    })
    .ok()
}

/// What the first of these files says.
fn first(paths: &[&str]) -> String {
    paths
        .iter()
        .find_map(|path| crate::file::read_text(path.as_ref(), MAX_LINE).ok())
        .map(|text| text.trim_matches(['\0', '\n', ' ']).to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_named_by_what_is_known_of_it() {
        assert_eq!(named(&Properties::default()), "a device of unknown kind");
        let device = Properties {
            kind: "laptop".to_owned(),
            labels: ["field".to_owned()].into(),
            ..Properties::default()
        };
        assert_eq!(named(&device), "a device of kind laptop, label field");
    }
}
