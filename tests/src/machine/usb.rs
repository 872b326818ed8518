//! USB devices that QEMU makes, plugged into a running machine's controller: what sets them up is the guest's
//! kernel alone, as with real ones.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use super::{Deadline, Machine};

/// A keyboard of QEMU's, by its driver there and the numbers that the guest sees.
#[derive(Debug, Clone, Copy)]
pub struct Made {
    driver: &'static str,
    /// `idVendor` and `idProduct`.
    pub id: &'static str,
}

/// A keyboard (`hw/usb/dev-hid.c`).
pub const KEYBOARD: Made = Made {
    driver: "usb-kbd",
    id: "0627:0001",
};

/// The name under which QEMU knows what is plugged in.
const PLUGGED: &str = "plugged";

fn soon() -> Deadline {
    Deadline::within(Duration::from_secs(20))
}

impl Machine {
    /// Plugs a device in. The guest notices after its ports have settled (`HUB_DEBOUNCE_STABLE`).
    pub fn plug_usb(&mut self, made: Made) -> Result<()> {
        let arguments = json!({"driver": made.driver, "id": PLUGGED, "bus": "usb.0"});
        self.qemu
            .qmp
            .command("device_add", &arguments, soon())
            .map(drop)
    }

    /// Pulls it out, and waits until the guest has noticed.
    pub fn unplug_usb(&mut self, made: Made) -> Result<()> {
        self.qemu
            .qmp
            .command("device_del", &json!({"id": PLUGGED}), soon())?;
        let (vendor, _) = made.id.split_once(':').unwrap_or_default();
        let is_there = format!("grep -qsx {vendor} /sys/bus/usb/devices/*/idVendor");
        self.ok(&format!(
            "timeout 15 sh -c 'while {is_there}; do udevadm settle; done' && udevadm settle"
        ))
        .map(drop)
    }
}
