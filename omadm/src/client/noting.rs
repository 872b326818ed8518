//! What the server says of the message before: every `Status` is noted, and none may be missing.

use super::Fault;
use super::awaiting::Awaiting;
use super::sent::{Outcome, Sent};
use crate::code::StatusCode;
use crate::message::{Command, CommandId, CommandName, CommandRef, Status};

impl Awaiting {
    /// Notes every `Status` before it complains of any, so that no acknowledgement is lost to a
    /// fault. Returns the one for the message as a whole.
    pub(super) fn note_statuses<'a>(
        &mut self,
        statuses: &'a [Command],
    ) -> Result<Option<&'a Status>, Fault> {
        let mut fault = None;
        let mut header = None;
        for command in statuses {
            if let Command::Status(status) = command {
                let noted = match &status.command_ref {
                    _ if status.message_ref != self.message => Err(Fault::WrongMessage {
                        found: status.message_ref,
                        expected: self.message,
                    }),
                    CommandRef::Header => {
                        header = Some(status);
                        Ok(())
                    }
                    CommandRef::Command(id) => self.note_status(id, status),
                };
                fault = fault.or(noted.err());
            }
        }
        fault.map_or(Ok(header), Err)
    }

    /// Nothing that was sent may lack its `Status`, and only reports and results may be refused.
    pub(super) fn check_statuses(&self, header: Option<&Status>) -> Result<(), Fault> {
        check_acceptance(header.ok_or(Fault::MissingStatus {
            command: CommandName::SyncHdr,
            id: CommandRef::Header,
        })?)?;
        for sent in &self.sent {
            match sent.outcome {
                Outcome::Due => {
                    let id = CommandRef::Command(sent.id.clone());
                    return Err(Fault::MissingStatus {
                        command: sent.name,
                        id,
                    });
                }
                Outcome::Refused(code) if !sent.is_report => {
                    return Err(Fault::CommandRefused {
                        command: sent.name,
                        code,
                    });
                }
                Outcome::Refused(_) | Outcome::Settled => {}
            }
        }
        Ok(())
    }

    fn note_status(&mut self, id: &CommandId, status: &Status) -> Result<(), Fault> {
        let known = |sent: &&mut Sent| sent.id == *id && sent.name == status.command;
        let Some(sent) = self.sent.iter_mut().find(known) else {
            return Err(Fault::StrayStatus {
                command: status.command,
                id: id.clone(),
            });
        };
        sent.outcome = match sent.outcome {
            Outcome::Refused(code) => Outcome::Refused(code),
            Outcome::Due | Outcome::Settled if !status.code.is_success() => {
                Outcome::Refused(status.code)
            }
            Outcome::Due | Outcome::Settled => Outcome::Settled,
        };
        if let Some(answer) = sent.alert.and_then(|place| self.claimed.get_mut(place)) {
            *answer = answer.and(status.code);
        }
        Ok(())
    }
}

pub(super) const fn is_challenge(code: StatusCode) -> bool {
    matches!(
        code,
        StatusCode::INVALID_CREDENTIALS | StatusCode::MISSING_CREDENTIALS
    )
}

fn check_acceptance(header: &Status) -> Result<(), Fault> {
    match header.code {
        code if code.is_success() => Ok(()),
        code if is_challenge(code) => Err(Fault::CredentialsWanted {
            code,
            challenge: header.challenge.clone().map(Box::new),
        }),
        code => Err(Fault::HeaderRefused { code }),
    }
}
