//! The enforcers: what the kernel holds, and the steps that change it; and beside the kernel
//! programs the switches that devices have of their own ([`Enforcer`]).
//!
//! | enforcer | holds |
//! |---|---|
//! | kernel programs ([`Kernel`]) | opening of nodes, making and using of sockets, what was open before |
//! | switches ([`Enforcer`]) | what a device or its driver lets be switched off |
//!
//! Each stands for itself: one that fails changes nothing for the others.

mod attribute;
pub(crate) mod bpf;
mod gadget;
mod infrared;
#[cfg(test)]
pub(crate) mod memory;
mod mountinfo;
mod nodes;
pub(crate) mod probe;
mod remembered;
pub(crate) mod revoke;
mod rfkill;
#[cfg(test)]
mod tree;
mod usb;

use std::path::Path;
use std::rc::Rc;

use cardwarden_ebpf_abi::OpenFile;
use cardwarden_policy::outcome::Tier;
use cardwarden_policy::plan::Lacking;
use cardwarden_policy::{Decision, Function, Guarding, Hook, KernelState, Step, Table, Verdict};
use tokio::sync::Notify;

use crate::devices::Found;
use probe::Met;

/// What is to hold, and the devices that it is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Goal<'a> {
    /// What is to hold.
    pub(crate) decision: &'a Decision,
    /// What there is, as the turn found it.
    pub(crate) found: &'a Found,
}

impl Goal<'_> {
    /// Whether a function must not be used.
    fn refuses(self, function: Function) -> bool {
        let ruling = self.decision.rulings.get(&function);
        ruling.is_some_and(|ruling| ruling.verdict == Verdict::Disabled)
    }
}

/// A switch of devices that holds functions beside the kernel programs.
///
/// Of its two halves `tighten` comes first, and it is not followed by [`Enforcer::loosen`] for a
/// function that fell short. Both look at what really is, change only what differs, and may be
/// repeated at any time: they are called at every turn.
pub(crate) trait Enforcer {
    /// The name under which people know it, such as `usb` or `rfkill`.
    fn name(&self) -> &'static str;

    /// How well it holds what it holds.
    fn tier(&self) -> Tier {
        Tier::Device
    }

    /// Whether it can hold something of a function, on a machine that has a device for it.
    fn covers(&self, function: Function) -> bool;

    /// Brings everything into force that the goal refuses; what could not be.
    fn tighten(&mut self, goal: Goal<'_>) -> Vec<Shortfall>;

    /// Lets go of what the goal does not refuse and this enforcer has taken; what could not be. What
    /// somebody else switched off stays so.
    fn loosen(&mut self, goal: Goal<'_>) -> Vec<Shortfall>;

    /// Lets in at once what has just come, where the goal refuses nothing of it and only this enforcer
    /// keeps it from being used; the goal knows of no other devices. What is in doubt is left to the
    /// turn that follows. Whether it let something in.
    fn admit(&mut self, _goal: Goal<'_>) -> bool {
        false
    }

    /// What it holds, read from the devices themselves after both halves.
    fn held(&mut self, goal: Goal<'_>) -> Vec<Held>;
}

/// The switches of this machine, in the order in which they are used. What they take they remember in
/// the runtime folder, or with the state where it outlasts a boot. The nudge is theirs to say that it
/// is time to look again.
pub(crate) fn switches(runtime: &Path, state: &Path, nudge: &Rc<Notify>) -> Vec<Box<dyn Enforcer>> {
    let (sysfs, devices) = (Path::new("/sys"), Path::new("/dev"));
    let places = nodes::Places {
        sysfs,
        devices,
        rules: Path::new("/run/udev/rules.d"),
    };
    let radios = devices.join("rfkill");
    vec![
        Box::new(rfkill::Rfkill::new(sysfs, &radios, state, Rc::clone(nudge))),
        Box::new(gadget::Gadget::new(sysfs, runtime)),
        Box::new(infrared::Infrared::new(sysfs, runtime)),
        Box::new(nodes::Nodes::new(places, runtime)),
        Box::new(usb::Usb::new(runtime)),
    ]
}

/// Something that an enforcer could not do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Shortfall {
    /// For which function.
    pub(crate) function: Function,
    /// What, where, and why, in one sentence without its dot.
    pub(crate) problem: String,
    /// Whether it is so on purpose, such as for the only keyboard: another attempt does not help,
    /// and what the policy asks is applied in part.
    pub(crate) is_spared: bool,
}

/// One thing that an enforcer holds, or that it was to hold and found otherwise.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Held {
    /// For which function.
    pub(crate) function: Function,
    /// What was looked at, such as `1-2: authorized = 0`.
    pub(crate) proof: String,
    /// [`Met::Refused`] when it holds.
    pub(crate) met: Met,
}

/// The kernel, as far as it refuses things for us.
pub(crate) trait Kernel {
    /// What it holds now, read from the kernel itself. What is under way counts as done.
    fn observe(&mut self) -> Result<KernelState, Error>;

    /// Looks anew at the next occasion, since what was seen and done may not be so any more.
    fn doubt(&mut self);

    /// Who has something open that may be closed; nothing, where the kernel cannot tell.
    fn open_files(&mut self) -> Option<Vec<OpenFile>>;

    /// Who has memory mapped of something that may be closed, as far as the kernel can tell.
    fn mapped_files(&mut self) -> Vec<OpenFile>;

    /// Waits for what is under way; what failed of it first.
    fn settle(&mut self) -> Result<(), Error>;

    /// Takes one step. It may be repeated. A swap may still be under way when this returns.
    fn apply(&mut self, step: &Step) -> Result<(), Error>;

