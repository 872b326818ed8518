//! What the kernel refuses, as one value.

use std::collections::BTreeMap;

use crate::function::Function;

/// The two kinds of device nodes; each has majors of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Kind {
    /// Character devices.
    Character,
    /// Block devices.
    Block,
}

/// Which uses of a node a reason is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Opens {
    /// Opening it for reading.
    Reading,
    /// Opening it for writing.
    Writing,
    /// Opening it at all.
    All,
}

/// What comes of a use that a reason is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum Mode {
    /// It is told of, and nothing else.
    Audit,
    /// It is refused.
    Refuse,
}

/// Why something is refused, or told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Reason {
    /// The function that it carries.
    pub function: Function,
    /// Which counter counts it.
    pub counter: u16,
    /// What comes of it.
    pub mode: Mode,
    /// Of a device node, which uses are meant; of anything else, [`Opens::All`].
    pub opens: Opens,
    /// Whether what was open before is refused, too, or may go on.
    pub ends: bool,
}

/// What holds for the nodes of one major.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Major {
    default: Option<Reason>,
    minors: BTreeMap<u32, Option<Reason>>,
}

/// Everything that the kernel refuses: one value, swapped as a whole.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Table {
    /// Device nodes, by their majors. A major of which nothing is refused is not here.
    pub majors: BTreeMap<(Kind, u32), Major>,
    /// Socket families.
    pub families: BTreeMap<u8, Reason>,
    /// Generic netlink families, by the number that the kernel gave them.
    pub netlink: BTreeMap<u16, Reason>,
    /// Line disciplines that no serial line may be given.
    pub disciplines: BTreeMap<u8, Reason>,
}

impl Opens {
    /// Whether what one is about is also what the other is about.
    pub fn covers(self, other: Self) -> bool {
        self == Self::All || self == other
    }

    /// What either is about.
    fn or(self, other: Self) -> Self {
        if self == other { self } else { Self::All }
    }
}

impl Reason {
    /// A reason against any use.
    pub const fn refusing(function: Function, counter: u16) -> Self {
        Self {
            function,
            counter,
            mode: Mode::Refuse,
            opens: Opens::All,
            ends: true,
        }
    }

    /// Whether a use is refused: one for both purposes is when either is.
    pub fn refuses(&self, opens: Opens) -> bool {
        let meets = opens == Opens::All || self.opens.covers(opens);
        self.mode == Mode::Refuse && meets
    }

    /// What either refuses, with the names of `self` where both do.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self.mode < other.mode {
            return other;
        }
        if other.mode < self.mode {
            return self;
        }
        Self {
            opens: self.opens.or(other.opens),
            ends: self.ends || other.ends,
            ..self
        }
    }
}

/// What either refuses.
pub(super) fn either(one: Option<Reason>, other: Option<Reason>) -> Option<Reason> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.or(other)),
        (one, other) => one.or(other),
    }
}

impl Major {
    /// A major all of whose nodes are alike.
    pub const fn new(default: Option<Reason>) -> Self {
        Self {
            default,
            minors: BTreeMap::new(),
        }
    }

    /// What holds for nodes that nothing else is said of, and so for one that appears later.
    pub const fn default_reason(&self) -> Option<Reason> {
        self.default
    }

    /// What holds for nodes that differ from that.
    pub const fn minors(&self) -> &BTreeMap<u32, Option<Reason>> {
        &self.minors
    }

    /// What holds for one node.
    pub fn at(&self, minor: u32) -> Option<Reason> {
        self.minors.get(&minor).copied().unwrap_or(self.default)
    }

    /// Makes this hold for one node.
    pub fn set(&mut self, minor: u32, reason: Option<Reason>) {
        if reason == self.default {
            self.minors.remove(&minor);
        } else {
            self.minors.insert(minor, reason);
        }
    }

    /// Whether nothing is said of any node.
    pub fn is_open(&self) -> bool {
        self.default.is_none() && self.minors.is_empty()
    }

    /// Every reason that is given.
    pub fn reasons(&self) -> impl Iterator<Item = Reason> {
        let minors = self.minors.values().copied();
        minors.chain([self.default]).flatten()
    }

    fn or(&self, other: &Self) -> Self {
        let mut both = Self::new(either(self.default, other.default));
        for minor in self.minors.keys().chain(other.minors.keys()) {
            both.set(*minor, either(self.at(*minor), other.at(*minor)));
        }
        both
    }
}

impl Table {
    /// What either table refuses, with the reasons of `self` where both do.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let mut both = self.clone();
        for (number, major) in &other.majors {
            let ours = both.majors.entry(*number).or_default();
            *ours = ours.or(major);
        }
        join(&mut both.families, &other.families);
        join(&mut both.netlink, &other.netlink);
        join(&mut both.disciplines, &other.disciplines);
        both
    }

    /// Why a use of a device node is refused or told of.
    pub fn device(&self, kind: Kind, major: u32, minor: u32) -> Option<Reason> {
        self.majors.get(&(kind, major))?.at(minor)
    }

    /// Whether a device node may not be used so.
    pub fn refuses(&self, kind: Kind, major: u32, minor: u32, opens: Opens) -> bool {
        self.device(kind, major, minor)
            .is_some_and(|reason| reason.refuses(opens))
    }

    /// Whether something of a function is refused or told of.
    pub fn concerns(&self, function: Function) -> Concerns {
        let is_ours = |reason: Reason| reason.function == function;
        Concerns {
            nodes: self
                .majors
                .values()
                .any(|major| major.reasons().any(is_ours)),
            held_nodes: self
                .majors
                .values()
                .any(|major| major.reasons().any(|one| is_ours(one) && one.ends)),
            read_only: self.majors.iter().any(|((kind, _), major)| {
                let only_read = |one: Reason| one.opens == Opens::Writing && one.refuses(one.opens);
                *kind == Kind::Block && major.reasons().any(|one| is_ours(one) && only_read(one))
            }),
            families: self.families.values().copied().any(is_ours),
            netlink: self.netlink.values().copied().any(is_ours),
            disciplines: self.disciplines.values().copied().any(is_ours),
        }
    }
}

/// By what a function is reached, as far as a table speaks of it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each stands for itself, and any may go with any"
)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Concerns {
    /// Device nodes.
    pub nodes: bool,
    /// Device nodes of which what was open before is refused, too.
    pub held_nodes: bool,
    /// Block devices that may be read and not written to.
    pub read_only: bool,
    /// Socket families.
    pub families: bool,
    /// Generic netlink families.
    pub netlink: bool,
    /// Line disciplines.
    pub disciplines: bool,
}

fn join<T: Copy + Ord>(ours: &mut BTreeMap<T, Reason>, theirs: &BTreeMap<T, Reason>) {
    for (key, reason) in theirs {
        let entry = ours.entry(*key).or_insert(*reason);
        *entry = entry.or(*reason);
    }
}
