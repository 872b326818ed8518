//! `DMAcc`: an account with a management server (OMA DM 1.2 *Standardized Objects*, 5.3).
//!
//! ```text
//!  <instance>            urn:oma:mo:oma-dm-dmacc:1.0
//!   ├ AppID     w7
//!   ├ ServerID           what access lists call the server
//!   ├ Name ?  PrefConRef ?  ToConRef/<n>/ConRef ?
//!   ├ AppAddr/<n>        Addr, AddrType ?, Port/<n>/PortNbr ?
//!   ├ AAuthPref ?        what to prove oneself by without being asked
//!   ├ AppAuth/<n> ?      AAuthLevel, AAuthType ?, AAuthName ?, AAuthSecret ?, AAuthData ?
//!   └ Ext ?
//! ```
//!
//! Secrets and nonces can be written and never read.

mod describe;
mod proof;

pub use describe::description;

use super::{Unreadable, children, chr, counted, int, missing, number, optional_text, text};
use crate::tnds::{Format, Node};

/// The object's identifier.
pub const URN: &str = "urn:oma:mo:oma-dm-dmacc:1.0";
/// `AppID` of OMA DM.
pub const APP_ID: &str = "w7";

/// What an account says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// `ServerID`.
    pub server_id: String,
    /// `Name`, for people.
    pub name: Option<String>,
    /// `PrefConRef`: the connection to prefer.
    pub preferred_connection: Option<String>,
    /// `ToConRef`: connections that may be used.
    pub connections: Vec<String>,
    /// `AppAddr`: where the server is; one at least.
    pub addresses: Vec<Address>,
    /// `AAuthPref`: what to prove oneself by without being asked, such as `DIGEST`.
    pub preferred_auth: Option<String>,
    /// `AppAuth`: how the two prove who they are.
    pub credentials: Vec<Credential>,
    /// `Ext`: what vendors add.
    pub extensions: Vec<Node>,
}

/// Where a server is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// `Addr`.
    pub address: String,
    /// `AddrType`: what `Addr` is.
    pub kind: AddressKind,
    /// `PortNbr` of each `Port`.
    pub ports: Vec<u16>,
}

/// What an address is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// `URI`; what an account means that does not say.
    #[default]
    Uri,
    /// `IPv4`.
    Ipv4,
    /// `IPv6`.
    Ipv6,
}

/// How one side proves itself to the other.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// `AAuthLevel`: who, and on which layer.
    pub level: Level,
    /// `AAuthType`: how, such as `DIGEST`; see [`Scheme::from_account_name`](crate::auth::Scheme).
    pub kind: Option<String>,
    /// `AAuthName`.
    pub name: Option<String>,
    /// `AAuthSecret`.
    pub secret: Option<String>,
    /// `AAuthData`: the next nonce.
    pub data: Option<Vec<u8>>,
}

/// Who proves itself, and on which layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// `CLCRED`: the client to the server.
    Client,
    /// `SRVCRED`: the server to the client.
    Server,
    /// `OBEX`: the client, to OBEX.
    Obex,
    /// `HTTP`: the client, to HTTP.
    Http,
}

impl Level {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Client, "CLCRED"),
        (Self::Server, "SRVCRED"),
        (Self::Obex, "OBEX"),
        (Self::Http, "HTTP"),
    ];
}

