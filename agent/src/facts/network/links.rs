//! The connections of a system without `NetworkManager`: interfaces that have a carrier and an
//! address.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

use netlink_packet_core::Parseable;
use netlink_packet_route::address::{AddressHeader, AddressMessage, AddressScope};
use netlink_packet_route::link::{LinkFlags, LinkHeader, LinkMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType,
};
use nix::net::if_::if_indextoname;

use super::Found;
use super::netlink::ROUTE;
use crate::netlink::{Answer, query};

/// Connections that are looked at.
const MAX_CONNECTIONS: usize = 64;

/// Reads them. All have the domains of the resolver, which knows of no interfaces.
pub(super) fn connections(domains: &BTreeSet<String>) -> io::Result<Vec<Found>> {
    let mut up = BTreeSet::new();
    query(
        ROUTE,
        libc::RTM_GETLINK,
        Answer::All,
        &LinkMessage::default(),
        |body| up.extend(link(body)),
    )?;
    let mut addressed = BTreeSet::new();
    query(
        ROUTE,
        libc::RTM_GETADDR,
        Answer::All,
        &AddressMessage::default(),
        |body| addressed.extend(address(body)),
    )?;
    let mut routes = Vec::new();
    query(
        ROUTE,
        libc::RTM_GETROUTE,
        Answer::All,
        &RouteMessage::default(),
        |body| routes.extend(default_route(body)),
    )?;
    let gateways = gateways(routes);
    let connected: Vec<u32> = up.intersection(&addressed).copied().collect();
    if connected.len() > MAX_CONNECTIONS {
        return Err(io::Error::other("too many connections"));
    }
    let named = |interface| {
        // An interface that has just gone has no name, and an event says so.
        let name = if_indextoname(interface).ok()?;
        Some(Found {
            id: name.to_string_lossy().into_owned(),
            ssid: None,
            domains: domains.clone(),
            interface: Some(interface),
            gateways: gateways.get(&interface).cloned().unwrap_or_default(),
        })
    };
    Ok(connected.into_iter().filter_map(named).collect())
}

/// An interface that is up, has a carrier, and leads out of the device.
fn link(body: &[u8]) -> Option<u32> {
    let header = LinkHeader::parse(body).ok()?;
    let wanted = LinkFlags::Up | LinkFlags::LowerUp;
    let leads_out = header.flags.contains(wanted) && !header.flags.contains(LinkFlags::Loopback);
    leads_out.then_some(header.index)
}

/// An interface that has an address beyond its own link.
fn address(body: &[u8]) -> Option<u32> {
    let header = AddressHeader::parse(body).ok()?;
    (header.scope == AddressScope::Universe).then_some(header.index)
}

/// A default route of the main table.
struct DefaultRoute {
    interface: u32,
    gateway: IpAddr,
    metric: u32,
}

fn default_route(body: &[u8]) -> Option<DefaultRoute> {
    let header = RouteHeader::parse(body).ok()?;
    let everywhere = header.destination_prefix_length == 0
        && header.table == RouteHeader::RT_TABLE_MAIN
        && header.kind == RouteType::Unicast;
    if !everywhere {
        return None;
    }
    let (mut interface, mut gateway, mut metric) = (None, None, 0);
    for attribute in RouteMessage::parse(body).ok()?.attributes {
        if let RouteAttribute::Oif(index) = attribute {
            interface = Some(index);
        } else if let RouteAttribute::Priority(priority) = attribute {
            metric = priority;
        } else if let RouteAttribute::Gateway(RouteAddress::Inet(ip)) = attribute {
            gateway = Some(ip.into());
        } else if let RouteAttribute::Gateway(RouteAddress::Inet6(ip)) = attribute {
            gateway = Some(ip.into());
        }
    }
    Some(DefaultRoute {
        interface: interface?,
        gateway: gateway?,
        metric,
    })
}

/// The gateways of each interface: IPv4 before IPv6, the preferred one first.
fn gateways(mut routes: Vec<DefaultRoute>) -> BTreeMap<u32, Vec<IpAddr>> {
    routes.sort_by_key(|route| (route.gateway.is_ipv6(), route.metric));
    let mut gateways: BTreeMap<u32, Vec<IpAddr>> = BTreeMap::new();
    for route in routes {
        gateways
            .entry(route.interface)
            .or_default()
            .push(route.gateway);
    }
    gateways
}

#[cfg(test)]
mod tests {
    use netlink_packet_core::Emitable;

    use super::*;

    fn bytes(message: &impl Emitable) -> Vec<u8> {
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        bytes
    }

    fn route(gateway: &str, metric: u32) -> RouteMessage {
        let gateway: IpAddr = gateway.parse().unwrap();
        let mut route = RouteMessage::default();
        route.header.address_family = if gateway.is_ipv4() {
            netlink_packet_route::AddressFamily::Inet
        } else {
            netlink_packet_route::AddressFamily::Inet6
        };
        route.header.table = RouteHeader::RT_TABLE_MAIN;
        route.header.kind = RouteType::Unicast;
        route.attributes = vec![
            RouteAttribute::Oif(2),
            RouteAttribute::Priority(metric),
            RouteAttribute::Gateway(gateway.into()),
        ];
        route
    }

    #[test]
    fn the_preferred_default_gateway_comes_first() {
        let routes = [("fe80::1", 1), ("192.0.2.9", 600), ("192.0.2.1", 100)]
            .map(|(gateway, metric)| default_route(&bytes(&route(gateway, metric))).unwrap());
        let gateways = gateways(routes.into());
        let expected =
            ["192.0.2.1", "192.0.2.9", "fe80::1"].map(|ip| ip.parse::<IpAddr>().unwrap());
        assert_eq!(gateways.get(&2).unwrap(), &expected);
    }

    #[test]
    fn a_route_to_one_network_is_no_default_route() {
        let mut narrow = route("192.0.2.1", 0);
        narrow.header.destination_prefix_length = 24;
        assert!(default_route(&bytes(&narrow)).is_none());
        assert!(default_route(b"").is_none());
    }

    #[test]
    fn an_interface_needs_a_carrier_and_must_lead_out() {
        let mut message = LinkMessage::default();
        message.header.index = 5;
        for (flags, expected) in [
            (LinkFlags::Up | LinkFlags::LowerUp, Some(5)),
            (LinkFlags::Up, None),
            (
                LinkFlags::Up | LinkFlags::LowerUp | LinkFlags::Loopback,
                None,
            ),
        ] {
            message.header.flags = flags;
            assert_eq!(link(&bytes(&message)), expected);
        }
    }

    #[test]
    fn the_kernel_answers() {
        let found = connections(&BTreeSet::new()).unwrap();
        assert!(found.iter().all(|connection| connection.id != "lo"));
    }
}
