//! Where a request belongs.

use super::turn::First;
use super::{Refusal, Session, Settings};
use crate::code::{AlertCode, VER_DTD, VER_PROTO};
use crate::message::{Command, Initiator, Message, MessageId};
use crate::{DevInfo, MissingLeaf};

/// Where a message belongs, whoever sent it.
pub(super) enum Admission<'a> {
    New(Option<Initiator>),
    Next(&'a Session, Option<Initiator>),
    Repeat(&'a Session),
}

pub(super) fn admit<'a>(
    settings: &Settings,
    kept: Option<&'a Session>,
    request: &Message,
) -> Result<Admission<'a>, Refusal> {
    let header = &request.header;
    if header.dtd != VER_DTD {
        return Err(Refusal::Dtd(header.dtd.clone()));
    }
    if header.protocol != VER_PROTO {
        return Err(Refusal::Protocol(header.protocol.clone()));
    }
    let initiator = session_alert(&request.commands)?;
    if header.message == MessageId::FIRST && initiator.is_some() {
        // A device that is being challenged may not have the challenge anew by beginning again.
        let is_repeat = |session: &&Session| {
            settings.authentication.is_some()
                && !session.proof.is_proven
                && session.request == header.message
        };
        return Ok(kept
            .filter(is_repeat)
            .map_or(Admission::New(initiator), Admission::Repeat));
    }
    let Some(session) = kept else {
        return Err(Refusal::UnknownSession);
    };
    if header.message == session.request {
        return Ok(Admission::Repeat(session));
    }
    if session.is_over {
        return Err(Refusal::Over);
    }
    let expected = session.request.next();
    if header.message != expected {
        return Err(Refusal::OutOfOrder {
            found: header.message,
            expected,
        });
    }
    Ok(Admission::Next(session, initiator))
}

/// Begins the session if the message says so (a second time, too: with credentials).
pub(super) fn first(
    initiator: Option<Initiator>,
    request: &Message,
) -> Result<Option<First>, Refusal> {
    let Some(initiator) = initiator else {
        return Ok(None);
    };
    let device = dev_info(request)?;
    Ok(Some(First { initiator, device }))
}

/// The one alert that begins a session: before all reports.
fn session_alert(commands: &[Command]) -> Result<Option<Initiator>, Refusal> {
    let mut alerts = commands.iter().filter_map(|command| match command {
        Command::Alert(alert) => Some(alert.code),
        Command::Add(_)
        | Command::Atomic(_)
        | Command::Copy(_)
        | Command::Delete(_)
        | Command::Exec(_)
        | Command::Get(_)
        | Command::Replace(_)
        | Command::Results(_)
        | Command::Sequence(_)
        | Command::Status(_) => None,
    });
    let first = match alerts.next() {
        Some(AlertCode::CLIENT_INITIATED) => Some(Initiator::Client),
        Some(AlertCode::SERVER_INITIATED) => Some(Initiator::Server),
        Some(_) | None => None,
    };
    let begins = |code| {
        matches!(
            code,
            AlertCode::CLIENT_INITIATED | AlertCode::SERVER_INITIATED
        )
    };
    if alerts.any(begins) {
        return Err(Refusal::SessionAlert);
    }
    Ok(first)
}

fn dev_info(request: &Message) -> Result<DevInfo, Refusal> {
    let device = request
        .commands
        .iter()
        .find_map(dev_info_of)
        .ok_or(Refusal::NoDevInfo)??;
    if device.device_id == request.header.source.uri {
        Ok(device)
    } else {
        Err(Refusal::OtherDevice(device.device_id))
    }
}

pub(super) fn dev_info_of(command: &Command) -> Option<Result<DevInfo, MissingLeaf>> {
    if let Command::Replace(replace) = command {
        DevInfo::from_items(&replace.items)
    } else {
        None
    }
}
