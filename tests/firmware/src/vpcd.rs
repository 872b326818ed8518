//! The wire to the virtual reader (vsmartcard's vpcd): big-endian length, then as many bytes; one
//! byte is for the card's power and reset, more are a command. To connect is to insert the card,
//! to disconnect is to take it out.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::ops::ControlFlow;
use std::os::linux::net::TcpStreamExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::fault::{Fault, Faulty};
use crate::firmware::{Model, power};

/// What vpcd asks for in one byte (vpcd.h).
const POWER_OFF: u8 = 0;
const POWER_ON: u8 = 1;
const RESET: u8 = 2;
const GET_ATR: u8 = 4;

/// Inserts the card of this image, and keeps it in the reader until the reader goes away or the
/// fault says otherwise.
pub fn run(image: &Path, model: Model, port: u16, fault: Option<Fault>) -> anyhow::Result<()> {
    let mut reader = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("there is no virtual reader on port {port}"))?;
    let mut fault = Faulty::new(fault);
    // A card that loses power forgets who it spoke to.
    while serve(image, model, &mut reader, &mut fault)?.is_continue() {}
    Ok(())
}

/// One life between power-on and power-off.
fn serve(
    image: &Path,
    model: Model,
    reader: &mut TcpStream,
    fault: &mut Faulty,
) -> anyhow::Result<ControlFlow<()>> {
    power(image, model, |card| {
        while let Some(message) = receive(reader)? {
            let answer = match message.as_slice() {
                [POWER_OFF | POWER_ON | RESET] => return Ok(ControlFlow::Continue(())),
                [GET_ATR] => model.atr().to_vec(),
                command => match fault.respond(card, command) {
                    Some(answer) => answer,
                    None => return Ok(ControlFlow::Break(())),
                },
            };
            send(reader, &answer)?;
        }
        Ok(ControlFlow::Break(()))
    })?
}

fn receive(reader: &mut TcpStream) -> anyhow::Result<Option<Vec<u8>>> {
    let mut length = [0; 2];
    if !fill(reader, &mut length)? {
        return Ok(None);
    }
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    Ok(fill(reader, &mut message)?.then_some(message))
}

/// Fills the buffer; not when the reader is gone.
fn fill(reader: &mut TcpStream, mut buffer: &mut [u8]) -> anyhow::Result<bool> {
    while !buffer.is_empty() {
        // vpcd sends length and body apart, without TCP_NODELAY: an acknowledgement that is held
        // back costs 44 ms a command. The kernel forgets the wish, so it is renewed.
        reader
            .set_quickack(true)
            .context("the reader's socket takes no option")?;
        match reader.read(buffer) {
            Ok(0) => return Ok(false),
            Ok(count) => buffer = buffer.split_at_mut(count).1,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
            Err(error) => return Err(error).context("the virtual reader failed"),
        }
    }
    Ok(true)
}

fn send(reader: &mut TcpStream, answer: &[u8]) -> anyhow::Result<()> {
    let length = u16::try_from(answer.len()).context("an answer is too long")?;
    let mut message = length.to_be_bytes().to_vec();
    message.extend(answer);
    reader
        .write_all(&message)
        .context("the virtual reader failed")
}
