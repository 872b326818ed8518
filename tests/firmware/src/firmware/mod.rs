//! A card: Nitrokey's firmware on an image file, and the framing of its answers into APDUs,
//! which on a real token is the work of the layer below.

mod platform;

use std::path::Path;

use anyhow::{Context as _, ensure};
use cardwarden_card::reader::Error;
use cardwarden_card::{Lengths, Transport};
use clap::{Args, ValueEnum};
use iso7816::Status;
use iso7816::command::CommandView;

use self::platform::{Firmware, IMAGE, boot};

/// Most data bytes of a command and most bytes of an answer (`apdu_dispatch`, which both
/// firmwares' product uses, and `EXTENDED_LENGTH_INFO` of `opcard`).
const MESSAGE: usize = 0x1DB9;
/// Bytes of an extended command beside its data (ISO/IEC 7816-4, 5.1).
const COMMAND_FRAME: usize = 9;
/// Bytes of an answer beside its data.
const ANSWER_FRAME: usize = 2;
/// Most bytes of an answer to a short command.
const SHORT: usize = 256;
/// Offset of CLA's bit that announces more (ISO/IEC 7816-4, 5.1.1).
const CHAINED: u8 = 0x10;
/// GET RESPONSE.
const GET_RESPONSE: u8 = 0xC0;
/// Answer to reset of a Nitrokey 3: T=1, and its name.
const ATR: &[u8] = b"\x3B\x8F\x01\x80\x5DNitrokey\0\0\0\0\0\x6A";
/// Answer to reset of a token with T=1 whose historical bytes promise command chaining and
/// extended lengths (ISO/IEC 7816-4, table 119: third byte of the capabilities).
const ATR_EXTENDED: &[u8] = &[0x3B, 0x85, 0x01, 0x80, 0x73, 0xC0, 0x01, 0xC0, 0x76];

/// What kind of card it is.
#[derive(Args, Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Model {
    /// The application on the card
    #[arg(long, value_enum, default_value_t)]
    pub profile: Application,
    /// Take APDUs of extended length, and say so
    #[arg(long)]
    pub extended: bool,
}

/// The application on a card.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Application {
    /// PIV (NIST SP 800-73)
    #[default]
    Piv,
    /// `OpenPGP` 3.4
    Openpgp,
}

impl Model {
    /// A card with this application, for short APDUs.
    pub const fn short(profile: Application) -> Self {
        Self {
            profile,
            extended: false,
        }
    }

    /// What the card says when it gets power.
    pub const fn atr(self) -> &'static [u8] {
        if self.extended { ATR_EXTENDED } else { ATR }
    }
}

/// A card under power.
pub struct Card<'a> {
    firmware: Firmware<'a>,
    model: Model,
    /// Data of a chained command so far.
    gathered: Vec<u8>,
    /// Rest of an answer.
    waiting: Vec<u8>,
}

/// Puts the card of this image under power for as long as `session` lasts; a new image is a
/// card fresh from the factory, with keys and a serial number that no other has.
pub fn power<R>(
    image: &Path,
    model: Model,
    session: impl FnOnce(&mut Card<'_>) -> R,
) -> anyhow::Result<R> {
    if let Ok(found) = image.metadata() {
        ensure!(
            found.len() == IMAGE,
            "{} is no image of a card",
            image.display()
        );
    } else {
        // The storage layer panics where it cannot create the file.
        let folder = image
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        ensure!(
            folder.is_none_or(Path::is_dir),
            "there is no folder for {}",
            image.display()
        );
    }
    boot(image, model.profile, |firmware| {
        session(&mut Card {
            firmware,
            model,
            gathered: Vec::new(),
            waiting: Vec::new(),
        })
    })
}

/// Random bytes of the system.
pub fn fresh_seed() -> anyhow::Result<[u8; 32]> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).context("the system gives no random bytes")?;
    Ok(seed)
}

impl Card<'_> {
    /// Answers one command APDU.
    pub fn respond(&mut self, apdu: &[u8]) -> Vec<u8> {
        let Ok(command) = CommandView::try_from(apdu) else {
            return status_only(Status::WrongLength);
        };
        let [cla, ins, p1, p2, ..] = *apdu else {
            return status_only(Status::WrongLength);
        };
        if command.extended && !self.model.extended {
            return status_only(Status::WrongLength);
        }
        let most = match (command.expected(), command.extended) {
            (0, _) | (SHORT.., false) => SHORT,
            (expected, _) => expected.min(MESSAGE),
        };
        if ins == GET_RESPONSE {
            return self.next_part(most);
        }
        self.waiting.clear();
        self.gathered.extend(command.data());
        if self.gathered.len() > MESSAGE {
            self.gathered.clear();
            return status_only(Status::WrongLength);
        }
        if cla & CHAINED != 0 {
            return status_only(Status::Success);
        }
        let data = std::mem::take(&mut self.gathered);
        match self.run([cla, ins, p1, p2], &data) {
            Ok(answer) => {
                self.waiting = answer;
                self.next_part(most)
            }
            Err(status) => status_only(status),
        }
    }

    /// Runs a whole command.
    fn run(&mut self, header: [u8; 4], data: &[u8]) -> Result<Vec<u8>, Status> {
        let mut whole = header.to_vec();
        let length = u16::try_from(data.len()).map_err(|_too_long| Status::WrongLength)?;
        whole.push(0);
        if length > 0 {
            whole.extend(length.to_be_bytes());
            whole.extend(data);
        }
        whole.extend([0, 0]);
        let command =
            CommandView::try_from(whole.as_slice()).map_err(|_malformed| Status::WrongLength)?;
        let mut reply = heapless::Vec::<u8, MESSAGE>::new();
        self.firmware.run(command, &mut reply)?;
        Ok(reply.to_vec())
    }

    /// As much of the answer as fits.
    fn next_part(&mut self, most: usize) -> Vec<u8> {
        let rest = self.waiting.split_off(most.min(self.waiting.len()));
        let mut answer = std::mem::replace(&mut self.waiting, rest);
        let status = match u8::try_from(self.waiting.len()) {
            Ok(0) => Status::Success,
            Ok(left) => Status::MoreAvailable(left),
            Err(_many) => Status::MoreAvailable(0),
        };
        answer.extend(status_only(status));
        answer
    }
}

fn status_only(status: Status) -> Vec<u8> {
    u16::from(status).to_be_bytes().to_vec()
}

impl Transport for Card<'_> {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.respond(command))
    }

    fn lengths(&self) -> Lengths {
        if self.model.extended {
            Lengths::extended(
                MESSAGE.saturating_sub(COMMAND_FRAME),
                MESSAGE.saturating_sub(ANSWER_FRAME),
            )
        } else {
            Lengths::Short
        }
    }
}
