//! `org.freedesktop.UPower`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{PrivateBus, changed};

const PATH: &str = "/org/freedesktop/UPower";

#[derive(Default)]
struct State {
    on_battery: AtomicBool,
    reads: AtomicUsize,
}

struct Root(Arc<State>);

#[zbus::interface(name = "org.freedesktop.UPower")]
impl Root {
    #[zbus(property)]
    fn on_battery(&self) -> bool {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
        self.0.on_battery.load(Ordering::Relaxed)
    }
}

struct Batteries;

#[zbus::interface(name = "org.freedesktop.UPower.Device")]
impl Batteries {
    #[zbus(property)]
    fn is_present(&self) -> bool {
        true
    }
    #[zbus(property)]
    fn percentage(&self) -> f64 {
        80.9
    }
}

pub(crate) struct UPower {
    bus: zbus::Connection,
    state: Arc<State>,
}

pub(crate) async fn start(bus: &PrivateBus) -> UPower {
    let state = Arc::new(State::default());
    let bus = bus
        .builder()
        .serve_at(PATH, Root(Arc::clone(&state)))
        .serve_at(format!("{PATH}/devices/DisplayDevice"), Batteries)
        .name("org.freedesktop.UPower")
        .build()
        .await
        .unwrap();
    UPower { bus, state }
}

impl UPower {
    pub(crate) async fn unplug(&self) {
        self.state.on_battery.store(true, Ordering::Relaxed);
        changed(&self.bus, PATH, "org.freedesktop.UPower").await;
    }

    /// How often it was asked.
    pub(crate) fn reads(&self) -> usize {
        self.state.reads.load(Ordering::Relaxed)
    }
}
