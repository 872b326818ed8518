//! Files of ISO/IEC 7816-4: finding, reading, writing and making them.

use crate::apdu::{Answer, Channel, Command, Header, Status};
use crate::profile::{Act, Error};
use crate::tlv;

/// Instructions (ISO/IEC 7816-4, table 4; ISO/IEC 7816-9).
mod ins {
    pub(super) const SELECT: u8 = 0xA4;
    pub(super) const READ_BINARY: u8 = 0xB0;
    pub(super) const READ_RECORD: u8 = 0xB2;
    pub(super) const UPDATE_BINARY: u8 = 0xD6;
    pub(super) const UPDATE_RECORD: u8 = 0xDC;
    pub(super) const CREATE_FILE: u8 = 0xE0;
}

/// Tags of file control parameters (ISO/IEC 7816-4, table 10).
mod tag {
    pub(super) const TEMPLATE: u32 = 0x62;
    pub(super) const INFORMATION: u32 = 0x6F;
    pub(super) const SIZE: u32 = 0x80;
    pub(super) const DESCRIPTOR: u32 = 0x82;
    pub(super) const FID: u32 = 0x83;
    pub(super) const NAME: u32 = 0x84;
    pub(super) const SHORT_ID: u32 = 0x88;
}

/// The master file.
pub(super) const MF: u16 = 0x3F00;
/// What P2 of SELECT asks for: file control parameters, or no answer.
const WITH_PARAMETERS: u8 = 0x04;
const WITHOUT_ANSWER: u8 = 0x0C;
/// Most bytes that can be reached with a short offset (15 bits).
pub(super) const MAX_FILE: usize = 0x8000;
/// Most records of a file that are looked at. EF.DIR has a handful.
const MAX_RECORDS: u8 = 32;

/// By what a file is selected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Name {
    /// An application's identifier.
    Application(&'static [u8]),
    /// A file's identifier, in the current directory or the master file.
    Fid(u16),
    /// Identifiers from the master file, which is not among them.
    Path(Vec<u8>),
}

impl Name {
    /// What an absolute or relative path of PKCS#15 means.
    pub(super) fn of_path(path: &[u8]) -> Self {
        match path.strip_prefix(&MF.to_be_bytes()) {
            Some(rest) if !rest.is_empty() => Self::Path(rest.to_vec()),
            Some(_) => Self::Fid(MF),
            None => Self::Path(path.to_vec()),
        }
    }

    fn command(&self, p2: u8) -> Command {
        let (p1, bytes) = match self {
            Self::Application(aid) => (0x04, aid.to_vec()),
            Self::Fid(fid) => (0x00, fid.to_be_bytes().to_vec()),
            Self::Path(path) => (0x08, path.clone()),
        };
        let answer = if p2 == WITHOUT_ANSWER {
            Answer::Status
        } else {
            Answer::Bytes
        };
        Command::new(Header::new(ins::SELECT, p1, p2), bytes, answer)
    }
}

/// How a file is laid out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Structure {
    /// Bytes, so many of them.
    Transparent(usize),
    /// Records.
    Records,
    /// A directory, or nothing that is known.
    Other,
}

/// What is read of file control parameters.
pub(crate) fn structure(parameters: &[u8]) -> Structure {
    let template = [tag::TEMPLATE, tag::INFORMATION]
        .into_iter()
        .find_map(|tag| tlv::find(parameters, tag).ok());
    let Some(template) = template else {
        return Structure::Other;
    };
    // Bits 1 to 3: 1 transparent, 2 to 5 linear records, 6 and 7 cyclic. 38: a directory.
    let descriptor = tlv::find(template, tag::DESCRIPTOR)
        .ok()
        .and_then(|descriptor| descriptor.first().copied());
    match descriptor {
        Some(descriptor) if descriptor & 0x38 == 0x38 => Structure::Other,
        Some(descriptor) if descriptor & 0x07 == 1 => {
            let size = tlv::find(template, tag::SIZE).unwrap_or_default();
            let size = size.iter().try_fold(0_usize, |size, byte| {
                size.checked_mul(256)?.checked_add(usize::from(*byte))
            });
            Structure::Transparent(size.unwrap_or(0).min(MAX_FILE))
        }
        Some(descriptor) if (2..=5).contains(&(descriptor & 0x07)) => Structure::Records,
        Some(_) | None => Structure::Other,
    }
}

