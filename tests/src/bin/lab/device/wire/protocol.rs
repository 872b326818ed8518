//! The wire's own language: USB/IP's messages for transfers (`Documentation/usb/usbip_protocol.rst`).

use std::io::{Read, Write};

use anyhow::{Context as _, Result, bail};

/// `USBIP_CMD_SUBMIT`, `USBIP_CMD_UNLINK`, and their answers.
const SUBMIT: u32 = 1;
const UNLINK: u32 = 2;
const SUBMITTED: u32 = 3;
const UNLINKED: u32 = 4;
/// Every message starts with as many bytes.
const HEADER: usize = 48;

/// `-EPIPE`: the endpoint stalls; `-ECONNRESET`: a transfer was called back.
pub(super) const STALL: i32 = -32;
pub(super) const CALLED_BACK: i32 = -104;

/// What the kernel asks.
pub(super) enum Message {
    /// A transfer.
    Transfer(Transfer),
    /// Call the transfer of this number back; the second is this message's own.
    CallBack(u32, u32),
}

/// A transfer that has been asked for.
pub(super) struct Transfer {
    pub(super) number: u32,
    pub(super) endpoint: u32,
    pub(super) is_in: bool,
    /// How many bytes it may have.
    pub(super) length: usize,
    pub(super) setup: [u8; 8],
    /// Isochronous: where each packet starts, and its length.
    pub(super) packets: Vec<(u32, u32)>,
}

/// Reads the next message.
pub(super) fn read(wire: &mut impl Read) -> Result<Message> {
    let mut header = [0; HEADER];
    wire.read_exact(&mut header).context("read a message")?;
    let word = |index| word(&header, index);
    match word(0) {
        UNLINK => return Ok(Message::CallBack(word(5), word(1))),
        SUBMIT => {}
        other => bail!("message {other} is not understood"),
    }
    let is_in = word(3) == 1;
    let length = usize::try_from(word(6)).context("a length")?;
    if !is_in {
        std::io::copy(&mut wire.take(u64::from(word(6))), &mut std::io::sink())
            .context("read what is sent")?;
    }
    let mut setup = [0; 8];
    setup.copy_from_slice(header.get(40..48).unwrap_or(&[0; 8]));
    // All ones: no packets.
    let count = if word(8) > 1024 { 0 } else { word(8) };
    let mut packets = Vec::new();
    for _ in 0..count {
        let mut packet = [0; 16];
        wire.read_exact(&mut packet)
            .context("read a packet's place")?;
        packets.push((self::word(&packet, 0), self::word(&packet, 1)));
    }
    Ok(Message::Transfer(Transfer {
        number: word(1),
        endpoint: word(4),
        is_in,
        length,
        setup,
        packets,
    }))
}

fn word(bytes: &[u8], index: usize) -> u32 {
    let bytes = bytes
        .get(index * 4..index * 4 + 4)
        .and_then(|bytes| bytes.try_into().ok());
    bytes.map(u32::from_be_bytes).unwrap_or_default()
}

fn answer(kind: u32, number: u32, status: i32) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(kind.to_be_bytes());
    bytes.extend(number.to_be_bytes());
    bytes.extend([0; 12]);
    bytes.extend(status.to_be_bytes());
    bytes
}

/// Answers a transfer: with what it brings, if it is one that brings something.
pub(super) fn complete(
    wire: &mut impl Write,
    transfer: &Transfer,
    brought: &[u8],
    status: i32,
) -> Result<()> {
    let length = if transfer.is_in {
        brought.len()
    } else {
        transfer.length
    };
    let mut bytes = answer(SUBMITTED, transfer.number, status);
    bytes.extend(u32::try_from(length).context("a length")?.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(
        u32::try_from(transfer.packets.len())
            .context("a count")?
            .to_be_bytes(),
    );
    bytes.resize(HEADER, 0);
    if transfer.is_in {
        bytes.extend(brought);
    }
    for (start, length) in &transfer.packets {
        for word in [*start, *length, *length, 0] {
            bytes.extend(word.to_be_bytes());
        }
    }
    wire.write_all(&bytes).context("answer a transfer")
}

/// Answers that a transfer was called back, or that it had ended already (0).
pub(super) fn called_back(wire: &mut impl Write, number: u32, status: i32) -> Result<()> {
    let mut bytes = answer(UNLINKED, number, status);
    bytes.resize(HEADER, 0);
    wire.write_all(&bytes).context("answer a call back")
}
