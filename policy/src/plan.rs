//! From what is to hold and what the kernel holds to the steps between: [`plan`] tightens before
//! it loosens, so a crash after any step leaves the kernel at least as tight as the looser end.

use std::collections::{BTreeMap, BTreeSet};

use crate::decide::{Decision, Source};
use crate::document::MAX_RULES;
use crate::function::Function;

/// `AF_BLUETOOTH` (`include/linux/socket.h`).
pub const AF_BLUETOOTH: u8 = 31;
/// `AF_IRDA`.
pub const AF_IRDA: u8 = 23;
/// `AF_NFC`.
pub const AF_NFC: u8 = 39;
/// Counters before those of the rules: one for each function's baseline, and those of a policy that
/// cannot be read, of the server and of tasks.
pub const FIRST_RULE_COUNTER: u16 = 32;
/// The counter of refusals because the policy cannot be read.
pub const UNPROVEN_COUNTER: u16 = 31;

/// The counter of refusals because the company's server asked.
pub const SERVER_COUNTER: u16 = 30;
/// The counter of refusals by a task of the policy.
pub const TASK_COUNTER: u16 = 29;

/// The place in the kernel's program that an enforcer attaches.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Hook {
    /// cgroup-device at the root cgroup: `open` of device nodes.
    DeviceOpen,
    /// LSM `socket_create`.
    SocketCreate,
    /// LSM `file_open`: a second lock on device nodes.
    FileOpen,
}

/// What the device has: which numbers of device nodes carry a function.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Inventory {
    /// Character-device majors that carry a function.
    pub majors: BTreeMap<u32, Function>,
    /// Nodes on those majors that are known to be something else, such as a video codec.
    pub others: BTreeMap<u32, BTreeSet<u32>>,
}

/// A closed major: every node on it is refused but those known to be something else. A node that
/// appears later is born closed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClosedMajor {
    /// The function it carries.
    pub function: Function,
    /// Which counter counts its refusals.
    pub counter: u16,
    /// Minors that stay usable.
    pub except: BTreeSet<u32>,
}

/// A closed socket family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClosedFamily {
    /// The function it carries.
    pub function: Function,
    /// Which counter counts its refusals.
    pub counter: u16,
}

/// Everything that the kernel refuses: one value, swapped as a whole.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Table {
    /// Character-device majors.
    pub majors: BTreeMap<u32, ClosedMajor>,
    /// Socket families.
    pub families: BTreeMap<u8, ClosedFamily>,
}

/// What the kernel holds, or is to hold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct KernelState {
    /// What is refused.
    pub table: Table,
    /// The programs that refuse it.
    pub hooks: BTreeSet<Hook>,
}

/// One change. Every step may be repeated.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Make this what is refused, at once.
    Swap(Table),
    /// Attach a program.
    Attach(Hook),
    /// Detach a program.
    Detach(Hook),
}

/// Steps in order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// Steps after which nothing is looser than before, and the goal's refusals hold.
    pub tightening: Vec<Step>,
    /// Steps that loosen. Not to be taken when tightening failed.
    pub loosening: Vec<Step>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.tightening.is_empty() && self.loosening.is_empty()
    }
}

/// The socket families that carry a function.
pub const fn families(function: Function) -> &'static [u8] {
    match function {
        Function::Bluetooth => &[AF_BLUETOOTH],
        Function::Infrared => &[AF_IRDA],
        Function::Nfc => &[AF_NFC],
        Function::Camera
        | Function::Microphone
        | Function::Usb
        | Function::UsbStorage
        | Function::UsbHid
        | Function::UsbNetwork
        | Function::UsbAudio
        | Function::UsbVideo
        | Function::UsbSerial
        | Function::UsbPrinter
        | Function::UsbSmartcard
        | Function::UsbOther
        | Function::UsbGadget => &[],
    }
}

/// Which counter counts the refusals of a function under a source.
pub fn counter(function: Function, source: &Source) -> u16 {
    let last = u16::try_from(MAX_RULES).unwrap_or(u16::MAX);
    match source {
        Source::Rule { index, .. } => FIRST_RULE_COUNTER.saturating_add((*index).min(last)),
        Source::Unproven { .. } => UNPROVEN_COUNTER,
        Source::Unmanaged | Source::Baseline => function.index(),
        Source::Server { .. } => SERVER_COUNTER,
        Source::Task { .. } => TASK_COUNTER,
    }
}

/// What the kernel must hold for a decision. `second_lock` asks for LSM `file_open` beside the
/// cgroup program.
pub fn goal(decision: &Decision, inventory: &Inventory, second_lock: bool) -> KernelState {
    let mut state = KernelState::default();
    for (function, ruling) in decision.disabled() {
        let counter = counter(function, &ruling.source);
        for family in families(function) {
            state
                .table
                .families
                .insert(*family, ClosedFamily { function, counter });
        }
        for (major, _) in inventory
            .majors
            .iter()
            .filter(|(_, carried)| **carried == function)
        {
            let except = inventory.others.get(major).cloned().unwrap_or_default();
            state.table.majors.insert(
                *major,
                ClosedMajor {
                    function,
                    counter,
                    except,
                },
            );
        }
    }
    if !state.table.majors.is_empty() {
        state.hooks.insert(Hook::DeviceOpen);
        if second_lock {
            state.hooks.insert(Hook::FileOpen);
        }
    }
    if !state.table.families.is_empty() {
        state.hooks.insert(Hook::SocketCreate);
    }
    state
}

/// The way from what the kernel holds to what it is to hold.
pub fn plan(observed: &KernelState, goal: &KernelState) -> Plan {
    let mut plan = Plan::default();
    let both = goal.table.or(&observed.table);
    if observed.table != both {
        plan.tightening.push(Step::Swap(both.clone()));
    }
    plan.tightening.extend(
        goal.hooks
            .difference(&observed.hooks)
            .map(|hook| Step::Attach(*hook)),
    );
    if both != goal.table {
        plan.loosening.push(Step::Swap(goal.table.clone()));
    }
    plan.loosening.extend(
        observed
            .hooks
            .difference(&goal.hooks)
            .map(|hook| Step::Detach(*hook)),
    );
    plan
}

impl Table {
    /// What either table refuses, with the reasons of `self` where both do.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (family, closed) in &other.families {
            both.families.entry(*family).or_insert(*closed);
        }
        for (major, closed) in &other.majors {
            both.majors
                .entry(*major)
                .and_modify(|ours| ours.except = &ours.except & &closed.except)
                .or_insert_with(|| closed.clone());
        }
        both
    }

    /// Whether a device node may not be opened.
    pub fn refuses_device(&self, major: u32, minor: u32) -> bool {
        self.majors
            .get(&major)
            .is_some_and(|closed| !closed.except.contains(&minor))
    }
}

impl KernelState {
    /// The state after a step.
    #[must_use]
    pub fn after(mut self, step: &Step) -> Self {
        match step {
            Step::Swap(table) => self.table = table.clone(),
            Step::Attach(hook) => {
                self.hooks.insert(*hook);
            }
            Step::Detach(hook) => {
                self.hooks.remove(hook);
            }
        }
        self
    }

    /// Whether opening a device node fails.
    pub fn refuses_device(&self, major: u32, minor: u32) -> bool {
        (self.hooks.contains(&Hook::DeviceOpen) || self.hooks.contains(&Hook::FileOpen))
            && self.table.refuses_device(major, minor)
    }

    /// Whether creating a socket fails.
    pub fn refuses_family(&self, family: u8) -> bool {
        self.hooks.contains(&Hook::SocketCreate) && self.table.families.contains_key(&family)
    }
}
