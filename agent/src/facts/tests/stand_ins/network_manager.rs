//! `org.freedesktop.NetworkManager`.

use super::{OwnedObjectPath, PrivateBus, changed, object, watch};

const PATH: &str = "/org/freedesktop/NetworkManager";
const ACTIVE: &str = "/org/freedesktop/NetworkManager/ActiveConnection/1";
const ACCESS_POINT: &str = "/org/freedesktop/NetworkManager/AccessPoint/1";
const DEVICE: &str = "/org/freedesktop/NetworkManager/Devices/2";
const IP4: &str = "/org/freedesktop/NetworkManager/IP4Config/3";

struct Root(watch::Receiver<bool>);

#[zbus::interface(name = "org.freedesktop.NetworkManager")]
impl Root {
    #[zbus(property)]
    fn active_connections(&self) -> Vec<OwnedObjectPath> {
        if *self.0.borrow() {
            vec![object(ACTIVE)]
        } else {
            Vec::new()
        }
    }
}

struct Active;

#[zbus::interface(name = "org.freedesktop.NetworkManager.Connection.Active")]
impl Active {
    #[zbus(property)]
    fn id(&self) -> &'static str {
        "Head office"
    }
    #[zbus(property)]
    fn state(&self) -> u32 {
        2
    }
    #[zbus(property, name = "Type")]
    fn kind(&self) -> &'static str {
        "802-11-wireless"
    }
    #[zbus(property)]
    fn devices(&self) -> Vec<OwnedObjectPath> {
        vec![object(DEVICE)]
    }
    #[zbus(property)]
    fn ip4_config(&self) -> OwnedObjectPath {
        object(IP4)
    }
    #[zbus(property)]
    fn ip6_config(&self) -> OwnedObjectPath {
        object("/")
    }
    #[zbus(property)]
    fn specific_object(&self) -> OwnedObjectPath {
        object(ACCESS_POINT)
    }
}

struct AccessPoint;

#[zbus::interface(name = "org.freedesktop.NetworkManager.AccessPoint")]
impl AccessPoint {
    #[zbus(property)]
    fn ssid(&self) -> Vec<u8> {
        b"corp".to_vec()
    }
}

struct Device;

#[zbus::interface(name = "org.freedesktop.NetworkManager.Device")]
impl Device {
    #[zbus(property)]
    fn interface(&self) -> &'static str {
        "lo"
    }
    #[zbus(property)]
    fn ip_interface(&self) -> &'static str {
        ""
    }
}

struct Ip4;

#[zbus::interface(name = "org.freedesktop.NetworkManager.IP4Config")]
impl Ip4 {
    #[zbus(property)]
    fn gateway(&self) -> &'static str {
        "198.51.100.1"
    }
    #[zbus(property)]
    fn domains(&self) -> Vec<&'static str> {
        vec!["Corp.Example."]
    }
    #[zbus(property)]
    fn searches(&self) -> Vec<&'static str> {
        vec!["lab.example", "~."]
    }
}

pub(crate) struct NetworkManager {
    bus: zbus::Connection,
    connected: watch::Sender<bool>,
}

pub(crate) async fn start(bus: &PrivateBus) -> NetworkManager {
    let (connected, told) = watch::channel(false);
    let bus = bus
        .builder()
        .serve_at(PATH, Root(told))
        .serve_at(ACTIVE, Active)
        .serve_at(ACCESS_POINT, AccessPoint)
        .serve_at(DEVICE, Device)
        .serve_at(IP4, Ip4)
        .name("org.freedesktop.NetworkManager")
        .build()
        .await
        .unwrap();
    NetworkManager { bus, connected }
}

impl NetworkManager {
    pub(crate) async fn connect(&self) {
        self.connected.send_replace(true);
        changed(&self.bus, PATH, "org.freedesktop.NetworkManager").await;
    }

    pub(crate) async fn disconnect(&self) {
        self.connected.send_replace(false);
        changed(&self.bus, PATH, "org.freedesktop.NetworkManager").await;
    }
}
