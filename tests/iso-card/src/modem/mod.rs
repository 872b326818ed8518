//! A modem with a SIM in it: it answers AT commands on a line, as well or as badly as modems do.

mod plug;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

pub use self::plug::Plugged;
use crate::card::Card;

/// What modems do differently.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is bad manners of its own, and a modem may have any of them"
)]
pub struct Manners {
    /// Opens logical channels itself (`+CCHO`).
    pub has_sessions: bool,
    /// Answers `+CCHO` with the bare number.
    pub is_terse: bool,
    /// Repeats each command.
    pub echoes: bool,
    /// Says other things in between.
    pub chatters: bool,
    /// Writes a byte at a time.
    pub stutters: bool,
    /// Answers nothing at all.
    pub is_mute: bool,
    /// How many commands for the SIM it refuses first: it has only just found it.
    pub refusals: u32,
}

/// Starts a modem; the line to it, and the card once the line is closed.
pub fn start(card: Card, manners: Manners) -> std::io::Result<(UnixStream, JoinHandle<Card>)> {
    let (ours, theirs) = UnixStream::pair()?;
    let modem = Modem::new(card, manners);
    Ok((ours, std::thread::spawn(move || modem.serve(theirs))))
}

/// A modem.
#[derive(Clone, Debug)]
pub struct Modem {
    card: Card,
    manners: Manners,
}

impl Modem {
    /// With this SIM in it.
    pub const fn new(card: Card, manners: Manners) -> Self {
        Self { card, manners }
    }

    /// Answers commands on a line until it is closed; the SIM.
    fn serve(mut self, mut line: impl Read + Write) -> Card {
        let mut command = Vec::new();
        let mut byte = [0];
        while line.read_exact(&mut byte).is_ok() {
            let [byte] = byte;
            if byte != b'\r' {
                command.push(byte);
                continue;
            }
            let text = String::from_utf8_lossy(&std::mem::take(&mut command)).into_owned();
            if self.manners.is_mute {
                continue;
            }
            let said = self.say(&text);
            let step = if self.manners.stutters { 1 } else { said.len() };
            for piece in said.as_bytes().chunks(step.max(1)) {
                if line.write_all(piece).is_err() {
                    return self.card;
                }
            }
        }
        self.card
    }

    /// The answer to a command, and whatever else there is to say.
    fn say(&mut self, command: &str) -> String {
        let mut said = String::new();
        if self.manners.echoes {
            said.push_str(command);
            said.push('\r');
        }
        if self.manners.chatters {
            said.push_str("\r\n+CREG: 1,\"00C3\"\r\n\r\nRING\r\n");
        }
        said.push_str(&self.answer(command));
        if self.manners.chatters {
            said.push_str("\r\n+CSQ: 17,99\r\n");
        }
        said
    }

    /// The answer to a command.
    pub fn answer(&mut self, command: &str) -> String {
        let done = "\r\nOK\r\n".to_owned();
        let refused = |code: u16| format!("\r\n+CME ERROR: {code}\r\n");
        if command == "AT" {
            return done;
        }
        if let Some(left) = self.manners.refusals.checked_sub(1) {
            self.manners.refusals = left;
            return refused(14);
        }
        if let Some(apdu) = command.strip_prefix("AT+CSIM=") {
            return match parameters(apdu).as_slice() {
                [length, digits] if *length == digits.len().to_string() => {
                    let answer = self.card.respond(&bytes(digits));
                    format!(
                        "\r\n+CSIM: {},\"{}\"\r\n{done}",
                        answer.len() * 2,
                        hex(&answer)
                    )
                }
                _other => refused(50),
            };
        }
        if !self.manners.has_sessions {
            return "\r\nERROR\r\n".to_owned();
        }
        self.session(command).unwrap_or_else(|| refused(50))
    }

    /// Commands of TS 27.007, 8.43 to 8.46; `None` where the parameters are wrong.
    fn session(&mut self, command: &str) -> Option<String> {
        let done = "\r\nOK\r\n";
        if let Some(name) = command.strip_prefix("AT+CCHO=") {
            let opened = self.card.respond(&[0, 0x70, 0, 0, 1]);
            let [channel, 0x90, 0] = opened.as_slice() else {
                return Some("\r\n+CME ERROR: 15\r\n".to_owned());
            };
            let name = bytes(name.trim_matches('"'));
            let length = u8::try_from(name.len()).ok()?;
            let select = [&[*channel, 0xA4, 4, 0x0C, length][..], &name].concat();
            if self.card.respond(&select) != [0x90, 0] {
                self.card.respond(&[0, 0x70, 0x80, *channel]);
                return Some("\r\n+CME ERROR: 22\r\n".to_owned());
            }
            // Session numbers are the modem's own.
            let session = channel.checked_add(10)?;
            let word = if self.manners.is_terse { "" } else { "+CCHO: " };
            return Some(format!("\r\n{word}{session}\r\n{done}"));
        }
        if let Some(session) = command.strip_prefix("AT+CCHC=") {
            let channel = session.parse::<u8>().ok()?.checked_sub(10)?;
            self.card.respond(&[0, 0x70, 0x80, channel]);
            return Some(done.to_owned());
        }
        let parameters = parameters(command.strip_prefix("AT+CGLA=")?);
        let [session, length, digits] = parameters.as_slice() else {
            return None;
        };
        let channel = session.parse::<u8>().ok()?.checked_sub(10)?;
        let mut apdu = bytes(digits);
        if *length != digits.len().to_string() {
            return None;
        }
        *apdu.first_mut()? |= channel;
        let answer = self.card.respond(&apdu);
        Some(format!(
            "\r\n+CGLA: {},\"{}\"\r\n{done}",
            answer.len() * 2,
            hex(&answer)
        ))
    }
}

fn parameters(text: &str) -> Vec<&str> {
    text.split(',')
        .map(|it| it.trim().trim_matches('"'))
        .collect()
}

fn bytes(digits: &str) -> Vec<u8> {
    let pair = |at: usize| digits.get(at..at.saturating_add(2));
    (0..digits.len())
        .step_by(2)
        .map_while(|at| u8::from_str_radix(pair(at)?, 16).ok())
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| format!("{text}{byte:02X}"))
}
