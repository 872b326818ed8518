//! The events of `/dev/rfkill`, read and written (`struct rfkill_event` and `rfkill_event_ext` of
//! `include/uapi/linux/rfkill.h`).

use cardwarden_policy::Function;

/// Bytes of `struct rfkill_event`: what every kernel takes and gives. The extension adds one for the
/// reasons of a hard block (Linux 5.11), and says that more may follow.
pub(super) const LENGTH: usize = 8;

/// A kind of radio that a function is about (`enum rfkill_type`).
#[derive(
    Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    /// `RFKILL_TYPE_BLUETOOTH`.
    Bluetooth,
    /// `RFKILL_TYPE_NFC`.
    Nfc,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Bluetooth, Self::Nfc];

    pub(super) const fn function(self) -> Function {
        match self {
            Self::Bluetooth => Function::Bluetooth,
            Self::Nfc => Function::Nfc,
        }
    }

    /// The word of the attribute `type` (`rfkill_types` in `net/rfkill/core.c`).
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Bluetooth => "bluetooth",
            Self::Nfc => "nfc",
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Bluetooth => 2,
            Self::Nfc => 8,
        }
    }
}

/// What an event says has happened (`enum rfkill_operation`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    /// A radio is there (`RFKILL_OP_ADD`).
    Added,
    /// A radio has gone (`RFKILL_OP_DEL`).
    Removed,
    /// A radio was switched (`RFKILL_OP_CHANGE`).
    Changed,
}

/// An event about a radio of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Event {
    /// The number of the radio: that of `/sys/class/rfkill/rfkillN`.
    pub(super) index: u32,
    pub(super) kind: Kind,
    pub(super) operation: Operation,
    pub(super) is_blocked: bool,
}

/// Reads an event; `None` for one that is about another kind of radio, that says something unknown,
/// or that is cut off.
pub(super) fn parse(bytes: &[u8]) -> Option<Event> {
    let (index, rest) = bytes.split_first_chunk::<4>()?;
    let [kind, operation, soft, _hard, ..] = rest else {
        return None;
    };
    Some(Event {
        index: u32::from_ne_bytes(*index),
        kind: Kind::ALL.into_iter().find(|one| one.number() == *kind)?,
        operation: match operation {
            0 => Operation::Added,
            1 => Operation::Removed,
            2 => Operation::Changed,
            _ => return None,
        },
        is_blocked: *soft != 0,
    })
}

/// What switches every radio of a kind, and how those are born that appear later
/// (`RFKILL_OP_CHANGE_ALL`).
pub(super) fn change_all(kind: Kind, block: bool) -> [u8; LENGTH] {
    /// `RFKILL_OP_CHANGE_ALL`.
    const CHANGE_ALL: u8 = 3;
    [0, 0, 0, 0, kind.number(), CHANGE_ALL, block.into(), 0]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spelled(event: Event) -> Vec<u8> {
        let operation = match event.operation {
            Operation::Added => 0,
            Operation::Removed => 1,
            Operation::Changed => 2,
        };
        let rest = [event.kind.number(), operation, event.is_blocked.into(), 0];
        [&event.index.to_ne_bytes()[..], &rest].concat()
    }

    fn events() -> impl Strategy<Value = Event> {
        let operations = [Operation::Added, Operation::Removed, Operation::Changed];
        let kinds = proptest::sample::select(Kind::ALL.to_vec());
        let operations = proptest::sample::select(operations.to_vec());
        (any::<u32>(), kinds, operations, any::<bool>()).prop_map(
            |(index, kind, operation, is_blocked)| Event {
                index,
                kind,
                operation,
                is_blocked,
            },
        )
    }

    proptest! {
        #[test]
        fn every_event_of_ours_is_read_in_both_of_its_lengths_and_in_those_to_come(
            event in events(),
            more in prop::collection::vec(any::<u8>(), 0..8),
        ) {
            let bytes = [spelled(event), more].concat();
            prop_assert_eq!(parse(&bytes), Some(event));
        }

        #[test]
        fn an_event_that_is_cut_off_says_nothing(event in events(), length in 0..LENGTH) {
            prop_assert_eq!(parse(&spelled(event)[..length]), None);
        }

        #[test]
        fn whatever_comes_it_is_of_a_known_kind_and_operation_or_says_nothing(
            bytes in prop::collection::vec(any::<u8>(), 0..16),
        ) {
            if let Some(event) = parse(&bytes) {
                prop_assert_eq!(&spelled(event)[..6], &bytes[..6]);
                prop_assert!(bytes.len() >= LENGTH);
            }
        }
    }

    #[test]
    fn other_radios_and_unknown_operations_say_nothing() {
        let wlan = [0, 0, 0, 0, 1, 2, 0, 0];
        assert_eq!(parse(&wlan), None);
        let unknown = [0, 0, 0, 0, 2, 4, 0, 0];
        assert_eq!(parse(&unknown), None);
    }

    #[test]
    fn all_radios_of_a_kind_are_switched_by_eight_bytes() {
        assert_eq!(change_all(Kind::Bluetooth, true), [0, 0, 0, 0, 2, 3, 1, 0]);
        assert_eq!(change_all(Kind::Nfc, false), [0, 0, 0, 0, 8, 3, 0, 0]);
    }
}
