//! DM Scheduling 1.0: commands that a device carries out by itself, without a session, when it is time
//! or when something happens.
//!
//! ```text
//!  <instance>             urn:oma:mo:oma-dm-scheduling:1.0
//!   ├ Name ?
//!   ├ Validity ?          NotBefore ?, NotAfter ?
//!   ├ Server              by whose rights the commands run
//!   ├ State               true while it is active
//!   ├ Operations          Start, Stop
//!   ├ Task/<n>/Commands   a SyncML message, as XML
//!   ├ Condition           Timer/<n>, Threshold/<n>, Trap/<n>: any of them starts the tasks
//!   └ Gating/Report       whether the server is told of the end
//! ```
//!
//! **Modelled on what is published about DM Scheduling, not copied from it**: the enabler's own text
//! was not at hand. The identifier is the registered one. [`carry_out`](crate::client::carry_out) runs
//! the commands of a task; when that is, is the caller's to know: this crate reads no clock.

mod describe;

pub use describe::description;

use super::{
    Unreadable, boolean, children, chr, counted, int, missing, number, operation, optional_bool,
    optional_text, text,
};
use crate::message::{Command, Header, Location, Message, MessageId};
use crate::tnds::{Format, Node};
use crate::{EncodeError, SessionId, xml};

/// The object's identifier.
pub const URN: &str = "urn:oma:mo:oma-dm-scheduling:1.0";

/// One schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Schedule {
    /// `Name`, for people.
    pub name: Option<String>,
    /// `Validity/NotBefore`, ISO 8601.
    pub not_before: Option<String>,
    /// `Validity/NotAfter`, ISO 8601.
    pub not_after: Option<String>,
    /// `Server`: the id of the server by whose rights the commands run.
    pub server: String,
    /// `State`: whether conditions are watched.
    pub is_active: bool,
    /// `Task`: what to do, in order; one at least.
    pub tasks: Vec<Task>,
    /// `Condition`: when; any of them is enough.
    pub conditions: Vec<Condition>,
    /// `Gating/Report`: whether the server is told of the end, in a later session.
    pub report: bool,
}

/// What to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Task {
    /// The commands, in order. `Status` and `Results` have no place here.
    pub commands: Vec<Command>,
}

/// When to do it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Condition {
    /// At a time, once or again and again.
    Timer {
        /// `Base`: the first time, ISO 8601.
        base: String,
        /// `RecurRule`: when again, an RFC 5545 recurrence rule.
        recurrence: Option<String>,
        /// `Duration`: for how long a run that was missed may still be made up for, ISO 8601.
        duration: Option<String>,
    },
    /// When a node's value reaches a bound.
    Threshold {
        /// `NodeURI`: the node.
        node: String,
        /// `LowVal`: at this or below.
        low: Option<String>,
        /// `HighVal`: at this or above.
        high: Option<String>,
        /// `Interval`: how often the value is looked at, in seconds.
        interval: u32,
    },
    /// When something happens on the device.
    Trap {
        /// `TrapRef`: the identifier of the event.
        event: String,
    },
}

impl Schedule {
    /// The object, as an instance of this name. Fails when a command cannot be written as XML.
    pub fn to_node(&self, instance: impl Into<String>) -> Result<Node, EncodeError> {
        let optional = |name, text: &Option<String>| text.as_ref().map(|text| chr(name, text));
        let mut nodes: Vec<Node> = optional("Name", &self.name).into_iter().collect();
        let not_before = optional("NotBefore", &self.not_before);
        let validity: Vec<Node> = not_before
            .into_iter()
            .chain(optional("NotAfter", &self.not_after))
            .collect();
        if !validity.is_empty() {
            nodes.push(Node::interior("Validity", validity));
        }
        nodes.push(chr("Server", &self.server));
        nodes.push(boolean("State", self.is_active));
        let operations = [operation("Start"), operation("Stop")];
        nodes.push(Node::interior("Operations", operations));
        let mut tasks = Vec::new();
        for task in &self.tasks {
            tasks.push(vec![task.to_node(&self.server)?]);
        }
        nodes.extend(counted("Task", tasks));
        nodes.push(self.condition());
        let report = boolean("Report", self.report);
        nodes.push(Node::interior("Gating", [report]));
        Ok(Node::interior(instance, nodes).of_kind(URN))
    }

