//! The SIM in a modem: a phone's smart card. It is reached through the modem's AT commands
//! (3GPP TS 27.007), and read and written with the PKCS#15 profile like any other card.
//!
//! ```text
//!  open(/dev/ttyUSB2) ─► Port ─┐
//!                              ├─► Sim : Transport ─► open() ─► dyn Profile
//!  open(modemmanager) ─► Bus ──┘
//! ```
//!
//! A modem comes and goes; a [`Lookout`] sleeps until it does.
//!
//! The SIM's basic channel belongs to the modem, which selects files on it at any time: a command
//! of ours in between would break the modem's work or ours. So a [`Sim`] always has a logical
//! channel of its own (ISO/IEC 7816-4, 5.4.1): one that the modem opens and guards (`+CCHO`,
//! `+CGLA`) where it can, else one opened with MANAGE CHANNEL through `+CSIM`. A SIM without a
//! free one is not touched at all.
//!
//! `ModemManager` passes commands on only when it runs with `--debug`, and then lets everybody
//! who may control modems do anything with them. A port of the modem's that `ModemManager` leaves
//! alone (`ID_MM_PORT_IGNORE=1` in a udev rule) is the better way.

pub mod answer;
mod bus;
mod failure;
mod lookout;
mod place;
mod port;

use std::time::Duration;

use self::answer::SESSION;
pub use self::bus::Bus;
pub use self::failure::Failure;
pub use self::lookout::{Lookout, Woken};
use self::place::Kind;
pub use self::place::Place;
pub use self::port::Port;
use crate::pkcs15::object::AID;
use crate::reader::Error;
use crate::transport::Transport;

/// How long a modem may take for one command: a SIM writes its memory in it.
pub const COMMAND_TIME: Duration = Duration::from_secs(10);
/// What takes AT commands.
pub trait Terminal {
    /// Gives one command, and returns the answers that begin with `word` (without it), when the
    /// modem ends them with `OK` within `time`. `name` is what an error calls the command: the
    /// command itself may hold a PIN.
    fn command(
        &mut self,
        line: &str,
        name: &'static str,
        word: &str,
        time: Duration,
    ) -> Result<Vec<String>, Failure>;
}

impl<T: Terminal + ?Sized> Terminal for Box<T> {
    fn command(
        &mut self,
        line: &str,
        name: &'static str,
        word: &str,
        time: Duration,
    ) -> Result<Vec<String>, Failure> {
        T::command(self, line, name, word, time)
    }
}

impl<T: Terminal + ?Sized> Terminal for &mut T {
    fn command(
        &mut self,
        line: &str,
        name: &'static str,
        word: &str,
        time: Duration,
    ) -> Result<Vec<String>, Failure> {
        T::command(self, line, name, word, time)
    }
}

/// Reaches the SIM of a modem. Waits for the modem, so not for use within an async runtime.
pub fn open(place: &Place) -> Result<Sim<Box<dyn Terminal>>, Error> {
    let failed = |source| Error::Modem {
        modem: place.to_string(),
        source,
    };
    let terminal: Box<dyn Terminal> = match place.kind() {
        Kind::Device(device) => Box::new(Port::open(device).map_err(failed)?),
        Kind::TheOnly => Box::new(Bus::open(None).map_err(failed)?),
        Kind::Object(modem) => Box::new(Bus::open(Some(modem)).map_err(failed)?),
    };
    Sim::open(terminal, place.as_str())
}

/// How commands reach our logical channel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Way {
    /// In a session of the modem's, which sees to the channel (TS 27.007, 8.45).
    Session(u32),
    /// On a channel that the class byte names.
    Channel(u8),
}

/// A logical channel to the SIM in a modem. It is closed when this is dropped.
#[derive(Debug)]
pub struct Sim<T: Terminal> {
    terminal: T,
    modem: String,
    way: Way,
}

impl<T: Terminal> Sim<T> {
    /// Opens a channel; `modem` is what errors call the modem.
    pub fn open(mut terminal: T, modem: &str) -> Result<Self, Error> {
        let way = open_session(&mut terminal)
            .and_then(|way| way.map_or_else(|| open_channel(&mut terminal), Ok))
            .map_err(|source| Error::Modem {
                modem: modem.to_owned(),
                source,
            })?;
        Ok(Self {
            terminal,
            modem: modem.to_owned(),
            way,
        })
    }
}

