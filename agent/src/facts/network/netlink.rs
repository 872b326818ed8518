//! Links, routes and neighbours, as the kernel tells them (`rtnetlink(7)`).

use std::io;
use std::os::fd::AsRawFd as _;

use netlink_packet_core::Parseable as _;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use nix::errno::Errno;
use nix::sys::socket::{NetlinkAddr, SockFlag, SockProtocol, bind};
use tokio::io::unix::AsyncFd;

use super::{Gateway, Mac};
use crate::netlink::{Answer, Socket, messages, query};
use crate::ready::readable;

/// The protocol of all this.
pub(super) const ROUTE: SockProtocol = SockProtocol::NetlinkRoute;
/// Room for one event; of one that is longer, the beginning is enough to know its kind.
const EVENT: usize = 4 * 1024;
/// The kernel's events, as nudges.
pub(super) struct Events(AsyncFd<Socket>);

impl Events {
    /// Listens to links, addresses, routes and neighbours.
    pub(super) fn listen() -> io::Result<Self> {
        let socket = Socket::new(ROUTE, SockFlag::SOCK_NONBLOCK)?;
        let groups = [
            libc::RTMGRP_LINK,
            libc::RTMGRP_NEIGH,
            libc::RTMGRP_IPV4_IFADDR,
            libc::RTMGRP_IPV4_ROUTE,
            libc::RTMGRP_IPV6_IFADDR,
            libc::RTMGRP_IPV6_ROUTE,
        ];
        let groups = groups.into_iter().fold(0, |all, group| all | group);
        let groups = u32::try_from(groups).map_err(io::Error::other)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
        readable(socket).map(Self)
    }

    /// Waits until links, addresses or routes change, or the hardware address of one of
    /// `gateways`: other neighbours come and go all the time. Safe to cancel: an event that was not
    /// taken is still there.
    pub(super) async fn changed(&self, gateways: &[Gateway]) -> io::Result<()> {
        let mut buffer = vec![0; EVENT];
        loop {
            let mut ready = self.0.readable().await?;
            let mut matters = false;
            loop {
                match ready.get_inner().read(&mut buffer) {
                    Ok(Some(bytes)) => {
                        messages(bytes, |kind, body| {
                            matters |= concerns(kind, body, gateways);
                        });
                    }
                    Ok(None) | Err(Errno::EINTR) => {}
                    Err(Errno::EAGAIN) => break,
                    // Events were lost.
                    Err(Errno::ENOBUFS) => matters = true,
                    Err(errno) => return Err(errno.into()),
                }
            }
            ready.clear_ready();
            if matters {
                return Ok(());
            }
        }
    }
}

/// Whether an event may change what is known.
fn concerns(kind: u16, body: &[u8], gateways: &[Gateway]) -> bool {
    if ![libc::RTM_NEWNEIGH, libc::RTM_DELNEIGH].contains(&kind) {
        return true;
    }
    let Some(neighbour) = neighbour(body) else {
        return false;
    };
    gateways.iter().any(|gateway| {
        gateway.interface == neighbour.interface
            && gateway.address == neighbour.address
            && (gateway.mac != neighbour.mac || kind == libc::RTM_DELNEIGH)
    })
}

/// An entry of the neighbour table, if it is one of an IP address.
fn neighbour(body: &[u8]) -> Option<Gateway> {
    let message = NeighbourMessage::parse(body).ok()?;
    // In the other states, the kernel does not vouch for the address (`rtnetlink(7)`).
    let valid = [
        NeighbourState::Reachable,
        NeighbourState::Stale,
        NeighbourState::Delay,
        NeighbourState::Probe,
        NeighbourState::Permanent,
    ]
    .contains(&message.header.state);
    let mut address = None;
    let mut mac = None;
    for attribute in &message.attributes {
        if let NeighbourAttribute::Destination(NeighbourAddress::Inet(ip)) = attribute {
            address = Some((*ip).into());
        } else if let NeighbourAttribute::Destination(NeighbourAddress::Inet6(ip)) = attribute {
            address = Some((*ip).into());
        } else if let NeighbourAttribute::LinkLayerAddress(bytes) = attribute {
            mac = <[u8; 6]>::try_from(bytes.as_slice()).ok().map(Mac);
        }
    }
    Some(Gateway {
        interface: message.header.ifindex,
        address: address?,
        mac: mac.filter(|_| valid),
    })
}

/// The hardware address of a neighbour, if the kernel knows it.
pub(super) fn hardware_address(gateway: &Gateway) -> io::Result<Option<Mac>> {
    let mut wish = NeighbourMessage::default();
    wish.header.ifindex = gateway.interface;
    wish.header.family = if gateway.address.is_ipv4() {
        netlink_packet_route::AddressFamily::Inet
    } else {
        netlink_packet_route::AddressFamily::Inet6
    };
    let destination = NeighbourAttribute::Destination(gateway.address.into());
    wish.attributes.push(destination);
    let mut mac = None;
    let asked = query(ROUTE, libc::RTM_GETNEIGH, Answer::One, &wish, |body| {
        mac = neighbour(body)
            .filter(|found| found.address == gateway.address)
            .and_then(|found| found.mac);
    });
    match asked {
        Ok(()) => Ok(mac),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::Emitable as _;

    const ROUTER: Mac = Mac([2, 0, 0, 0, 0, 1]);

    fn entry(address: &str, mac: Mac, state: NeighbourState) -> Vec<u8> {
        let mut message = NeighbourMessage::default();
        message.header.family = netlink_packet_route::AddressFamily::Inet;
        message.header.ifindex = 3;
        message.header.state = state;
        let address: std::net::IpAddr = address.parse().unwrap();
        message.attributes = vec![
            NeighbourAttribute::Destination(address.into()),
            NeighbourAttribute::LinkLayerAddress(mac.0.to_vec()),
        ];
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        bytes
    }

    fn gateway(mac: Option<Mac>) -> Gateway {
        Gateway {
            interface: 3,
            address: "192.0.2.1".parse().unwrap(),
            mac,
        }
    }

    #[test]
    fn only_a_gateways_own_change_among_neighbours_is_an_event() {
        let event = |bytes: &[u8], known| concerns(libc::RTM_NEWNEIGH, bytes, &[gateway(known)]);
        let router = entry("192.0.2.1", ROUTER, NeighbourState::Reachable);
        assert!(event(&router, None));
        assert!(!event(&router, Some(ROUTER)));
        assert!(event(&router, Some(Mac([9; 6]))));
        assert!(!event(
            &entry("192.0.2.7", ROUTER, NeighbourState::Stale),
            None
        ));
        assert!(!event(b"short", None));
        assert!(concerns(
            libc::RTM_DELNEIGH,
            &router,
            &[gateway(Some(ROUTER))]
        ));
        assert!(concerns(libc::RTM_NEWROUTE, b"", &[]));
    }

    #[test]
    fn an_address_that_the_kernel_does_not_vouch_for_is_none() {
        for state in [NeighbourState::Incomplete, NeighbourState::Failed] {
            let found = neighbour(&entry("192.0.2.1", ROUTER, state)).unwrap();
            assert_eq!(found.mac, None);
        }
    }

    #[test]
    fn a_neighbour_that_nobody_knows_has_no_address() {
        let stranger = Gateway {
            interface: 1,
            address: "198.51.100.77".parse().unwrap(),
            mac: None,
        };
        assert_eq!(hardware_address(&stranger).unwrap(), None);
    }
}
