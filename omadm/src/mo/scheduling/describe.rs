//! The description of schedules.

use super::URN;
use crate::ddf::{Access, Kind, Node, Occurrence, Scope};
use crate::tnds::Format;

/// What an entry that can be read and written takes.
const OPEN: [Access; 2] = [Access::Get, Access::Replace];

/// The object's description.
pub fn description() -> Node {
    let maybe = |node: Node| node.occurs(Occurrence::ZeroOrOne);
    let validity = [
        maybe(leaf("NotBefore", "When it begins to count, ISO 8601.")),
        maybe(leaf("NotAfter", "When it ends to count, ISO 8601.")),
    ];
    let runs = |name: &str, what: &str| {
        Node::leaf(name, Format::Null)
            .takes([Access::Exec])
            .described(what)
    };
    let operations = [
        runs("Start", "Watch the conditions."),
        runs("Stop", "Do not watch them."),
    ];
    let mut commands = Node::leaf("Commands", Format::Xml).takes(OPEN);
    commands.properties.kind = Kind::Mime(Vec::new());
    let commands = commands.described("A SyncML message with the commands.");
    let state = Node::leaf("State", Format::Bool).described("Whether it is active.");
    let report = Node::leaf("Report", Format::Bool).takes(OPEN);
    let gating = [report.described("Whether the server is told of the end.")];
    let nodes = [
        maybe(leaf("Name", "For people.")),
        maybe(Node::interior("Validity", validity)),
        leaf("Server", "By whose rights the commands run.").takes([Access::Get]),
        state,
        Node::interior("Operations", operations),
        list("Task", [commands]),
        Node::interior("Condition", condition()),
        Node::interior("Gating", gating),
    ];
    Node::object(URN, nodes)
        .occurs(Occurrence::ZeroOrMore)
        .takes([Access::Delete, Access::Get, Access::Replace])
        .described("Commands that run by themselves.")
        .scoped(Scope::Dynamic)
}

fn condition() -> [Node; 3] {
    let maybe = |node: Node| node.occurs(Occurrence::ZeroOrOne);
    let timer = [
        leaf("Base", "The first time, ISO 8601."),
        maybe(leaf("RecurRule", "When again, an RFC 5545 rule.")),
        maybe(leaf("Duration", "How late it may still run, ISO 8601.")),
    ];
    let interval = Node::leaf("Interval", Format::Int).takes(OPEN);
    let threshold = [
        leaf("NodeURI", "The node that is watched."),
        maybe(leaf("LowVal", "At this value or below.")),
        maybe(leaf("HighVal", "At this value or above.")),
        interval.described("How often it is looked at, in seconds."),
    ];
    let trap = [leaf("TrapRef", "The event's identifier.")];
    [
        maybe(list("Timer", timer)),
        maybe(list("Threshold", threshold)),
        maybe(list("Trap", trap)),
    ]
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
