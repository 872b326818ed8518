//! The active connections, as `NetworkManager` tells them (`org.freedesktop.NetworkManager`).

use std::collections::BTreeSet;
use std::net::IpAddr;

use nix::net::if_::if_nametoindex;
use zbus::OwnedObjectPath;

use super::{Found, domain};
use crate::facts::service::{Error, Peer, Properties, Service, Signal};

const PATH: &str = "/org/freedesktop/NetworkManager";
const ROOT: &str = "org.freedesktop.NetworkManager";
const ACTIVE: &str = "org.freedesktop.NetworkManager.Connection.Active";
const ACCESS_POINT: &str = "org.freedesktop.NetworkManager.AccessPoint";
const ACCESS_POINTS: &str = "/org/freedesktop/NetworkManager/AccessPoint/";
const DEVICE: &str = "org.freedesktop.NetworkManager.Device";
const IP4: &str = "org.freedesktop.NetworkManager.IP4Config";
const IP6: &str = "org.freedesktop.NetworkManager.IP6Config";
/// `NM_ACTIVE_CONNECTION_STATE_ACTIVATED`.
const ACTIVATED: u32 = 2;
/// Active connections that are looked at.
const MAX_CONNECTIONS: usize = 64;
/// Domains of a connection.
const MAX_DOMAINS: usize = 64;
/// Longest name of a wireless network, in bytes (IEEE 802.11).
const MAX_SSID: usize = 32;

/// `NetworkManager`, as a service. Not listened to: the strength of access points, the counters
/// of devices and the results of scans, which change all the time; an active connection tells when
/// it moves to another access point (`SpecificObject`).
pub(super) struct NetworkManager;

impl Service for NetworkManager {
    const NAME: &'static str = "org.freedesktop.NetworkManager";
    type Fact = Vec<Found>;

    fn signals() -> Vec<Signal> {
        [ROOT, ACTIVE, IP4, IP6].map(Signal::change_of).into()
    }

    async fn read(&mut self, peer: &Peer<'_>) -> Result<Option<Vec<Found>>, Error> {
        let root = peer.property((PATH, ROOT), "ActiveConnections").await?;
        let paths: Vec<OwnedObjectPath> =
            root.list("ActiveConnections", "active connections", MAX_CONNECTIONS)?;
        let mut found = Vec::new();
        for path in paths {
            match connection(peer, path.as_str()).await {
                Ok(connection) => found.extend(connection),
                // It ended after it was listed, and a signal says so.
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(found))
    }
}

/// A connection; `None` when it is not yet or not any more active, or leads nowhere.
async fn connection(peer: &Peer<'_>, path: &str) -> Result<Option<Found>, Error> {
    let active = peer.properties((path, ACTIVE)).await?;
    if active.get::<u32>("State")? != ACTIVATED || active.text("Type")? == "loopback" {
        return Ok(None);
    }
    let mut found = Found {
        id: active.text("Id")?,
        ssid: ssid(peer, &active).await?,
        interface: interface(peer, &active).await?,
        ..Found::default()
    };
    for (name, kind) in [("Ip4Config", IP4), ("Ip6Config", IP6)] {
        if let Some(config) = active.object(name)? {
            let config = peer.properties((&config, kind)).await?;
            found.gateways.extend(gateway(&config)?);
            found.domains.append(&mut domains(&config)?);
        }
    }
    Ok(Some(found))
}

async fn ssid(peer: &Peer<'_>, active: &Properties) -> Result<Option<String>, Error> {
    let Some(point) = active
        .object("SpecificObject")?
        .filter(|path| path.starts_with(ACCESS_POINTS))
    else {
        return Ok(None);
    };
    let point = peer.property((&point, ACCESS_POINT), "Ssid").await?;
    let bytes: Vec<u8> = point.list("Ssid", "bytes of a network's name", MAX_SSID)?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

async fn interface(peer: &Peer<'_>, active: &Properties) -> Result<Option<u32>, Error> {
    let devices: Vec<OwnedObjectPath> = active.list("Devices", "devices", MAX_CONNECTIONS)?;
    let Some(device) = devices.first() else {
        return Ok(None);
    };
    let device = peer.properties((device.as_str(), DEVICE)).await?;
    let mut name = device.text("IpInterface")?;
    if name.is_empty() {
        name = device.text("Interface")?;
    }
    Ok(if_nametoindex(name.as_str()).ok())
}

fn gateway(config: &Properties) -> Result<Option<IpAddr>, Error> {
    Ok(config.text("Gateway")?.parse().ok())
}

fn domains(config: &Properties) -> Result<BTreeSet<String>, Error> {
    let mut domains = BTreeSet::new();
    for name in ["Searches", "Domains"] {
        let listed: Vec<String> = config.list(name, "domains", MAX_DOMAINS)?;
        domains.extend(listed.iter().filter_map(|text| domain(text)));
    }
    Ok(domains)
}