    /// Begins to attach hooks. They refuse soon, and count as held; whether it came to that,
    /// [`Kernel::settle`] tells.
    fn begin(&mut self, hooks: &[Hook]) -> Result<(), Error>;

    /// Makes a swap ahead that may be wanted soon.
    fn swap_ahead(&mut self, table: &Table);

    /// What this machine cannot have, as far as it is known.
    fn lacking(&self) -> Lacking;

    /// Does ahead what a step may need later, so that the step is quick.
    fn prepare(&mut self);

    /// Lets go of what an earlier version of the agent left in force, now that what is to hold
    /// does.
    fn retire(&mut self) -> Result<(), Error>;

    /// Has what is in force, and the agent, guarded so; nothing, where nothing is to be. It takes a while, and
    /// fails without harm to anything else.
    fn guard(&mut self, wanted: Option<Guarding>);

    /// How the guard stands.
    fn guarded(&mut self) -> GuardState;

    /// Looks anew how the guard stands, since it did not refuse what it should.
    fn doubt_guard(&mut self);

    /// How often something was refused, by counter.
    fn refusals(&mut self, counter: u16) -> u64;

    /// Permits the calling thread, or the process that is named, something for a fraction of a
    /// second.
    fn permit(&mut self, what: Permission) -> Result<(), Error>;

    /// Takes the permission back.
    fn revoke_permit(&mut self);
}

/// How the guard stands.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum GuardState {
    /// Nobody asks for it.
    #[default]
    Down,
    /// It is on its way.
    Rising,
    /// It stands.
    Up,
    /// It could not be had: why.
    Failed(String),
    /// This machine lacks what it takes.
    Lacking,
}

impl GuardState {
    /// The word for it, as shown everywhere.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Rising => "rising",
            Self::Up => "up",
            Self::Failed(_) | Self::Lacking => "failed",
        }
    }
}

/// What the agent lets itself do with what is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Permission {
    /// Open one closed node, to ask what it is.
    Look {
        /// Its major.
        major: u32,
        /// Its minor.
        minor: u32,
    },
    /// Use what was open before, to stop it: the calling thread alone.
    Use,
    /// A process may try refusals without being counted.
    Probe {
        /// Its number. Its first thread alone is meant.
        process: u32,
    },
}

/// Why the kernel did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The folder of the pins cannot be used.
    #[error("cannot use {path} for pins; is bpffs mounted at /sys/fs/bpf?")]
    Pins {
        /// The folder or pin.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The programs or maps cannot be loaded.
    #[error("the kernel does not take the programs: {problem}")]
    Load {
        /// Why.
        problem: String,
    },
    /// A pin is not what it should be.
    #[error("the pin {path} is not what it should be")]
    Map {
        /// The pin.
        path: String,
        /// Why.
        #[source]
        source: Box<aya::maps::MapError>,
    },
    /// A map cannot be read or changed.
    #[error("the kernel does not let `{map}` be read or changed")]
    Access {
        /// The map.
        map: &'static str,
        /// Why.
        #[source]
        source: Box<aya::maps::MapError>,
    },
    /// A program cannot be attached.
    #[error("the program for {hook:?} cannot be attached")]
    Attach {
        /// The hook.
        hook: Hook,
        /// Why.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// A link cannot be pinned or opened.
    #[error("the link of {hook:?} cannot be pinned or opened")]
    Link {
        /// The hook.
        hook: Hook,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The kernel's type information lacks a field.
    #[error("the kernel's BTF does not tell where {field} is")]
    Offset {
        /// The field.
        field: String,
    },
    /// More is to be refused than a decision can name.
    #[error("there are more {what} to be refused than one decision can name")]
    TooMany {
        /// Of what there are too many.
        what: &'static str,
    },
    /// A program cannot be loaded.
    #[error("the kernel does not take the program `{name}`")]
    Program {
        /// The program.
        name: String,
        /// Why.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// A program cannot be pinned.
    #[error("cannot pin a program at {path}")]
    Pin {
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: Box<aya::pin::PinError>,
    },
    /// A thread cannot be started, or ended before its time.
    #[error("a change of the kernel's maps cannot be waited for")]
    Thread {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The agent cannot find out where it is at home.
    #[error("cannot find out where {} is", path.display())]
    Home {
        /// Of what.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The agent cannot be marked as itself.
    #[error("the guard cannot be told who is the agent")]
    Mark {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A guard stands and does not know this program.
    #[error(
        "the guard of this device does not take this program for its agent ({problem}); what is in force stays; \
         restart the device"
    )]
    Stranger {
        /// What it is that differs.
        problem: String,
    },
    /// The object that was built in lacks something.
    #[error("the built-in object has no `{name}`")]
    Missing {
        /// The program or map.
        name: String,
    },
}

/// The name under which people know what a hook belongs to.
pub(crate) const fn enforcer(hook: Hook) -> &'static str {
    match hook {
        Hook::DeviceOpen => "cgroup-device",
        Hook::SocketCreate => "lsm/socket_create",
        Hook::FileOpen => "lsm/file_open",
        Hook::FileIoctl => "lsm/file_ioctl",
        Hook::FileIoctlCompat => "lsm/file_ioctl_compat",
        Hook::MmapFile => "lsm/mmap_file",
        Hook::FileReceive => "lsm/file_receive",
        Hook::FilePermission => "lsm/file_permission",
        Hook::SocketBind => "lsm/socket_bind",
        Hook::SocketConnect => "lsm/socket_connect",
        Hook::SocketListen => "lsm/socket_listen",
        Hook::SocketAccept => "lsm/socket_accept",
        Hook::SocketSendmsg => "lsm/socket_sendmsg",
        Hook::SocketRecvmsg => "lsm/socket_recvmsg",
        Hook::NetlinkSend => "lsm/netlink_send",
    }
}
