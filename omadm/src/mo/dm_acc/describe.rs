//! The description of accounts.

use super::super::extension;
use super::URN;
use crate::ddf::{self, Access, Node, Occurrence};
use crate::tnds::Format;

/// What an entry that can be read and written takes.
const OPEN: [Access; 2] = [Access::Get, Access::Replace];

/// The object's description.
pub fn description() -> Node {
    let maybe = |node: Node| node.occurs(Occurrence::ZeroOrOne);
    let nodes = [
        leaf("AppID", "w7, for OMA DM.").takes([Access::Get]),
        leaf("ServerID", "What access lists call the server."),
        maybe(leaf("Name", "For people.")),
        maybe(leaf("PrefConRef", "The connection to prefer.")),
        maybe(list("ToConRef", [leaf("ConRef", "A connection.")])),
        list("AppAddr", address()),
        maybe(leaf(
            "AAuthPref",
            "What to prove oneself by without being asked.",
        )),
        maybe(list("AppAuth", credential())),
        extension().takes([Access::Add, Access::Get]),
    ];
    Node::object(URN, nodes)
        .occurs(Occurrence::ZeroOrMore)
        .takes([Access::Delete, Access::Get, Access::Replace])
        .described("An account with a management server.")
        .scoped(ddf::Scope::Dynamic)
}

fn leaf(name: &str, what: &str) -> Node {
    Node::leaf(name, Format::Chr).takes(OPEN).described(what)
}

/// An interior node with any number of like children.
fn list(name: &str, nodes: impl IntoIterator<Item = Node>) -> Node {
    let one = Node::interior("", nodes)
        .occurs(Occurrence::OneOrMore)
        .takes([Access::Add, Access::Delete, Access::Get, Access::Replace]);
    Node::interior(name, [one]).takes([Access::Add, Access::Get])
}

fn address() -> [Node; 3] {
    let mut port = Node::leaf("PortNbr", Format::Int).takes(OPEN);
    port = port.described("A port number.");
    [
        leaf("Addr", "The address."),
        leaf("AddrType", "URI, IPv4 or IPv6; URI if nothing is said.")
            .occurs(Occurrence::ZeroOrOne),
        list("Port", [port]).occurs(Occurrence::ZeroOrOne),
    ]
}

fn credential() -> [Node; 5] {
    let maybe = |node: Node| node.occurs(Occurrence::ZeroOrOne);
    let mut data = Node::leaf("AAuthData", Format::Bin).takes([Access::Replace]);
    data.properties.kind = ddf::Kind::Mime(Vec::new());
    [
        leaf("AAuthLevel", "CLCRED, SRVCRED, OBEX or HTTP."),
        maybe(leaf("AAuthType", "BASIC, DIGEST, HMAC, X509 and others.")),
        maybe(leaf("AAuthName", "The user name.")),
        maybe(leaf("AAuthSecret", "The secret.").takes([Access::Replace])),
        maybe(data.described("The next nonce.")),
    ]
}
