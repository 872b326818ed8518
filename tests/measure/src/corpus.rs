//! Policies and devices to measure with: the same in every run.

use cardwarden_policy::usb::{Connection, Device, Interface};
use jiff::Timestamp;

/// A working day.
pub(crate) fn now() -> Timestamp {
    Timestamp::constant(1_790_000_000, 0)
}

/// So many rules, each of which refuses one USB device: most by product, some by product and serial number, some by
/// maker and class of interface, or by product and port.
pub(crate) fn usb_rules(count: usize) -> String {
    (0..count).map(usb_rule).collect()
}

fn usb_rule(number: usize) -> String {
    let named = named(number);
    format!(
        "[[rules]]\nid = \"usb-{number}\"\nfunctions = [\"usb\"]\naction = \"disable\"\ndeny = [{named}]\n"
    )
}

fn named(number: usize) -> String {
    let (vendor, product) = id(number);
    match number % 10 {
        0 => format!("{{ id = \"{vendor:04x}:{product:04x}\", serial = \"{number:08}\" }}"),
        1 => format!("{{ id = \"{vendor:04x}:*\", class = \"08:06:50\" }}"),
        2 => format!(
            "{{ id = \"{vendor:04x}:{product:04x}\", port = \"1-{}\" }}",
            number % 7 + 1
        ),
        _ => format!("{{ id = \"{vendor:04x}:{product:04x}\" }}"),
    }
}

/// Spread over vendors and products, without repeating one.
fn id(number: usize) -> (u16, u16) {
    let mixed = u32::try_from(number)
        .unwrap_or_default()
        .wrapping_mul(0x9E37_79B1);
    let [high, low, first, second] = mixed.to_be_bytes();
    (
        u16::from_be_bytes([high, low]) | 1,
        u16::from_be_bytes([first, second]),
    )
}

/// Attached devices: every other one is named by a rule when there are as many rules.
pub(crate) fn devices(count: usize) -> Vec<Device> {
    (0..count).map(device).collect()
}

fn device(number: usize) -> Device {
    let (vendor, product) = if number.is_multiple_of(2) {
        id(number)
    } else {
        id(number.wrapping_add(1_000_000))
    };
    let interface = if number.is_multiple_of(3) {
        Interface::new(8, 6, 80)
    } else {
        Interface::new(3, 1, 1)
    };
    Device {
        vendor,
        product,
        revision: Some(0x0100),
        serial: Some(format!("{number:08}")),
        manufacturer: Some("Maker".to_owned()),
        name: Some(format!("Product {number}")),
        port: format!("1-{}.{}", number % 7 + 1, number / 7 + 1),
        connection: Connection::External,
        descriptors: None,
        class: Interface::new(0, 0, 0),
        interfaces: vec![interface],
    }
}

/// Twenty rules of an office: windows, networks, places, a few devices, notices.
pub(crate) fn office_rules() -> String {
    let rules: Vec<String> = (0..20).map(office_rule).collect();
    rules.concat()
}

fn office_rule(number: usize) -> String {
    let functions = ["camera", "bluetooth", "microphone", "usb.storage", "nfc"];
    let function = functions.get(number % functions.len()).unwrap_or(&"camera");
    let rest = match number % 4 {
        0 => {
            "when.weekly = { days = [\"mon-fri\"], from = \"08:00\", to = \"18:00\", zone = \"Europe/Berlin\" }\n"
        }
        1 => "when.network = { ssid = [\"B Office\"] }\nnotify = \"Not in the office.\"\n",
        2 => "when.all = [{ card = \"absent\" }, { session = { locked = true } }]\n",
        _ => "when.power = { source = \"battery\", below = 15 }\non-unknown = \"ignore\"\n",
    };
    format!(
        "[[rules]]\nid = \"office-{number}\"\nfunctions = [\"{function}\"]\naction = \"disable\"\n{rest}"
    )
}

/// Bytes that nothing makes shorter (xorshift32; G. Marsaglia, *Xorshift RNGs*, 2003).
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let next = |state: &u32| {
        let mut state = *state;
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        Some(state)
    };
    std::iter::successors(Some(0x9E37_79B9_u32), next)
        .map(|state| state.to_le_bytes()[0])
        .take(length)
        .collect()
}
