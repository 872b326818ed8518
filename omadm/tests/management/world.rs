//! A tree with a bit of everything, and a session that acts on it.

use omadm::client::{self, Next, Tree, Value};
use omadm::code::{StatusCode, VER_DTD};
use omadm::ddf::Access;
use omadm::message::{
    Command, CommandId, CommandRef, Group, Header, Item, ItemCommand, Location, Message, MessageId,
    Meta, Results, Status,
};
use omadm::tnds::{Format, Node};
use omadm::tree::{ManagementTree, NothingRuns, Planted, Run};
use omadm::{DevInfo, Encoding, Payload, SessionId};

pub(crate) const ACME: &str = "acme-dm";
pub(crate) const OTHER: &str = "other-dm";

/// `./Vendor` with three leaves that stay; `./Shared`, where the first server may do everything; and
/// `./Inbox`, which puts capabilities below `./DCMO`.
pub(crate) fn tree() -> ManagementTree {
    let mut tree = ManagementTree::new();
    let vendor = Node::interior(
        "Vendor",
        [
            Node::leaf("Mode", Format::Int, "1"),
            Node::leaf("Text", Format::Chr, "as made"),
            Node::leaf("Run", Format::Null, ""),
        ],
    );
    let fixed = Planted::permanent([Access::Get, Access::Replace, Access::Exec, Access::Delete]);
    tree.plant(".", &vendor, &fixed).unwrap();
    let open = Planted::permanent([Access::Get, Access::Add, Access::Replace]);
    for name in ["Shared", "DCMO"] {
        tree.plant(".", &Node::interior(name, []), &open).unwrap();
    }
    let inbox = Planted::permanent([Access::Add]);
    tree.plant(".", &Node::interior("Inbox", []), &inbox)
        .unwrap();
    let capability = Planted::dynamic([Access::Get, Access::Delete]);
    tree.place("urn:oma:mo:oma-dcmo:1.0", "./DCMO", capability);
    let all = "Add=acme-dm&Delete=acme-dm&Exec=acme-dm&Get=*&Replace=acme-dm";
    tree.set_acl("./Vendor", all.parse().unwrap()).unwrap();
    tree.set_acl("./Shared", all.parse().unwrap()).unwrap();
    tree
}

/// Everything can be run, and says so.
#[derive(Debug, Default)]
pub(crate) struct Runs(pub(crate) Vec<String>);

impl Run for Runs {
    fn run(&mut self, server: &str, uri: &str, _: Option<&Payload>, _: Option<&str>) -> StatusCode {
        self.0.push(format!("{server} {uri}"));
        StatusCode::ACCEPTED_FOR_PROCESSING
    }
}

pub(crate) fn act<T>(
    tree: &mut ManagementTree,
    server: &str,
    act: impl FnOnce(&mut dyn Tree) -> T,
) -> T {
    act(&mut tree.acting_as(server, &mut NothingRuns))
}

pub(crate) fn add(tree: &mut ManagementTree, server: &str, uri: &str, text: &str) -> u16 {
    act(tree, server, |tree| {
        tree.add(uri, &Value::text(text)).number()
    })
}

pub(crate) fn interior() -> Value {
    Value::interior(&[])
}

pub(crate) fn items(id: usize, items: Vec<Item>) -> ItemCommand {
    ItemCommand {
        id: CommandId::at(id),
        no_response: false,
        meta: Meta::default(),
        items,
    }
}

pub(crate) fn write(uri: &str, text: &str) -> Item {
    Item {
        data: Some(text.into()),
        ..Item::target(uri)
    }
}

pub(crate) fn group(id: usize, commands: Vec<Command>) -> Group {
    Group {
        id: CommandId::at(id),
        no_response: false,
        meta: Meta::default(),
        commands,
    }
}

fn status(id: usize, command: CommandRef, name: omadm::message::CommandName) -> Command {
    Command::Status(Status {
        id: CommandId::at(id),
        message_ref: MessageId::FIRST,
        command_ref: command,
        command: name,
        target_refs: Vec::new(),
        source_refs: Vec::new(),
        credentials: None,
        challenge: None,
        code: StatusCode::OK,
        items: Vec::new(),
    })
}

/// What a client answers to these commands: the codes in order, and what was found.
pub(crate) fn answer(tree: &mut dyn Tree, commands: Vec<Command>) -> (Vec<u16>, Vec<Results>) {
    use omadm::message::CommandName::{Alert, Replace, SyncHdr};
    let device = DevInfo::new("urn:uuid:1", "Example", "phone");
    let settings = client::Settings::new("https://dm.example.test", device);
    let session = client::start(&settings, SessionId::from_number(1), &[]).unwrap();
    let mut header = Header::new(
        SessionId::from_number(1),
        MessageId::FIRST,
        Location::new("urn:uuid:1"),
        Location::new("https://dm.example.test"),
    );
    header.dtd = VER_DTD.into();
    let of = |id| CommandRef::Command(CommandId::at(id));
    let mut all = vec![
        status(900, CommandRef::Header, SyncHdr),
        status(901, of(0), Alert),
        status(902, of(1), Replace),
    ];
    all.extend(commands);
    let message = Message {
        header,
        commands: all,
        is_final: true,
    };
    let reply = Encoding::Xml.encode(&message).unwrap();
    let Next::Continue(session) = session.receive(&reply, tree).unwrap() else {
        panic!("there are commands to answer");
    };
    let (mut codes, mut found) = (Vec::new(), Vec::new());
    for command in Encoding::Xml.parse(session.request()).unwrap().commands {
        if let Command::Status(status) = command {
            codes.push(status.code.number());
        } else if let Command::Results(results) = command {
            found.push(results);
        }
    }
    codes.remove(0);
    (codes, found)
}
