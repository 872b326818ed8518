//! The one thing that a card can do: answer a command.

use crate::reader;

/// Data bytes of the longest short command (ISO/IEC 7816-4, 5.1).
pub const SHORT_COMMAND: usize = 255;
/// Data bytes of the longest answer to a short command.
pub const SHORT_ANSWER: usize = 256;
/// Data bytes of the longest extended command (ISO/IEC 7816-4, 5.1).
pub const EXTENDED_COMMAND: usize = 65_535;
/// Data bytes of the longest answer to an extended command.
pub const EXTENDED_ANSWER: usize = 65_536;

/// How long one APDU may be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Lengths {
    /// Short: every card and every reader takes these.
    #[default]
    Short,
    /// Extended, up to these bounds.
    Extended {
        /// Most data bytes of a command, at most [`EXTENDED_COMMAND`].
        command: usize,
        /// Most data bytes of an answer, at most [`EXTENDED_ANSWER`].
        answer: usize,
    },
}

impl Lengths {
    /// What both can take.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        match (self, other) {
            (
                Self::Extended { command, answer },
                Self::Extended {
                    command: other_command,
                    answer: other_answer,
                },
            ) => Self::extended(command.min(other_command), answer.min(other_answer)),
            (Self::Short, _) | (_, Self::Short) => Self::Short,
        }
    }

    /// Extended lengths within what the standard allows; short ones where they bring nothing.
    pub fn extended(command: usize, answer: usize) -> Self {
        if command <= SHORT_COMMAND || answer <= SHORT_ANSWER {
            return Self::Short;
        }
        Self::Extended {
            command: command.min(EXTENDED_COMMAND),
            answer: answer.min(EXTENDED_ANSWER),
        }
    }

    /// Most data bytes of a command.
    pub const fn command(self) -> usize {
        match self {
            Self::Short => SHORT_COMMAND,
            Self::Extended { command, .. } => command,
        }
    }

    /// Most data bytes of an answer.
    pub const fn answer(self) -> usize {
        match self {
            Self::Short => SHORT_ANSWER,
            Self::Extended { answer, .. } => answer,
        }
    }
}

/// Carries command APDUs (ISO/IEC 7816-4, 5.1) to one card, and its answers back. Nobody else
/// talks to the card while a transport exists, unless [`Transport::is_shared`].
pub trait Transport {
    /// Sends one command and returns the whole answer, status word included.
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, reader::Error>;

    /// How long APDUs may be: extended only where the card and the way to it both say so.
    fn lengths(&self) -> Lengths {
        Lengths::Short
    }

    /// How long APDUs may be for the way to the card, whatever the card says: for profiles whose
    /// cards say in another place than the answer to reset what they take.
    fn reach(&self) -> Lengths {
        self.lengths()
    }

    /// Whether somebody else speaks to the card on its basic channel, as a modem does to its SIM:
    /// then only a logical channel of our own may be used.
    fn is_shared(&self) -> bool {
        false
    }
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, reader::Error> {
        T::transmit(self, command)
    }

    fn lengths(&self) -> Lengths {
        T::lengths(self)
    }

    fn reach(&self) -> Lengths {
        T::reach(self)
    }

    fn is_shared(&self) -> bool {
        T::is_shared(self)
    }
}
