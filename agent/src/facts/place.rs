//! Where the device is, as `GeoClue` says (`org.freedesktop.GeoClue2`).
//!
//! The place that `GeoClue` gave last holds until it gives another: it tells when the device has
//! moved, so that an old place is where the device still is. When `GeoClue` goes away, the place is
//! not known.

use cardwarden_policy::facts::{Fix, Point};
use zbus::{OwnedObjectPath, Variant};

use super::Slot;
use super::bus::Bus;
use super::service::{Error, Peer, Properties, Service, Signal, follow};

const MANAGER_PATH: &str = "/org/freedesktop/GeoClue2/Manager";
const MANAGER: &str = "org.freedesktop.GeoClue2.Manager";
const CLIENT: &str = "org.freedesktop.GeoClue2.Client";
const LOCATION: &str = "org.freedesktop.GeoClue2.Location";
/// The name by which `GeoClue`'s configuration knows this program.
const DESKTOP_ID: &str = "cardwarden";
/// `GCLUE_ACCURACY_LEVEL_EXACT`.
const EXACT: u32 = 8;
/// Radius, in metres, beyond which a fix says nothing: half the way round the Earth.
const MAX_ACCURACY: f64 = 20_037_508.0;

/// Tells the place, finely enough for fences of `metres`.
pub(super) async fn provide(metres: u32, bus: Bus, slot: &Slot<Fix>) {
    let mut geoclue = GeoClue {
        // A fence is not left or entered unnoticed by more than half its size.
        threshold: (metres / 2).max(1),
        client: None,
    };
    follow(bus, &mut geoclue, |fix| slot.tell(fix)).await;
}

struct GeoClue {
    /// Metres that the device must move for `GeoClue` to tell.
    threshold: u32,
    /// Our client at `GeoClue`, and the `GeoClue` that made it.
    client: Option<Client>,
}

struct Client {
    owner: String,
    path: String,
}

impl Service for GeoClue {
    const NAME: &'static str = "org.freedesktop.GeoClue2";
    const STARTED: bool = true;
    type Fact = Fix;

    fn signals() -> Vec<Signal> {
        vec![
            Signal::named(CLIENT, "LocationUpdated"),
            Signal::change_of(CLIENT),
        ]
    }

    async fn read(&mut self, peer: &Peer<'_>) -> Result<Option<Fix>, Error> {
        let path = match &self.client {
            Some(client) if client.owner == peer.owner() => client.path.clone(),
            _ => {
                let path = self.register(peer).await?;
                self.client = Some(Client {
                    owner: peer.owner().to_owned(),
                    path: path.clone(),
                });
                path
            }
        };
        let client = match peer.property((&path, CLIENT), "Location").await {
            Ok(client) => client,
            Err(error) => {
                // GeoClue has let go of it: the next look asks for another.
                self.client = None;
                return Err(error);
            }
        };
        match client.object("Location")? {
            Some(location) => fix(&peer.properties((&location, LOCATION)).await?),
            None => Ok(None),
        }
    }
}

impl GeoClue {
    async fn register(&self, peer: &Peer<'_>) -> Result<String, Error> {
        let client: OwnedObjectPath = peer.call((MANAGER_PATH, MANAGER), "GetClient", &()).await?;
        let client = client.as_str();
        for (name, value) in [
            ("DesktopId", Variant::from(DESKTOP_ID)),
            ("RequestedAccuracyLevel", Variant::from(EXACT)),
            ("DistanceThreshold", Variant::from(self.threshold)),
        ] {
            peer.set((client, CLIENT), name, &value).await?;
        }
        peer.call::<_, ()>((client, CLIENT), "Start", &()).await?;
        Ok(client.to_owned())
    }
}

fn fix(location: &Properties) -> Result<Option<Fix>, Error> {
    let at = Point::new(location.get("Latitude")?, location.get("Longitude")?);
    let accuracy = metres(location.get("Accuracy")?);
    Ok(at.zip(accuracy).map(|(at, accuracy)| Fix { at, accuracy }))
}

/// A radius, rounded up: a fix is never made to look better than it is.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within 0 and 20,037,508 by the check"
)]
fn metres(accuracy: f64) -> Option<u32> {
    (0.0..=MAX_ACCURACY)
        .contains(&accuracy)
        .then(|| accuracy.ceil() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_radius_is_rounded_up_and_nonsense_is_none() {
        assert_eq!(metres(12.01), Some(13));
        assert_eq!(metres(0.0), Some(0));
        for nonsense in [-1.0, f64::NAN, f64::INFINITY, 1e9] {
            assert_eq!(metres(nonsense), None, "{nonsense}");
        }
    }
}