/// A session with the PKCS#15 application; `None` where the modem knows no sessions, or the SIM
/// does not know the application by its name.
fn open_session(terminal: &mut impl Terminal) -> Result<Option<Way>, Failure> {
    let command = format!("AT+CCHO=\"{}\"", answer::digits(AID));
    match terminal.command(&command, "AT+CCHO", SESSION, COMMAND_TIME) {
        Ok(answers) => answers
            .first()
            .and_then(|answer| answer.parse().ok())
            .map(|session| Some(Way::Session(session)))
            .ok_or(Failure::Garbled { command: "AT+CCHO" }),
        Err(Failure::Refused { .. }) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// A channel of the SIM's own choice (ISO/IEC 7816-4, 7.1.2).
fn open_channel(terminal: &mut impl Terminal) -> Result<Way, Failure> {
    let answer = pass_on(terminal, &[0x00, 0x70, 0x00, 0x00, 0x01], None)?;
    match answer.as_slice() {
        [channel @ 1..=19, 0x90, 0x00] => Ok(Way::Channel(*channel)),
        [.., high, low] => Err(Failure::NoChannel {
            status: u16::from_be_bytes([*high, *low]),
        }),
        _shorter => Err(Failure::Garbled { command: "AT+CSIM" }),
    }
}

/// Sends one command APDU to the SIM, in a session or as it is.
fn pass_on(
    terminal: &mut impl Terminal,
    apdu: &[u8],
    session: Option<u32>,
) -> Result<Vec<u8>, Failure> {
    let digits = answer::digits(apdu);
    let (name, word, line) = match session {
        Some(session) => (
            "AT+CGLA",
            "+CGLA",
            format!("AT+CGLA={session},{},\"{digits}\"", digits.len()),
        ),
        None => (
            "AT+CSIM",
            "+CSIM",
            format!("AT+CSIM={},\"{digits}\"", digits.len()),
        ),
    };
    let answers = terminal.command(&line, name, word, COMMAND_TIME)?;
    answers
        .first()
        .and_then(|answer| answer::bytes(answer))
        .ok_or(Failure::Garbled { command: name })
}

/// A short command as T=0 has it (ISO/IEC 7816-3, 12.2): no Le behind data, and five bytes at
/// least. The SIM says `61xx` where it has an answer.
fn as_tpdu(command: &[u8]) -> Vec<u8> {
    let mut tpdu = command.to_vec();
    let data = command.get(4).copied().map_or(0, usize::from);
    if data > 0 && tpdu.len() == data.saturating_add(6) {
        tpdu.pop();
    }
    if tpdu.len() == 4 {
        tpdu.push(0);
    }
    tpdu
}

/// The class byte for a logical channel (ISO/IEC 7816-4, 5.4.1): two bits for the first four, four
/// bits in the further interindustry class for the others. Chaining is the same bit in both.
const fn class(cla: u8, channel: u8) -> u8 {
    if channel < 4 {
        cla | channel
    } else {
        cla & 0x10 | 0x40 | channel.saturating_sub(4)
    }
}

impl<T: Terminal> Transport for Sim<T> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        let mut apdu = as_tpdu(command);
        let session = match self.way {
            Way::Session(session) => Some(session),
            Way::Channel(channel) => {
                if let Some(cla) = apdu.first_mut() {
                    *cla = class(*cla, channel);
                }
                None
            }
        };
        pass_on(&mut self.terminal, &apdu, session).map_err(|source| Error::Modem {
            modem: self.modem.clone(),
            source,
        })
    }
}

impl<T: Terminal> Drop for Sim<T> {
    fn drop(&mut self) {
        // A SIM has as few as one channel for all programs. A modem that is gone has none of it.
        drop(match self.way {
            Way::Session(session) => self
                .terminal
                .command(&format!("AT+CCHC={session}"), "AT+CCHC", "", COMMAND_TIME)
                .map(drop),
            Way::Channel(channel) => {
                pass_on(&mut self.terminal, &[0x00, 0x70, 0x80, channel, 0x00], None).map(drop)
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_its_class_and_chaining_stays() {
        for (cla, channel, expected) in [
            (0x00, 1, 0x01),
            (0x10, 3, 0x13),
            (0x00, 4, 0x40),
            (0x10, 19, 0x5F),
        ] {
            assert_eq!(class(cla, channel), expected);
        }
    }

    #[test]
    fn a_command_loses_its_le_only_behind_data() {
        assert_eq!(as_tpdu(&[0, 0xA4, 4, 0, 1, 9, 0]), [0, 0xA4, 4, 0, 1, 9]);
        assert_eq!(as_tpdu(&[0, 0xB0, 0, 0, 0]), [0, 0xB0, 0, 0, 0]);
        assert_eq!(as_tpdu(&[0, 0x20, 0, 1]), [0, 0x20, 0, 1, 0]);
    }
}
