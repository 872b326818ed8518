//! What a card says of how a command went.

use std::fmt;

/// SW1 and SW2: how a command went.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Status(pub u16);

impl Status {
    /// Done.
    pub const OK: Self = Self(0x9000);
    /// Somebody has to authenticate first.
    pub const UNAUTHENTICATED: Self = Self(0x6982);
    /// Blocked after too many wrong PINs.
    pub const BLOCKED: Self = Self(0x6983);
    /// Not in this state; Nitrokey answers so when a slot has no key.
    pub const CONDITIONS: Self = Self(0x6985);
    /// Wrong data; a `YubiKey` answers so when a slot has no key.
    pub const WRONG_DATA: Self = Self(0x6A80);
    /// No such object or application.
    pub const NOT_FOUND: Self = Self(0x6A82);
    /// Wrong P1 or P2.
    pub const WRONG_PARAMETERS: Self = Self(0x6A86);
    /// No such reference.
    pub const NO_REFERENCE: Self = Self(0x6A88);

    /// How many wrong PINs may still be given, when this says so (ISO/IEC 7816-4, table 6: 63Cx).
    pub const fn tries(self) -> Option<u8> {
        match self.0.to_be_bytes() {
            [0x63, counter @ 0xC0..=0xCF] => Some(counter & 0x0F),
            [0x69, 0x83] => Some(0),
            _other => None,
        }
    }

    /// Whether a PIN was given that is not the card's.
    pub const fn is_failed_verification(self) -> bool {
        matches!(self.0, 0x6300..=0x63FF)
    }

    /// What it means (ISO/IEC 7816-4, table 6; SP 800-73-4 part 2).
    pub const fn meaning(self) -> &'static str {
        match self.0 {
            0x9000 => "done",
            0x6100..=0x61FF => "more bytes are waiting",
            0x6282 => "the end of the file came first",
            0x6283 => "the application is deactivated",
            0x6200..=0x62FF => "done, with a warning",
            0x6300..=0x63FF => "verification failed",
            0x6400..=0x65FF => "the card's memory failed",
            0x6700 => "wrong length",
            0x6881 => "logical channels are not supported",
            0x6882 => "secure messaging is not supported",
            0x6883 => "the last command of the chain was expected",
            0x6884 => "command chaining is not supported",
            0x6982 => "authentication is needed first",
            0x6983 => "blocked after too many attempts",
            0x6985 => "conditions of use are not satisfied",
            0x6A80 => "wrong data",
            0x6A81 => "not supported",
            0x6A82 => "not found",
            0x6A84 => "the card is full",
            0x6A86 => "wrong parameters P1 P2",
            0x6A88 => "no such key or object",
            0x6C00..=0x6CFF => "wrong expected length",
            0x6D00 => "unknown instruction",
            0x6E00 => "unknown class",
            0x6F00 => "the card's program failed",
            _ => "no meaning in the standard",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X} ({})", self.0, self.meaning())
    }
}
