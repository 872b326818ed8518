//! A card with a file system (ISO/IEC 7816-4 and 7816-9), in memory.

mod commands;

use std::collections::VecDeque;

use cardwarden_card::reader::Error;
use cardwarden_card::{Lengths, Transport};

/// What a file is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Content {
    /// A directory, with its application's name if it has one.
    Directory(Vec<u8>),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Records of one length.
    Records(Vec<Vec<u8>>),
}

/// A file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// Its identifier.
    pub fid: u16,
    /// The place of its directory in [`Card::files`]; the master file is its own.
    pub parent: usize,
    /// What it is.
    pub content: Content,
    /// Whether it is read after the user's PIN only.
    pub is_guarded: bool,
}

/// What kinds of cards do differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a habit of its own, and a card may have any of them"
)]
pub struct Habits {
    /// Speaks T=0: `61xx` for what has data and an answer, `6Cxx` for a wrong Le.
    pub is_t0: bool,
    /// What it says of an application that it has not.
    pub unknown_application: u16,
    /// Whether applications are selected by name.
    pub has_names: bool,
    /// Whether files have short identifiers.
    pub has_short_ids: bool,
    /// How many logical channels there are besides the basic one.
    pub channels: u8,
    /// Data bytes of its longest APDUs.
    pub lengths: Lengths,
    /// Most bytes of all files.
    pub memory: usize,
    /// Whether only who gave the officer's PIN may write.
    pub needs_officer: bool,
}

impl Habits {
    /// A token.
    pub const TOKEN: Self = Self {
        is_t0: false,
        unknown_application: 0x6A82,
        has_names: true,
        has_short_ids: true,
        channels: 0,
        lengths: Lengths::Short,
        memory: 64 * 1024,
        needs_officer: false,
    };
    /// A SIM (ETSI TS 102 221).
    pub const SIM: Self = Self {
        is_t0: true,
        unknown_application: 0x6A88,
        channels: 3,
        ..Self::TOKEN
    };
}

/// What one logical channel has selected.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Selected {
    directory: usize,
    file: Option<usize>,
}

/// The card.
#[derive(Clone, Debug)]
pub struct Card {
    /// All files; the first is the master file.
    pub files: Vec<File>,
    /// What kind of card it is.
    pub habits: Habits,
    /// Headers of all commands, in order.
    pub log: Vec<[u8; 4]>,
    /// Wrong PINs that may still be given.
    pub tries: u8,
    channels: Vec<Option<Selected>>,
    waiting: VecDeque<u8>,
    has_pin: bool,
    has_officer: bool,
}

/// The user's PIN and the officer's, as PIN 1 and ADM 1 of a SIM.
pub const PIN: &[u8] = b"1234\xFF\xFF\xFF\xFF";
/// See [`PIN`].
pub const OFFICER: &[u8] = b"87654321";

/// A command, taken apart.
struct Request<'a> {
    cla: u8,
    ins: u8,
    p1: u8,
    p2: u8,
    data: &'a [u8],
    expected: Option<usize>,
}

impl<'a> Request<'a> {
    fn of(apdu: &'a [u8]) -> Option<Self> {
        let (&[cla, ins, p1, p2], rest) = apdu.split_first_chunk()?;
        let le = |bytes: &[u8]| match bytes {
            [] => Some(None),
            [le] => Some(Some(if *le == 0 { 256 } else { usize::from(*le) })),
            [high, low] => {
                let le = usize::from(u16::from_be_bytes([*high, *low]));
                Some(Some(if le == 0 { 65_536 } else { le }))
            }
            _longer => None,
        };
        let (data, expected) = match rest {
            [] | [_] => (&[][..], le(rest)?),
            [0, high, low] => (&[][..], le(&[*high, *low])?),
            [0, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                (rest.get(..length)?, le(rest.get(length..)?)?)
            }
            [length, rest @ ..] => {
                let length = usize::from(*length);
                (rest.get(..length)?, le(rest.get(length..)?)?)
            }
        };
        Some(Self {
            cla,
            ins,
            p1,
            p2,
            data,
            expected,
        })
    }
}

/// An answer, or why there is none.
type Answer = Result<Vec<u8>, u16>;

impl Card {
    /// An empty card.
    pub fn new(habits: Habits) -> Self {
        let mut card = Self {
            files: Vec::new(),
            habits,
            log: Vec::new(),
            tries: 3,
            channels: Vec::new(),
            waiting: VecDeque::new(),
            has_pin: false,
            has_officer: false,
        };
        card.add(0, 0x3F00, Content::Directory(Vec::new()));
        card.reset();
        card
    }

