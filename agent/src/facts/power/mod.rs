//! Where the power comes from: `UPower` where it runs, else the kernel's power supplies.

mod sysfs;

use std::path::Path;

use cardwarden_policy::facts::{Power, PowerSource};
use tokio::sync::watch;

use super::bus::Bus;
use super::service::{Error, Peer, Service, Signal, follow};
use super::{Complaint, PAUSE, Slot};
use sysfs::Supplies;

const PATH: &str = "/org/freedesktop/UPower";
const UPOWER: &str = "org.freedesktop.UPower";
const BATTERIES_PATH: &str = "/org/freedesktop/UPower/devices/DisplayDevice";
const DEVICE: &str = "org.freedesktop.UPower.Device";

/// What is known of `UPower`: nothing yet, that it tells nothing, or what it tells.
type View = Option<Option<Power>>;

pub(super) async fn provide(bus: Bus, supplies: &Path, slot: &Slot<Power>) {
    let (told, view) = watch::channel(View::None);
    let mut upower = UPower;
    // Cancel-safe: both only run until this provider is not wanted any more.
    tokio::select! {
        () = follow(bus, &mut upower, |power| {
            told.send_replace(Some(power));
        }) => {}
        () = choose(view, supplies, slot) => {}
    }
}

/// Tells what `UPower` tells, and what the kernel tells where `UPower` does not.
async fn choose(mut view: watch::Receiver<View>, supplies: &Path, slot: &Slot<Power>) {
    loop {
        let present = *view.borrow_and_update();
        // Cancel-safe: the kernel's supplies are read anew whenever they are needed.
        let changed = match present {
            None => view.changed().await,
            Some(Some(power)) => {
                slot.tell(Some(power));
                view.changed().await
            }
            Some(None) => tokio::select! {
                changed = view.changed() => changed,
                () = kernel(supplies, slot) => return,
            },
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Tells what the kernel says, at each of its events.
async fn kernel(supplies: &Path, slot: &Slot<Power>) {
    let mut complaint = Complaint::default();
    let events = match Supplies::listen() {
        Ok(events) => Some(events),
        Err(error) => {
            complaint.say(format!(
                "cannot listen to power supplies: {error}; they are read once"
            ));
            None
        }
    };
    loop {
        slot.tell(sysfs::read(supplies));
        tokio::time::sleep(PAUSE).await;
        let changed = match &events {
            Some(events) => events.changed().await,
            None => std::future::pending().await,
        };
        if let Err(error) = changed {
            tracing::warn!("cannot listen to power supplies: {error}");
            slot.tell(None);
            std::future::pending::<()>().await;
        }
    }
}

struct UPower;

impl Service for UPower {
    const NAME: &'static str = UPOWER;
    type Fact = Power;

    fn signals() -> Vec<Signal> {
        vec![Signal::change_of(UPOWER), Signal::change_of(DEVICE)]
    }

    async fn read(&mut self, peer: &Peer<'_>) -> Result<Option<Power>, Error> {
        let on_battery: bool = peer
            .property((PATH, UPOWER), "OnBattery")
            .await?
            .get("OnBattery")?;
        let batteries = peer.properties((BATTERIES_PATH, DEVICE)).await?;
        let charge = if batteries.get("IsPresent")? {
            percent(batteries.get("Percentage")?)
        } else {
            None
        };
        let source = if on_battery {
            PowerSource::Battery
        } else {
            PowerSource::Mains
        };
        Ok(Some(Power { source, charge }))
    }
}

/// A charge, rounded down: a battery is never made to look fuller than it is.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within 0 and 100 by the check"
)]
fn percent(charge: f64) -> Option<u8> {
    (0.0..=100.0).contains(&charge).then_some(charge as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_rounded_down_and_nonsense_is_none() {
        assert_eq!(percent(99.9), Some(99));
        assert_eq!(percent(100.0), Some(100));
        for nonsense in [-0.1, 100.1, f64::NAN] {
            assert_eq!(percent(nonsense), None, "{nonsense}");
        }
    }
}
