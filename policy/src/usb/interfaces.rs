//! Sets of interfaces: what a device has, has not, or has and nothing else.

use serde::{Deserialize, Serialize};

use super::{ClassPattern, Interface};

/// Most patterns in one list. Cameras have the most interfaces, one for each of up to some thirty
/// bandwidths.
pub const MAX_PATTERNS: usize = 64;

/// What the interfaces of a device are. Each list that is not empty has to hold.
#[derive(Clone, Debug, Default, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct InterfaceSet {
    /// For each of these the device has an interface of that class.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub all_of: Vec<ClassPattern>,
    /// The device has an interface of one of these classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<ClassPattern>,
    /// The device has no interface of these classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub none_of: Vec<ClassPattern>,
    /// The device has exactly these: its interfaces and the patterns can be paired, and none of
    /// either is left over. The order does not matter.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub equals: Vec<ClassPattern>,
}

impl InterfaceSet {
    /// Whether it asks for nothing.
    pub fn is_empty(&self) -> bool {
        self.lists().iter().all(|list| list.is_empty())
    }

    /// Whether the interfaces of a device are so.
    pub fn holds(&self, interfaces: &[Interface]) -> bool {
        let has = |pattern: &ClassPattern| interfaces.iter().any(|one| pattern.covers(*one));
        self.all_of.iter().all(has)
            && (self.one_of.is_empty() || self.one_of.iter().any(has))
            && !self.none_of.iter().any(has)
            && (self.equals.is_empty() || pair(&self.equals, interfaces))
    }

    /// The four lists.
    pub(super) fn lists(&self) -> [&[ClassPattern]; 4] {
        [&self.all_of, &self.one_of, &self.none_of, &self.equals]
    }
}

/// Whether patterns and interfaces can be paired without rest.
///
/// The narrowest patterns choose first. That never spoils a pairing: patterns contain each other
/// or have nothing in common, so that the interfaces that a narrow one can choose from are all
/// the same to the wider ones.
fn pair(patterns: &[ClassPattern], interfaces: &[Interface]) -> bool {
    if patterns.len() != interfaces.len() {
        return false;
    }
    let mut free: Vec<Interface> = interfaces.to_vec();
    (0..=3_u8).rev().all(|depth| {
        patterns
            .iter()
            .filter(|pattern| pattern.depth() == depth)
            .all(|pattern| {
                let chosen = free.iter().position(|one| pattern.covers(*one));
                chosen.map(|position| free.swap_remove(position)).is_some()
            })
    })
}

/// Whether there can be interfaces for which both sets hold. Sure only of “no”.
pub(super) fn can_meet(one: &InterfaceSet, other: &InterfaceSet) -> bool {
    !(excludes(one, other) || excludes(other, one))
}

/// Whether what `one` asks for is ruled out by the none-of or equals of `other`.
fn excludes(one: &InterfaceSet, other: &InterfaceSet) -> bool {
    let forbidden = |wanted: &ClassPattern| other.none_of.iter().any(|none| none.contains(*wanted));
    let missing = |wanted: &ClassPattern| {
        !other.equals.is_empty() && !other.equals.iter().any(|had| had.meets(*wanted))
    };
    let ruled_out = |wanted: &ClassPattern| forbidden(wanted) || missing(wanted);
    let both = !one.equals.is_empty() && !other.equals.is_empty();
    one.all_of.iter().chain(&one.equals).any(ruled_out)
        || (!one.one_of.is_empty() && one.one_of.iter().all(ruled_out))
        || (both && one.equals.len() != other.equals.len())
}

impl InterfaceSet {
    /// Whether no interfaces at all can be so. Sure only of “yes”.
    pub(super) fn is_contradictory(&self) -> bool {
        excludes(self, self) || self.all_of_exceeds_equals()
    }

    /// Whether more different, separate classes are wanted than there are interfaces.
    fn all_of_exceeds_equals(&self) -> bool {
        if self.equals.is_empty() {
            return false;
        }
        let mut separate: Vec<ClassPattern> = Vec::new();
        for wanted in &self.all_of {
            if !separate.iter().any(|one| one.meets(*wanted)) {
                separate.push(*wanted);
            }
        }
        separate.len() > self.equals.len()
    }
}