    /// Power off and on.
    pub fn reset(&mut self) {
        self.channels = vec![None; usize::from(self.habits.channels).saturating_add(1)];
        if let Some(basic) = self.channels.first_mut() {
            *basic = Some(Selected::default());
        }
        self.waiting.clear();
        self.log.clear();
        self.has_pin = false;
        self.has_officer = false;
    }

    /// Puts a file into a directory; its place.
    pub fn add(&mut self, parent: usize, fid: u16, content: Content) -> usize {
        self.files.push(File {
            fid,
            parent,
            content,
            is_guarded: false,
        });
        self.files.len().saturating_sub(1)
    }

    /// A file's place, by its path from the master file.
    pub fn find(&self, path: &[u16]) -> Option<usize> {
        path.iter().try_fold(0, |at, fid| self.child(at, *fid))
    }

    /// A file's bytes.
    pub fn bytes(&self, path: &[u16]) -> Option<&[u8]> {
        match &self.files.get(self.find(path)?)?.content {
            Content::Bytes(bytes) => Some(bytes),
            Content::Directory(_) | Content::Records(_) => None,
        }
    }

    /// How many logical channels are open, the basic one not counted.
    pub fn open_channels(&self) -> usize {
        self.channels.iter().skip(1).flatten().count()
    }

    fn child(&self, parent: usize, fid: u16) -> Option<usize> {
        let found = |(place, file): &(usize, &File)| {
            file.parent == parent && file.fid == fid && *place != 0
        };
        self.files
            .iter()
            .enumerate()
            .find(found)
            .map(|(place, _)| place)
    }

    fn is_directory(&self, place: usize) -> bool {
        matches!(
            self.files.get(place).map(|file| &file.content),
            Some(Content::Directory(_))
        )
    }

    /// Answers a command, status word included.
    pub fn respond(&mut self, apdu: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        let status = match Request::of(apdu) {
            None => 0x6700,
            Some(request) => {
                self.log
                    .push([request.cla, request.ins, request.p1, request.p2]);
                match self.execute(&request) {
                    Ok(bytes) => self.deliver(&request, bytes, &mut answer),
                    Err(status) => status,
                }
            }
        };
        answer.extend(status.to_be_bytes());
        answer
    }

    /// Hands out an answer as the protocol has it.
    fn deliver(&mut self, request: &Request<'_>, bytes: Vec<u8>, answer: &mut Vec<u8>) -> u16 {
        let short = |length: usize| u16::try_from(length.min(256) % 256).unwrap_or(0);
        let Some(expected) = request.expected.filter(|_| {
            // T=0 has no room for Le behind data.
            !self.habits.is_t0 || request.data.is_empty()
        }) else {
            if bytes.is_empty() {
                return 0x9000;
            }
            let waiting = short(bytes.len());
            self.waiting = bytes.into();
            return 0x6100 | waiting;
        };
        if expected > bytes.len() && self.habits.is_t0 && !bytes.is_empty() {
            return 0x6C00 | short(bytes.len());
        }
        let status = if expected > bytes.len() && request.ins == 0xB0 {
            0x6282
        } else {
            0x9000
        };
        if request.ins == 0xC0 && bytes.len() > expected {
            answer.extend(bytes.get(..expected).unwrap_or_default());
            self.waiting = bytes.get(expected..).unwrap_or_default().to_vec().into();
            return 0x6100 | short(self.waiting.len());
        }
        answer.extend(bytes.get(..expected).unwrap_or(&bytes));
        status
    }

    fn execute(&mut self, request: &Request<'_>) -> Answer {
        let channel = match request.cla {
            0x00..=0x03 => request.cla,
            0x40..=0x4F => (request.cla & 0x0F).saturating_add(4),
            _chained_or_secured => return Err(0x6E00),
        };
        let at = usize::from(channel);
        let Some(Some(mut selected)) = self.channels.get(at).copied() else {
            return Err(0x6881);
        };
        let answer = match request.ins {
            0x70 => return self.manage_channel(request),
            0xA4 => self.select(request, &mut selected),
            0xB0 => self.read_binary(request, &mut selected),
            0xD6 => self.update_binary(request, &mut selected),
            0xB2 => self.read_record(request, selected),
            0xDC => self.update_record(request, selected),
            0xE0 => self.create(request, &mut selected),
            0x20 => self.verify(request),
            0xC0 => {
                let waiting: Vec<u8> = self.waiting.drain(..).collect();
                if waiting.is_empty() {
                    Err(0x6985)
                } else {
                    Ok(waiting)
                }
            }
            _other => Err(0x6D00),
        };
        if let Some(slot) = self.channels.get_mut(at) {
            *slot = Some(selected);
        }
        answer
    }
}

impl Transport for Card {
    fn transmit(&mut self, command: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.respond(command))
    }

    fn lengths(&self) -> Lengths {
        self.habits.lengths
    }
}
