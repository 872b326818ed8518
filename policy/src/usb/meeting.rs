//! Whether two entries can mean the same device.

use super::interfaces::can_meet as interfaces_can_meet;
use super::{ClassPattern, InterfaceSet, Match};

impl Match {
    /// Whether there can be a device that both entries mean. Sure only of “no”: where it is not
    /// easily seen that there is none, there can be one.
    pub fn can_meet(&self, other: &Self) -> bool {
        fn differ<T: PartialEq>(mine: Option<&T>, theirs: Option<&T>) -> bool {
            mine.zip(theirs)
                .is_some_and(|(mine, theirs)| mine != theirs)
        }
        let ids = self.id.zip(other.id);
        let ports = self.port.as_ref().zip(other.port.as_ref());
        let sets = self.interfaces.as_ref().zip(other.interfaces.as_ref());
        !(differ(self.serial.as_ref(), other.serial.as_ref())
            || differ(self.manufacturer.as_ref(), other.manufacturer.as_ref())
            || differ(self.name.as_ref(), other.name.as_ref())
            || differ(self.connection.as_ref(), other.connection.as_ref())
            || differ(self.descriptors.as_ref(), other.descriptors.as_ref())
            || ids.is_some_and(|(mine, theirs)| mine.common(theirs).is_none())
            || ports.is_some_and(|(mine, theirs)| !mine.meets(theirs))
            || sets.is_some_and(|(mine, theirs)| !interfaces_can_meet(mine, theirs)))
    }

    /// Whether it can mean a device that has an interface of this class, and is not plainly about
    /// devices of other classes.
    pub(super) fn can_be(&self, class: ClassPattern) -> bool {
        let set = self.interfaces.as_deref();
        self.class.is_none_or(|own| own.meets(class))
            && set.is_none_or(|set| set_can_be(set, class))
    }
}

fn set_can_be(set: &InterfaceSet, class: ClassPattern) -> bool {
    let like = |pattern: &ClassPattern| pattern.meets(class);
    let named = [&set.all_of, &set.one_of, &set.equals];
    named
        .into_iter()
        .all(|list| list.is_empty() || list.iter().any(like))
        && !set.none_of.iter().any(|none| none.contains(class))
}
