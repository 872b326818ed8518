//! The kernel's power supplies, as `Documentation/ABI/testing/sysfs-class-power` describes them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cardwarden_policy::facts::{Power, PowerSource};
use tokio::io::unix::AsyncFd;

use crate::ready::readable;

/// Supplies that are looked at.
const MAX_SUPPLIES: usize = 64;
/// Longest attribute that is read, in bytes; sysfs gives a page at most.
const MAX_ATTRIBUTE: u64 = 4096;

/// udev's events of power supplies, as nudges.
pub(super) struct Supplies(AsyncFd<udev::MonitorSocket>);

impl Supplies {
    pub(super) fn listen() -> io::Result<Self> {
        let socket = udev::MonitorBuilder::new()?
            .match_subsystem("power_supply")?
            .listen()?;
        readable(socket).map(Self)
    }

    /// Waits until something has changed. Safe to cancel: an event that was not taken is still
    /// there.
    pub(super) async fn changed(&self) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        let count = ready.get_inner().iter().count();
        ready.clear_ready();
        tracing::trace!("{count} events of power supplies");
        Ok(())
    }
}

/// What one supply says.
#[derive(Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "as the kernel's attributes are"
)]
struct Supply {
    kind: String,
    /// Whether it feeds a peripheral, such as a mouse, and not this device.
    peripheral: bool,
    present: bool,
    online: bool,
    discharging: bool,
    capacity: Option<u8>,
}

/// Reads all supplies. `None` where the kernel knows of no such thing.
pub(super) fn read(class: &Path) -> Option<Power> {
    let supplies: Vec<Supply> = std::fs::read_dir(class)
        .ok()?
        .take(MAX_SUPPLIES)
        .filter_map(Result::ok)
        .filter_map(|entry| supply(&entry.path()))
        .collect();
    Some(power(&supplies))
}

fn supply(folder: &Path) -> Option<Supply> {
    let is = |name, word| attribute(folder, name).as_deref() == Some(word);
    Some(Supply {
        kind: attribute(folder, "type")?,
        peripheral: is("scope", "Device"),
        // Only supplies that can be taken out say whether they are there.
        present: !is("present", "0"),
        // 1: fixed; 2: programmable.
        online: is("online", "1") || is("online", "2"),
        discharging: is("status", "Discharging"),
        capacity: attribute(folder, "capacity")
            .and_then(|text| text.parse().ok())
            .filter(|capacity| *capacity <= 100),
    })
}

fn attribute(folder: &Path, name: &str) -> Option<String> {
    let mut text = String::new();
    File::open(folder.join(name))
        .ok()?
        .take(MAX_ATTRIBUTE)
        .read_to_string(&mut text)
        .ok()?;
    Some(text.trim().to_owned())
}

/// What all supplies mean together. A device without a battery can only be fed from outside. One
/// with batteries is fed by them when no other supply is online and one of them discharges, or when
/// it has other supplies and none is online.
fn power(supplies: &[Supply]) -> Power {
    let ours = || supplies.iter().filter(|supply| !supply.peripheral);
    let batteries: Vec<&Supply> = ours()
        .filter(|supply| supply.kind == "Battery" && supply.present)
        .collect();
    let mut others = ours().filter(|supply| supply.kind != "Battery").peekable();
    let has_others = others.peek().is_some();
    let fed = others.any(|supply| supply.online);
    let discharges = batteries.iter().any(|battery| battery.discharging);
    let drains = !batteries.is_empty() && !fed && (discharges || has_others);
    Power {
        source: if drains {
            PowerSource::Battery
        } else {
            PowerSource::Mains
        },
        charge: charge(&batteries),
    }
}

/// The mean charge of the batteries that tell theirs, rounded down.
fn charge(batteries: &[&Supply]) -> Option<u8> {
    let charges: Vec<u32> = batteries
        .iter()
        .filter_map(|battery| battery.capacity.map(u32::from))
        .collect();
    let count = u32::try_from(charges.len()).ok()?;
    let mean = charges.iter().sum::<u32>().checked_div(count)?;
    u8::try_from(mean).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mains(online: bool) -> Supply {
        Supply {
            kind: "Mains".to_owned(),
            present: true,
            online,
            ..Supply::default()
        }
    }

    fn battery(capacity: u8, discharging: bool) -> Supply {
        Supply {
            kind: "Battery".to_owned(),
            present: true,
            capacity: Some(capacity),
            discharging,
            ..Supply::default()
        }
    }

    fn is(source: PowerSource, charge: Option<u8>) -> Power {
        Power { source, charge }
    }

    #[test]
    fn what_feeds_a_device_follows_from_all_its_supplies() {
        use PowerSource::{Battery, Mains};
        assert_eq!(power(&[]), is(Mains, None));
        assert_eq!(
            power(&[mains(false), battery(40, true)]),
            is(Battery, Some(40))
        );
        assert_eq!(
            power(&[mains(true), battery(40, true)]),
            is(Mains, Some(40))
        );
        assert_eq!(
            power(&[mains(false), battery(100, false)]),
            is(Battery, Some(100))
        );
        assert_eq!(power(&[battery(7, true)]), is(Battery, Some(7)));
        assert_eq!(power(&[battery(7, false)]), is(Mains, Some(7)));
        assert_eq!(
            power(&[battery(10, true), battery(91, false)]),
            is(Battery, Some(50))
        );
    }

    #[test]
    fn a_battery_that_is_out_or_in_a_mouse_does_not_count() {
        let mouse = Supply {
            peripheral: true,
            ..battery(3, true)
        };
        let out = Supply {
            present: false,
            ..battery(0, true)
        };
        assert_eq!(power(&[mouse, out]), is(PowerSource::Mains, None));
    }

    #[test]
    fn supplies_are_read_as_the_kernel_writes_them() {
        let class = tempfile::tempdir().unwrap();
        assert_eq!(read(&class.path().join("missing")), None);
        for (path, text) in [
            ("BAT0/type", "Battery\n"),
            ("BAT0/present", "1\n"),
            ("BAT0/status", "Discharging\n"),
            ("BAT0/capacity", "83\n"),
            ("AC/type", "Mains\n"),
            ("AC/online", "0\n"),
            ("odd/online", "1\n"),
        ] {
            let file = class.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            io::Write::write_all(&mut File::create(file).unwrap(), text.as_bytes()).unwrap();
        }
        assert_eq!(read(class.path()), Some(is(PowerSource::Battery, Some(83))));
    }
}
