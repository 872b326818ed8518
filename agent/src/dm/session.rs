//! One OMA DM session that reports outcomes, and takes what the server asks for. What the server
//! says of each outcome decides what becomes of it; silence decides nothing.

use cardwarden_policy::outcome::{ALERT_TYPE, Outcome};
use jiff::Timestamp;
use omadm::client::{self, Answer, Awaiting, Next};
use omadm::code::StatusCode;
use omadm::message::Format;
use omadm::{DevInfo, GenericAlert, SessionId};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::https::{self, Https, MAX_ANSWER};
use super::machine::Machine;
use super::record::{Certificate, Record};
use super::tree::DeviceTree;
use crate::request::Request;

/// Most outcomes of one session: some 20 KiB.
pub(super) const MAX_OUTCOMES: usize = 32;

/// Why a session failed. What the server said before it did still holds.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The connection failed.
    #[error("the session with the server was cut off")]
    Exchange(#[from] https::Error),
    /// The session cannot begin.
    #[error("the session cannot begin")]
    Start(#[from] client::StartError),
    /// The server broke the rules, or ended the session.
    #[error("the session with the server failed")]
    Session(#[from] client::Failed),
    /// The server sends us elsewhere.
    #[error("the server wants the session to go on at {0}, which is not its own address")]
    Elsewhere(String),
    /// The kernel gives no random number.
    #[error("there is no random number for the session")]
    Random,
}

/// What became of outcomes, by their places.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Verdicts {
    /// The server has them.
    pub(super) acknowledged: Vec<usize>,
    /// The server will never take them, with why.
    pub(super) refused: Vec<(usize, StatusCode)>,
}

impl Verdicts {
    fn of(answers: &[Answer]) -> Self {
        let mut verdicts = Self::default();
        for (place, answer) in answers.iter().enumerate() {
            match answer {
                Answer::Acknowledged(_) => verdicts.acknowledged.push(place),
                Answer::Refused(code) if is_final(*code) => verdicts.refused.push((place, *code)),
                Answer::Refused(_) | Answer::None => {}
            }
        }
        verdicts
    }
}

/// Whether sending the same again is in vain: the report itself is at fault, not who sends it
/// (401, 407), not the time (408), and not the server (5xx).
fn is_final(code: StatusCode) -> bool {
    (400..500).contains(&code.number())
        && ![
            StatusCode::INVALID_CREDENTIALS,
            StatusCode::MISSING_CREDENTIALS,
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::DEVICE_FULL,
        ]
        .contains(&code)
}

/// Sessions with one server, over one connection.
#[derive(Debug)]
pub(super) struct Sessions {
    https: Https,
    base: String,
    settings: client::Settings,
    association: Uuid,
    requests: mpsc::Sender<Request>,
}

impl Sessions {
    /// What time the server said it was, in its last answer.
    pub(super) const fn date(&self) -> Option<Timestamp> {
        self.https.date()
    }

    /// Speaks as the record's device.
    pub(super) fn new(
        record: &Record,
        certificate: &Certificate,
        machine: &Machine,
        requests: mpsc::Sender<Request>,
    ) -> Result<Self, Error> {
        let chain: Vec<&[u8]> = certificate
            .chain
            .iter()
            .map(|der| der.0.as_slice())
            .collect();
        let base = record.account.server_url.trim_end_matches('/').to_owned();
        let device = DevInfo {
            client_version: env!("CARGO_PKG_VERSION").to_owned(),
            ..DevInfo::new(&record.device, &machine.manufacturer, &machine.model)
        };
        let limit = usize::try_from(MAX_ANSWER).unwrap_or(usize::MAX);
        let settings = client::Settings {
            max_message: limit,
            server_max_message: limit,
            // Under which association this is; DM 1.2 has the account's name there.
            name: Some(record.association.to_string()),
            ..client::Settings::new(format!("{base}/dm"), device)
        };
        Ok(Self {
            https: Https::new(record, &chain)?,
            base,
            settings,
            association: record.association,
            requests,
        })
    }

    /// Reports as many of the outcomes, from the first on, as fit. Blocks.
    pub(super) fn report(&self, outcomes: &[Outcome]) -> (Verdicts, Result<(), Error>) {
        let mut answers = Vec::new();
        let result = self.converse(outcomes, &mut answers);
        (Verdicts::of(&answers), result)
    }

    fn converse(&self, outcomes: &[Outcome], answers: &mut Vec<Answer>) -> Result<(), Error> {
        let alerts: Vec<GenericAlert> = outcomes.iter().map(alert).collect();
        let mut awaiting = client::start(&self.settings, session_id()?, &alerts)?;
        let mut device = DeviceTree::new(
            self.settings.device.clone(),
            self.association,
            &self.requests,
        );
        loop {
            let answer = self.send(&awaiting)?;
            match awaiting.receive(&answer, &mut device) {
                Ok(Next::Done(finished)) => {
                    *answers = finished.answers;
                    return Ok(());
                }
                Ok(Next::Continue(next)) => {
                    next.answers().clone_into(answers);
                    awaiting = next;
                }
                Err(failed) => {
                    answers.clone_from(&failed.answers);
                    return Err(failed.into());
                }
            }
        }
    }

    fn send(&self, awaiting: &Awaiting) -> Result<Vec<u8>, Error> {
        let address = awaiting.uri();
        let is_own = address
            .strip_prefix(&self.base)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
        if !is_own {
            return Err(Error::Elsewhere(address.to_owned()));
        }
        Ok(self
            .https
            .post(address, awaiting.content_type(), awaiting.request())?)
    }
}

fn alert(outcome: &Outcome) -> GenericAlert {
    // Reading its own writing back is how the outcome came here, so it can be written. JSON lets two
    // characters stand that XML cannot carry (production `Char`).
    let data = serde_json::to_string(outcome)
        .unwrap_or_default()
        .replace('\u{FFFE}', "\\ufffe")
        .replace('\u{FFFF}', "\\uffff");
    GenericAlert {
        correlator: Some(outcome.id.clone()),
        data,
        ..GenericAlert::new(ALERT_TYPE, Format::Chr)
    }
}

/// A number that this device has hardly used lately.
fn session_id() -> Result<SessionId, Error> {
    let mut bytes = [0; 2];
    getrandom::fill(&mut bytes).map_err(|_unavailable| Error::Random)?;
    Ok(SessionId::from_number(u16::from_be_bytes(bytes).max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_about_the_report_itself_ends_it() {
        let answers = [
            Answer::Acknowledged(StatusCode::OK),
            Answer::Acknowledged(StatusCode::ACCEPTED_FOR_PROCESSING),
            Answer::Refused(StatusCode::UNSUPPORTED_FORMAT),
            Answer::Refused(StatusCode::COMMAND_FAILED),
            Answer::Refused(StatusCode::MISSING_CREDENTIALS),
            Answer::None,
        ];
        let verdicts = Verdicts::of(&answers);
        assert_eq!(verdicts.acknowledged, [0, 1]);
        assert_eq!(verdicts.refused, [(2, StatusCode::UNSUPPORTED_FORMAT)]);
    }
}
