//! Access lists (OMA DM 1.2 *Tree and Description*, 7.7.1).

use crate::ddf::Access;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Longest access list read, in octets.
pub const MAX_ACL_LEN: usize = 4_096;

/// Which servers may do what with a node: the value of its property `ACL`.
///
/// An empty list says nothing: the list of the nearest ancestor counts that says something, as a
/// whole and never mixed with another.
///
/// ```
/// use omadm::ddf::Access;
/// use omadm::tree::Acl;
///
/// let acl: Acl = "Get=*&Replace=acme-dm+other".parse()?;
/// assert!(acl.allows(Access::Get, "anybody"));
/// assert!(acl.allows(Access::Replace, "other"));
/// assert!(!acl.allows(Access::Delete, "acme-dm"));
/// assert_eq!(acl.to_string(), "Get=*&Replace=acme-dm+other");
/// # Ok::<(), omadm::tree::MalformedAcl>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Acl(BTreeMap<Access, Servers>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Servers {
    All,
    Named(BTreeSet<String>),
}

/// A text that is no access list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MalformedAcl {
    /// Longer than [`MAX_ACL_LEN`].
    #[error("an access list of {0} octets, at most {MAX_ACL_LEN} expected")]
    Long(usize),
    /// A part is no `Command=server+server`.
    #[error("{0:?} is no entry of an access list")]
    Entry(String),
    /// The command is none that a list may name: Add, Delete, Exec, Get, Replace.
    #[error("{0:?} is no command of access lists")]
    Command(String),
    /// A command is named twice.
    #[error("{0} is named twice")]
    Repeated(&'static str),
}

/// What lists may name; `Copy` needs other rights.
const COMMANDS: [(Access, &str); 5] = [
    (Access::Add, "Add"),
    (Access::Delete, "Delete"),
    (Access::Exec, "Exec"),
    (Access::Get, "Get"),
    (Access::Replace, "Replace"),
];

impl Acl {
    /// The list of the root of every tree: everybody may read, and add.
    pub fn root() -> Self {
        let all = |access| (access, Servers::All);
        Self([all(Access::Add), all(Access::Get)].into())
    }

    /// Whether the list says nothing, and an ancestor's counts.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this server may use this command. `Copy` is never allowed as such: it is reading one
    /// node, and adding or replacing another.
    pub fn allows(&self, access: Access, server: &str) -> bool {
        match self.0.get(&access) {
            Some(Servers::All) => true,
            Some(Servers::Named(names)) => names.contains(server),
            None => false,
        }
    }

    /// The list with one more right.
    #[must_use]
    pub fn with(mut self, access: Access, server: impl Into<String>) -> Self {
        let servers = self
            .0
            .entry(access)
            .or_insert(Servers::Named(BTreeSet::new()));
        if let Servers::Named(names) = servers {
            names.insert(server.into());
        }
        self
    }

    /// Takes a server's name off the list.
    pub(super) fn forget(&mut self, server: &str) {
        for servers in self.0.values_mut() {
            if let Servers::Named(names) = servers {
                names.remove(server);
            }
        }
        self.0.retain(|_, servers| match servers {
            Servers::All => true,
            Servers::Named(names) => !names.is_empty(),
        });
    }
}

impl FromStr for Acl {
    type Err = MalformedAcl;

    fn from_str(text: &str) -> Result<Self, MalformedAcl> {
        if text.len() > MAX_ACL_LEN {
            return Err(MalformedAcl::Long(text.len()));
        }
        let mut acl = Self::default();
        for entry in text.split('&').filter(|_| !text.is_empty()) {
            let malformed = || MalformedAcl::Entry(entry.to_owned());
            let (command, names) = entry.split_once('=').ok_or_else(malformed)?;
            let known = COMMANDS.into_iter().find(|(_, name)| *name == command);
            let (access, name) = known.ok_or_else(|| MalformedAcl::Command(command.to_owned()))?;
            let names: BTreeSet<String> = names.split('+').map(str::to_owned).collect();
            if names
                .iter()
                .any(|name| name.is_empty() || name.contains('='))
            {
                return Err(malformed());
            }
            // Everybody goes before those who are named.
            let servers = if names.contains("*") {
                Servers::All
            } else {
                Servers::Named(names)
            };
            if acl.0.insert(access, servers).is_some() {
                return Err(MalformedAcl::Repeated(name));
            }
        }
        Ok(acl)
    }
}

impl fmt::Display for Acl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut entries = COMMANDS
            .iter()
            .filter_map(|(access, name)| Some((name, self.0.get(access)?)));
        let mut write = |(name, servers): (&&str, &Servers), before: &str| {
            write!(f, "{before}{name}=")?;
            match servers {
                Servers::All => f.write_str("*"),
                Servers::Named(names) => {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    f.write_str(&names.join("+"))
                }
            }
        };
        if let Some(first) = entries.next() {
            write(first, "")?;
        }
        entries.try_for_each(|entry| write(entry, "&"))
    }
}
