//! `org.freedesktop.GeoClue2`.

use super::{OwnedObjectPath, PrivateBus, object, signal, watch};

const CLIENT: &str = "/org/freedesktop/GeoClue2/Client/1";
const LOCATION: &str = "/org/freedesktop/GeoClue2/Client/1/Location/0";

#[derive(Clone, Default)]
struct State {
    desktop: String,
    level: u32,
    threshold: u32,
    started: bool,
    fix: Option<(f64, f64, f64)>,
}

type Shared = watch::Sender<State>;

struct Manager;

#[zbus::interface(name = "org.freedesktop.GeoClue2.Manager")]
impl Manager {
    fn get_client(&self) -> OwnedObjectPath {
        object(CLIENT)
    }
}

struct Client(Shared);

#[zbus::interface(name = "org.freedesktop.GeoClue2.Client")]
impl Client {
    fn start(&self) {
        self.0.send_modify(|state| state.started = true);
    }
    #[zbus(property)]
    fn location(&self) -> OwnedObjectPath {
        let state = self.0.borrow();
        let known = state.started && state.fix.is_some();
        object(if known { LOCATION } else { "/" })
    }
    #[zbus(property)]
    fn desktop_id(&self) -> String {
        self.0.borrow().desktop.clone()
    }
    #[zbus(property)]
    fn set_desktop_id(&self, desktop: String) {
        self.0.send_modify(|state| state.desktop = desktop);
    }
    #[zbus(property)]
    fn requested_accuracy_level(&self) -> u32 {
        self.0.borrow().level
    }
    #[zbus(property)]
    fn set_requested_accuracy_level(&self, level: u32) {
        self.0.send_modify(|state| state.level = level);
    }
    #[zbus(property)]
    fn distance_threshold(&self) -> u32 {
        self.0.borrow().threshold
    }
    #[zbus(property)]
    fn set_distance_threshold(&self, metres: u32) {
        self.0.send_modify(|state| state.threshold = metres);
    }
}

struct Location(Shared);

impl Location {
    fn fix(&self) -> (f64, f64, f64) {
        self.0.borrow().fix.unwrap_or_default()
    }
}

#[zbus::interface(name = "org.freedesktop.GeoClue2.Location")]
impl Location {
    #[zbus(property)]
    fn latitude(&self) -> f64 {
        self.fix().0
    }
    #[zbus(property)]
    fn longitude(&self) -> f64 {
        self.fix().1
    }
    #[zbus(property)]
    fn accuracy(&self) -> f64 {
        self.fix().2
    }
}

pub(crate) struct GeoClue {
    bus: zbus::Connection,
    state: Shared,
}

pub(crate) async fn start(bus: &PrivateBus) -> GeoClue {
    let state = Shared::new(State::default());
    let bus = bus
        .builder()
        .serve_at("/org/freedesktop/GeoClue2/Manager", Manager)
        .serve_at(CLIENT, Client(state.clone()))
        .serve_at(LOCATION, Location(state.clone()))
        .name("org.freedesktop.GeoClue2")
        .build()
        .await
        .unwrap();
    GeoClue { bus, state }
}

impl GeoClue {
    pub(crate) async fn moved_to(&self, latitude: f64, longitude: f64, accuracy: f64) {
        let fix = Some((latitude, longitude, accuracy));
        self.state.send_modify(|state| state.fix = fix);
        let what = ("org.freedesktop.GeoClue2.Client", "LocationUpdated");
        signal(&self.bus, CLIENT, what, &(object("/"), object(LOCATION))).await;
    }

    /// Who asked, for which accuracy and threshold.
    pub(crate) fn asked(&self) -> (String, u32, u32) {
        let state = self.state.borrow();
        (state.desktop.clone(), state.level, state.threshold)
    }
}