/// What a card may answer where there is no such file, or none that can be read so.
pub(super) fn tells_of_no_file(status: Status) -> bool {
    matches!(
        status.0,
        // not found; no such reference (a UICC says so of applications); no current file;
        // not for files of this kind; unknown short identifier; not supported; deactivated
        0x6A82 | 0x6A88 | 0x6986 | 0x6981 | 0x6A86 | 0x6B00 | 0x6A81 | 0x6283 | 0x6A87
    )
}

/// The files of a card.
#[derive(Debug)]
pub(super) struct Files<'t> {
    pub(super) channel: Channel<'t>,
}

impl Files<'_> {
    /// Makes a file the current one; `false` when there is none.
    pub(super) fn select(&mut self, act: Act, name: &Name) -> Result<bool, Error> {
        let (_nothing, status) = self.ask(act, &name.command(WITHOUT_ANSWER))?;
        if status.0 == 0x9000 {
            return Ok(true);
        }
        // Cards that always answer with the file's properties know no other P2.
        if matches!(status.0, 0x6A86 | 0x6B00) {
            return Ok(self.examine(act, name)?.is_some());
        }
        self.found(act, &name.command(WITHOUT_ANSWER), status)
    }

    /// Makes a file the current one and tells how it is laid out; `None` when there is none.
    pub(super) fn examine(&mut self, act: Act, name: &Name) -> Result<Option<Structure>, Error> {
        for p2 in [WITH_PARAMETERS, 0] {
            let command = name.command(p2);
            let (parameters, status) = self.ask(act, &command)?;
            if matches!(status.0, 0x6A86 | 0x6B00) {
                continue;
            }
            return Ok(self
                .found(act, &command, status)?
                .then(|| structure(&parameters)));
        }
        Ok(None)
    }

    /// Reads the begin of a file, up to `end` or its own: with a short identifier, which makes it
    /// the current file, or of the current file. `None` when there is no such file. Stops early
    /// when what was read is `enough`.
    pub(super) fn read(
        &mut self,
        act: Act,
        short: Option<u8>,
        end: usize,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>, Error> {
        let mut bytes = Vec::new();
        while bytes.len() < end {
            let short = short.filter(|_short| bytes.is_empty());
            let Some((more, is_end)) = self.read_piece(act, short, bytes.len(), end)? else {
                return Ok((!bytes.is_empty()).then_some(bytes));
            };
            bytes.extend(more);
            if is_end || enough(&bytes) {
                break;
            }
        }
        Ok(Some(bytes))
    }

    /// Reads the current file from one offset to another, or to its end.
    pub(super) fn read_on(&mut self, act: Act, begin: usize, end: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut at = begin;
        while at < end {
            let Some((more, is_end)) = self.read_piece(act, None, at, end)? else {
                break;
            };
            at = at.saturating_add(more.len());
            bytes.extend(more);
            if is_end {
                break;
            }
        }
        Ok(bytes)
    }

    /// Reads what one answer holds, and tells whether the file ended with it; `None` where there
    /// is nothing to read.
    fn read_piece(
        &mut self,
        act: Act,
        short: Option<u8>,
        at: usize,
        end: usize,
    ) -> Result<Option<(Vec<u8>, bool)>, Error> {
        let most = self.channel.lengths().answer();
        let wanted = end.min(MAX_FILE).saturating_sub(at).min(most);
        if wanted == 0 {
            return Ok(None);
        }
        let [high, low] = match short {
            Some(short) => [0x80 | short, 0],
            None => short_offset(at),
        };
        let header = Header::new(ins::READ_BINARY, high, low);
        let command = Command::new(header, Vec::new(), Answer::UpTo(wanted));
        let (piece, status) = self.ask(act, &command)?;
        match status.0 {
            0x9000 | 0x6282 => {
                let is_end = piece.len() < wanted;
                Ok(Some((piece, is_end)))
            }
            _ if tells_of_no_file(status) => Ok(None),
            _ => Err(self.refused(act, &command, status)),
        }
    }

    /// The records of the current file, in order.
    pub(super) fn records(&mut self, act: Act) -> Result<Vec<Vec<u8>>, Error> {
        let mut records = Vec::new();
        for number in 1..=MAX_RECORDS {
            let header = Header::new(ins::READ_RECORD, number, 0x04);
            let command = Command::new(header, Vec::new(), Answer::Bytes);
            let (record, status) = self.ask(act, &command)?;
            match status.0 {
                0x9000 | 0x6282 => records.push(record),
                0x6A83 => break,
                _ if tells_of_no_file(status) => break,
                _ => return Err(self.refused(act, &command, status)),
            }
        }
        Ok(records)
    }

    /// Writes a record of the current file, as long as it was.
    pub(super) fn write_record(
        &mut self,
        act: Act,
        number: u8,
        record: Vec<u8>,
    ) -> Result<(), Error> {
        let header = Header::new(ins::UPDATE_RECORD, number, 0x04);
        self.done(act, &Command::new(header, record, Answer::Status))
    }

    /// Writes the current file's bytes from `offset` on, first to last.
    pub(super) fn update(&mut self, act: Act, offset: usize, bytes: &[u8]) -> Result<(), Error> {
        let mut at = offset;
        for piece in bytes.chunks(self.channel.lengths().command()) {
            let [high, low] = short_offset(at);
            let header = Header::new(ins::UPDATE_BINARY, high, low);
            self.done(act, &Command::new(header, piece.to_vec(), Answer::Status))?;
            at = at.saturating_add(piece.len());
        }
        Ok(())
    }

    /// Makes a transparent file in the current directory, and makes it the current file.
    pub(super) fn create(&mut self, act: Act, fid: u16, size: usize) -> Result<(), Error> {
        let size = u16::try_from(size).unwrap_or(u16::MAX);
        let mut template = tlv::encode(tag::DESCRIPTOR, &[0x01]);
        tlv::push(&mut template, tag::FID, &fid.to_be_bytes());
        tlv::push(&mut template, tag::SIZE, &size.to_be_bytes());
        tlv::push(&mut template, tag::SHORT_ID, &[short_id(fid) << 3]);
        self.create_file(act, &template)?;
        // Not every card makes it the current one.
        self.select(act, &Name::Fid(fid)).map(drop)
    }

    /// Makes a directory with an application's name in the current directory.
    pub(super) fn create_application(
        &mut self,
        act: Act,
        fid: u16,
        aid: &[u8],
    ) -> Result<(), Error> {
        let mut template = tlv::encode(tag::DESCRIPTOR, &[0x38]);
        tlv::push(&mut template, tag::FID, &fid.to_be_bytes());
        tlv::push(&mut template, tag::NAME, aid);
        self.create_file(act, &template)
    }

    fn create_file(&mut self, act: Act, template: &[u8]) -> Result<(), Error> {
        let parameters = tlv::encode(tag::TEMPLATE, template);
        let header = Header::new(ins::CREATE_FILE, 0, 0);
        let command = Command::new(header, parameters, Answer::Status);
        let (_nothing, status) = self.ask(act, &command)?;
        match status.0 {
            // There is one of that name or identifier: made before an interruption.
            0x9000 | 0x6A89 | 0x6A8A => Ok(()),
            0x6A84 => Err(Error::Full { needed: 1, free: 0 }),
            _ => Err(self.refused(act, &command, status)),
        }
    }

    /// Sends a command that has to succeed.
    fn done(&mut self, act: Act, command: &Command) -> Result<(), Error> {
        let (_nothing, status) = self.ask(act, command)?;
        if status == Status::OK {
            return Ok(());
        }
        Err(self.refused(act, command, status))
    }

    /// Sends a command; its answer, whatever the status word.
    pub(super) fn ask(&mut self, act: Act, command: &Command) -> Result<(Vec<u8>, Status), Error> {
        self.channel
            .ask(command)
            .map_err(|source| Error::Exchange { act, source })
    }

    /// Whether a file was found.
    fn found(&self, act: Act, command: &Command, status: Status) -> Result<bool, Error> {
        match status.0 {
            0x9000 => Ok(true),
            _ if tells_of_no_file(status) => Ok(false),
            _ => Err(self.refused(act, command, status)),
        }
    }

    pub(super) fn refused(&self, act: Act, command: &Command, status: Status) -> Error {
        let source = self.channel.refusal(command, status);
        Error::Exchange { act, source }
    }
}

/// The short identifier that a file has by default: its identifier's last five bits
/// (ISO/IEC 7816-4, 7.3.1.1).
pub(super) const fn short_id(fid: u16) -> u8 {
    let [low, _high] = fid.to_le_bytes();
    low & 0x1F
}

const fn short_offset(offset: usize) -> [u8; 2] {
    let [low, high, ..] = offset.to_le_bytes();
    [high & 0x7F, low]
}
