//! A device's life: it answers the requests that every device has, and delivers what its stream brings in time.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use anyhow::{Context as _, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::protocol::{self, CALLED_BACK, Message, STALL, Transfer};
use super::{Device, Setup};

/// `GET_DESCRIPTOR`, and which (USB 2.0, 9.4).
const GET_DESCRIPTOR: (u8, u8) = (0x80, 6);
const DEVICE: u16 = 1;
const CONFIGURATION: u16 = 2;

/// Serves until the wire ends.
pub(super) fn serve(mut wire: UnixStream, mut device: Device) -> Result<()> {
    let mut waiting: VecDeque<Transfer> = VecDeque::new();
    let mut ready: Option<(Vec<u8>, Instant)> = None;
    loop {
        if let (None, Some(first)) = (&ready, waiting.front()) {
            let (brought, after) = device.stream.next(first.length);
            ready = Some((brought, Instant::now() + after));
        }
        let limit = match &ready {
            Some((_, at)) => PollTimeout::try_from(at.saturating_duration_since(Instant::now()))
                .unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        let mut watched = [PollFd::new(wire.as_fd(), PollFlags::POLLIN)];
        let is_asked = poll(&mut watched, limit).context("wait for the kernel")? > 0;
        if is_asked {
            match protocol::read(&mut wire) {
                Ok(Message::Transfer(transfer)) if transfer.endpoint == 0 => {
                    control(&mut wire, &device, &transfer)?;
                }
                Ok(Message::Transfer(transfer)) if transfer.is_in => waiting.push_back(transfer),
                Ok(Message::Transfer(transfer)) => {
                    protocol::complete(&mut wire, &transfer, &[], 0)?;
                }
                Ok(Message::CallBack(number, own)) => {
                    let before = waiting.len();
                    waiting.retain(|transfer| transfer.number != number);
                    let status = if waiting.len() < before {
                        CALLED_BACK
                    } else {
                        0
                    };
                    protocol::called_back(&mut wire, own, status)?;
                }
                Err(error) if is_end(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        } else if let Some(((brought, _), transfer)) = ready.take().zip(waiting.pop_front()) {
            protocol::complete(&mut wire, &transfer, &brought, 0)?;
        }
    }
}

fn is_end(error: &anyhow::Error) -> bool {
    let cause = error.downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| {
        matches!(
            cause.kind(),
            ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
        )
    })
}

fn control(wire: &mut UnixStream, device: &Device, transfer: &Transfer) -> Result<()> {
    let [kind, request, value, value_high, _, _, length, length_high] = transfer.setup;
    let setup = Setup {
        request: (kind, request),
        value: u16::from_le_bytes([value, value_high]),
        length: u16::from_le_bytes([length, length_high]),
    };
    match answer(device, setup) {
        Some(mut bytes) => {
            bytes.truncate(usize::from(setup.length));
            protocol::complete(wire, transfer, &bytes, 0)
        }
        None => protocol::complete(wire, transfer, &[], STALL),
    }
}

fn answer(device: &Device, setup: Setup) -> Option<Vec<u8>> {
    // The kind of a request is in bits 5 and 6: 0 is what every device has.
    if setup.request.0 & 0x60 != 0 {
        return (device.class)(setup);
    }
    match (setup.request, setup.value >> 8) {
        (GET_DESCRIPTOR, DEVICE) => Some(device.identity.clone()),
        (GET_DESCRIPTOR, CONFIGURATION) => Some(device.configuration.clone()),
        // GET_STATUS: nothing special.
        ((0x80..=0x82, 0), _) => Some(vec![0, 0]),
        // CLEAR_FEATURE, SET_CONFIGURATION, SET_INTERFACE.
        ((0x00..=0x02, 1 | 9 | 11), _) => Some(Vec::new()),
        _ => None,
    }
}