    fn condition(&self) -> Node {
        let of = |kind: &'static str| {
            let conditions = self.conditions.iter();
            let alike = conditions.filter(move |it| it.kind() == kind);
            counted(kind, alike.map(Condition::to_nodes))
        };
        let kinds = ["Timer", "Threshold", "Trap"];
        Node::interior("Condition", kinds.into_iter().filter_map(of))
    }

    /// Reads an instance. Nodes that a schedule does not have are not looked at; conditions come back
    /// in the order timers, thresholds, traps.
    pub fn from_node(root: &Node) -> Result<Self, Unreadable> {
        let tasks = children(root, "Task").into_iter();
        let tasks: Vec<Task> = tasks.map(Task::from_node).collect::<Result<_, _>>()?;
        if tasks.is_empty() {
            return Err(missing("Task", "a task"));
        }
        let mut conditions = Vec::new();
        for kind in ["Timer", "Threshold", "Trap"] {
            for node in children(root, &format!("Condition/{kind}")) {
                conditions.push(Condition::from_node(kind, node)?);
            }
        }
        let flag = |at| optional_bool(root, at)?.ok_or_else(|| missing(at, "true or false"));
        Ok(Self {
            name: optional_text(root, "Name")?,
            not_before: optional_text(root, "Validity/NotBefore")?,
            not_after: optional_text(root, "Validity/NotAfter")?,
            server: text(root, "Server")?,
            is_active: flag("State")?,
            tasks,
            conditions,
            report: flag("Gating/Report")?,
        })
    }
}

impl Task {
    fn to_node(&self, server: &str) -> Result<Node, EncodeError> {
        let (target, source) = (Location::new("."), Location::new(server));
        let session = SessionId::from_number(0);
        let message = Message {
            header: Header::new(session, MessageId::FIRST, target, source),
            commands: self.commands.clone(),
            is_final: true,
        };
        Ok(Node::leaf("Commands", Format::Xml, xml::encode(&message)?))
    }

    fn from_node(node: &Node) -> Result<Self, Unreadable> {
        let wanted = || missing("Task/Commands", "a SyncML message with commands");
        let value = node.at("Commands").and_then(Node::value);
        let bytes = value.ok_or_else(wanted)?.as_bytes();
        let commands = xml::parse(bytes).map_err(|_malformed| wanted())?.commands;
        let is_answer =
            |command: &Command| matches!(command, Command::Status(_) | Command::Results(_));
        if commands.iter().any(is_answer) {
            return Err(wanted());
        }
        Ok(Self { commands })
    }
}

impl Condition {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Timer { .. } => "Timer",
            Self::Threshold { .. } => "Threshold",
            Self::Trap { .. } => "Trap",
        }
    }

    fn to_nodes(&self) -> Vec<Node> {
        let optional = |name, text: &Option<String>| text.as_ref().map(|text| chr(name, text));
        match self {
            Self::Timer {
                base,
                recurrence,
                duration,
            } => {
                let mut nodes = vec![chr("Base", base)];
                nodes.extend(optional("RecurRule", recurrence));
                nodes.extend(optional("Duration", duration));
                nodes
            }
            Self::Threshold {
                node,
                low,
                high,
                interval,
            } => {
                let mut nodes = vec![chr("NodeURI", node)];
                nodes.extend(optional("LowVal", low));
                nodes.extend(optional("HighVal", high));
                nodes.push(int("Interval", *interval));
                nodes
            }
            Self::Trap { event } => vec![chr("TrapRef", event)],
        }
    }

    fn from_node(kind: &str, root: &Node) -> Result<Self, Unreadable> {
        Ok(match kind {
            "Timer" => Self::Timer {
                base: text(root, "Base")?,
                recurrence: optional_text(root, "RecurRule")?,
                duration: optional_text(root, "Duration")?,
            },
            "Threshold" => Self::Threshold {
                node: text(root, "NodeURI")?,
                low: optional_text(root, "LowVal")?,
                high: optional_text(root, "HighVal")?,
                interval: number(root, "Interval")?,
            },
            _ => Self::Trap {
                event: text(root, "TrapRef")?,
            },
        })
    }
}