impl AddressKind {
    const ALL: [(Self, &'static str); 3] = [
        (Self::Uri, "URI"),
        (Self::Ipv4, "IPv4"),
        (Self::Ipv6, "IPv6"),
    ];
}

/// The word for a value, in one of the tables above.
fn word<T: PartialEq>(table: &[(T, &'static str)], value: &T) -> &'static str {
    table
        .iter()
        .find(|(known, _)| known == value)
        .map_or("", |(_, word)| word)
}

/// The value for a word, in one of the tables above.
fn value<T: Copy>(table: &[(T, &'static str)], word: &str) -> Option<T> {
    let mut table = table.iter();
    table
        .find(|(_, known)| *known == word)
        .map(|(value, _)| *value)
}

impl std::fmt::Debug for Credential {
    /// Secrets are shown nowhere.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential")
            .field("level", &self.level)
            .field("kind", &self.kind)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Account {
    /// An account with a server at this address, and TLS to prove both.
    pub fn new(server_id: impl Into<String>, uri: impl Into<String>) -> Self {
        Self {
            server_id: server_id.into(),
            addresses: vec![Address {
                address: uri.into(),
                ..Address::default()
            }],
            ..Self::default()
        }
    }

    /// The object, as an instance of this name.
    pub fn to_node(&self, instance: impl Into<String>) -> Node {
        let optional = |name, text: &Option<String>| text.as_ref().map(|text| chr(name, text));
        let mut nodes = vec![chr("AppID", APP_ID), chr("ServerID", &self.server_id)];
        nodes.extend(optional("Name", &self.name));
        nodes.extend(optional("PrefConRef", &self.preferred_connection));
        let connections = self.connections.iter().map(|it| vec![chr("ConRef", it)]);
        nodes.extend(counted("ToConRef", connections));
        nodes.extend(counted(
            "AppAddr",
            self.addresses.iter().map(Address::to_nodes),
        ));
        nodes.extend(optional("AAuthPref", &self.preferred_auth));
        let credentials = self.credentials.iter().map(Credential::to_nodes);
        nodes.extend(counted("AppAuth", credentials));
        if !self.extensions.is_empty() {
            nodes.push(Node::interior("Ext", self.extensions.clone()));
        }
        Node::interior(instance, nodes).of_kind(URN)
    }

    /// Reads an instance. Nodes that an account does not have are not looked at.
    pub fn from_node(root: &Node) -> Result<Self, Unreadable> {
        if text(root, "AppID")? != APP_ID {
            return Err(missing("AppID", "w7, for OMA DM"));
        }
        let addresses = children(root, "AppAddr").into_iter();
        let addresses: Vec<Address> = addresses
            .map(Address::from_node)
            .collect::<Result<_, _>>()?;
        if addresses.is_empty() {
            return Err(missing("AppAddr", "an address"));
        }
        let connections = children(root, "ToConRef").into_iter();
        let credentials = children(root, "AppAuth").into_iter();
        Ok(Self {
            server_id: text(root, "ServerID")?,
            name: optional_text(root, "Name")?,
            preferred_connection: optional_text(root, "PrefConRef")?,
            connections: connections
                .map(|node| text(node, "ConRef"))
                .collect::<Result<_, _>>()?,
            addresses,
            preferred_auth: optional_text(root, "AAuthPref")?,
            credentials: credentials
                .map(Credential::from_node)
                .collect::<Result<_, _>>()?,
            extensions: children(root, "Ext").into_iter().cloned().collect(),
        })
    }
}

impl Address {
    fn to_nodes(&self) -> Vec<Node> {
        let kind = word(&AddressKind::ALL, &self.kind);
        let mut nodes = vec![chr("Addr", &self.address), chr("AddrType", kind)];
        let ports = self.ports.iter().map(|port| vec![int("PortNbr", *port)]);
        nodes.extend(counted("Port", ports));
        nodes
    }

    fn from_node(node: &Node) -> Result<Self, Unreadable> {
        let kind = match optional_text(node, "AddrType")? {
            None => AddressKind::Uri,
            Some(word) => value(&AddressKind::ALL, &word)
                .ok_or_else(|| missing("AddrType", "URI, IPv4 or IPv6"))?,
        };
        let ports = children(node, "Port").into_iter();
        Ok(Self {
            address: text(node, "Addr")?,
            kind,
            ports: ports
                .map(|node| number(node, "PortNbr"))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Credential {
    fn to_nodes(&self) -> Vec<Node> {
        let optional = |name, text: &Option<String>| text.as_ref().map(|text| chr(name, text));
        let mut nodes = vec![chr("AAuthLevel", word(&Level::ALL, &self.level))];
        nodes.extend(optional("AAuthType", &self.kind));
        nodes.extend(optional("AAuthName", &self.name));
        nodes.extend(optional("AAuthSecret", &self.secret));
        let data = self.data.clone();
        nodes.extend(data.map(|octets| Node::leaf("AAuthData", Format::Bin, octets)));
        nodes
    }

    fn from_node(node: &Node) -> Result<Self, Unreadable> {
        let level = value(&Level::ALL, &text(node, "AAuthLevel")?);
        let data = node.at("AAuthData").and_then(Node::value);
        Ok(Self {
            level: level.ok_or_else(|| missing("AAuthLevel", "CLCRED, SRVCRED, OBEX or HTTP"))?,
            kind: optional_text(node, "AAuthType")?,
            name: optional_text(node, "AAuthName")?,
            secret: optional_text(node, "AAuthSecret")?,
            data: data.map(|octets| octets.as_bytes().to_vec()),
        })
    }
}
