//! The wire to QEMU's smart-card reader (`usb-ccid` with `ccid-card-passthru`): libcacard's VSCARD
//! protocol (`cacard/vscard_common.h`). A message is three big-endian words (type, reader, length)
//! and as many bytes. The guest sees a USB reader, and drives it with its own libccid.
//!
//! The reader is a T=0 one, at the level of TPDUs, with a buffer of 384 bytes: cards behind it
//! never speak at extended length.

use std::io::{ErrorKind, Read as _, Write as _};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::fault::{Fault, Faulty};
use crate::firmware::{Card, Model, power};

/// Types of messages (`VSCMsgType`).
const INIT: u32 = 1;
const ERROR: u32 = 2;
const READER_ADD: u32 = 3;
const ATR: u32 = 5;
const CARD_REMOVE: u32 = 6;
const APDU: u32 = 7;
/// `VSCARD_MAGIC` ("VSCD"), version 0.0.2, no capabilities.
const HELLO: [u8; 12] = [b'V', b'S', b'C', b'D', 0, 0, 0, 2, 0, 0, 0, 0];
/// The reader has no number before QEMU has given it one (`VSCARD_UNDEFINED_READER_ID`).
const NO_READER: u32 = u32::MAX;
/// The only number that QEMU gives.
const READER: u32 = 0;
/// An answer to reset that offers T=0 alone (ISO/IEC 7816-3, 8.2), with two historical bytes.
const T0_ATR: [u8; 4] = [0x3B, 0x02, 0x14, 0x50];
/// Most bytes of a message that is taken.
const MAX_MESSAGE: usize = 64 * 1024;

/// Inserts the card of this image into the reader behind the socket, and keeps it there until
/// standard input ends (the card is then pulled out), the machine goes away, or the fault says
/// otherwise.
pub fn run(image: &Path, model: Model, socket: &Path, fault: Option<Fault>) -> anyhow::Result<()> {
    ensure!(
        !model.extended,
        "the machine's reader takes no extended length"
    );
    let mut reader = UnixStream::connect(socket)
        .with_context(|| format!("there is no reader at {}", socket.display()))?;
    let mut out = reader.try_clone().context("copy the connection")?;
    std::thread::spawn(move || {
        // Whoever holds the other end pulls the card out by closing it.
        drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        drop(send(&mut out, CARD_REMOVE, READER, &[]));
        drop(out.shutdown(std::net::Shutdown::Read));
    });
    let mut fault = Faulty::new(fault);
    power(image, model, |card| {
        send(&mut reader, INIT, NO_READER, &HELLO)?;
        send(&mut reader, READER_ADD, NO_READER, b"lab")?;
        send(&mut reader, ATR, READER, &T0_ATR)?;
        while let Some((kind, body)) = receive(&mut reader)? {
            if answer(&mut reader, card, &mut fault, kind, &body)?.is_break() {
                break;
            }
        }
        Ok(())
    })?
}

/// Answers one message of the reader.
fn answer(
    reader: &mut UnixStream,
    card: &mut Card<'_>,
    fault: &mut Faulty,
    kind: u32,
    body: &[u8],
) -> anyhow::Result<ControlFlow<()>> {
    match kind {
        ERROR => {
            let code = body
                .iter()
                .fold(0_u64, |code, byte| (code << 8) | u64::from(*byte));
            ensure!(code == 0, "the reader refuses the card with error {code}");
        }
        APDU => {
            let Some(answer) = fault.respond(card, body) else {
                send(reader, CARD_REMOVE, READER, &[])?;
                return Ok(ControlFlow::Break(()));
            };
            send(reader, APDU, READER, &answer)?;
        }
        // Power comes and goes with these; the firmware has no state that it has to lose.
        _ => {}
    }
    Ok(ControlFlow::Continue(()))
}

/// The next message; `None` when the reader is gone.
fn receive(reader: &mut UnixStream) -> anyhow::Result<Option<(u32, Vec<u8>)>> {
    let mut header = [0; 12];
    match reader.read_exact(&mut header) {
        Ok(()) => {}
        Err(error)
            if [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind()) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error).context("the reader failed"),
    }
    let [k0, k1, k2, k3, _, _, _, _, l0, l1, l2, l3] = header;
    let kind = u32::from_be_bytes([k0, k1, k2, k3]);
    let length = usize::try_from(u32::from_be_bytes([l0, l1, l2, l3])).unwrap_or(usize::MAX);
    ensure!(length <= MAX_MESSAGE, "the reader sends {length} bytes");
    let mut body = vec![0; length];
    reader.read_exact(&mut body).context("the reader failed")?;
    Ok(Some((kind, body)))
}

fn send(reader: &mut UnixStream, kind: u32, number: u32, body: &[u8]) -> anyhow::Result<()> {
    let length = u32::try_from(body.len()).context("a message is too long")?;
    let mut message: Vec<u8> = [kind, number, length]
        .into_iter()
        .flat_map(u32::to_be_bytes)
        .collect();
    message.extend(body);
    reader.write_all(&message).context("the reader failed")
}
