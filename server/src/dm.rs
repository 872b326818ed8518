//! `POST /dm`: OMA DM 1.2 over HTTPS. Who the device is says its certificate; what it says of
//! itself must agree. A report is acknowledged after it is on the disk, never before; a command is
//! given in each session until the device's answer is there.
//!
//! A device that several companies have a say on says in `Source/LocName` under which association it
//! speaks (DM 1.2 has the account's name there).

use std::collections::BTreeSet;
use std::time::Instant;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use cardwarden_policy::explain::chain;
use cardwarden_policy::outcome::{ALERT_TYPE, Outcome};
use jiff::Timestamp;
use omadm::code::StatusCode as DmStatus;
use omadm::message::Format;
use omadm::server::{AlertId, Event, NotNow, Received, Settings, Turn, receive};
use omadm::{DevInfo, Encoding, GenericAlert};
use uuid::Uuid;

use crate::problem::Problem;
use crate::serve::Peer;
use crate::sessions::Conversation;
use crate::store::{Identity, OutcomeId, Reception};
use crate::{Server, ask};

/// Longest message taken, in bytes; devices are told, and send the rest in another session.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024;
/// What DM 1.2 writes before a type of this kind (Protocol, 8.7.2); some clients leave it out.
const TYPE_PREFIX: &str = "Reversed-Domain-Name:";
/// Longest word of a device about itself that is kept, in characters.
const MAX_WORD: usize = 100;

/// Takes one message of a session.
pub(crate) async fn dm(
    State(server): State<Server>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let encoding = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(Encoding::from_content_type)
        .ok_or_else(unsupported)?;
    let device = peer.device().ok_or_else(no_certificate)?;
    let request = encoding
        .parse(&body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad-message", chain(&error)))?;
    if request.header.source.uri != device {
        tracing::warn!(
            device,
            claimed = request.header.source.uri,
            "another device's message"
        );
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "other-device",
            "the message comes from another device than the certificate",
        ));
    }
    if !server
        .store
        .is_known(device)
        .await
        .map_err(|error| Problem::internal(&error))?
    {
        return Err(Problem::new(
            StatusCode::FORBIDDEN,
            "unknown-device",
            "this device is not enrolled here any more",
        ));
    }
    let settings = Settings {
        encoding,
        ..Settings::new(&request.header.target.uri)
    };
    let kept = server.sessions.find(device, &request.header.session);
    let (session, given) = kept.map(|kept| (kept.session, kept.given)).unzip();
    let reply = match receive(&settings, session, &request) {
        Ok(Received::Turn(turn)) => {
            let speaker = Speaker {
                device,
                association: association(request.header.source.name.as_deref()),
            };
            answer(&server, speaker, turn, given.unwrap_or_default()).await?
        }
        Ok(Received::Repeat(session)) => session.reply().to_vec(),
        Err(rejected) => {
            tracing::warn!(device, problem = chain(&rejected), "message refused");
            rejected.reply
        }
    };
    Ok(response(reply, encoding))
}

fn response(reply: Vec<u8>, encoding: Encoding) -> Response {
    let mut response = reply.into_response();
    let content_type = HeaderValue::from_static(encoding.content_type());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    let never = HeaderValue::from_static("no-store, private");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    response
}

/// Who speaks, as TLS has proved it, and under which association, as it says itself.
#[derive(Clone, Copy)]
struct Speaker<'a> {
    device: &'a str,
    association: Option<Uuid>,
}

fn association(name: Option<&str>) -> Option<Uuid> {
    name.and_then(|name| name.parse().ok())
}

/// What a message says.
#[derive(Default)]
struct Said {
    identity: Option<Identity>,
    reports: Vec<(AlertId, (OutcomeId, Outcome))>,
    /// Commands by number, with what the device says of them.
    answers: Vec<(i64, DmStatus)>,
    /// The session begins: nothing has been asked in it.
    begins: bool,
}

/// Keeps what a message reports, and only then answers it; with what is asked of the device.
async fn answer(
    server: &Server,
    speaker: Speaker<'_>,
    mut turn: Turn,
    mut given: BTreeSet<i64>,
) -> Result<Vec<u8>, Problem> {
    let device = speaker.device;
    let said = hear(device, &mut turn);
    if said.begins {
        given.clear();
    }
    for (id, code) in keep(server, device, said.identity.as_ref(), said.reports).await {
        turn.answer(&id, code);
    }
    for (number, code) in said.answers {
        tracing::info!(device, number, %code, "a command is answered");
        // Without a reply the device does not learn that its answer was lost: it is asked again.
        server
            .store
            .answered(number, code, Timestamp::now())
            .await
            .map_err(|error| Problem::internal(&error))?;
    }
    command(server, speaker, &mut turn, &mut given).await;
    let session = turn.finish().map_err(|error| Problem::internal(&error))?;
    let reply = session.reply().to_vec();
    server
        .sessions
        .put(Conversation { session, given }, Instant::now());
    Ok(reply)
}

/// Takes a message apart, and refuses the reports that cannot be understood.
fn hear(device: &str, turn: &mut Turn) -> Said {
    let mut said = Said::default();
    for event in turn.take_events() {
        match event {
            Event::SessionStarted { device, .. } => {
                said.identity = Some(identity_of(&device));
                said.begins = true;
            }
            Event::GenericAlert { id, alert } => match outcome(&alert) {
                Ok(outcome) => said.reports.push((id, outcome)),
                Err(code) => {
                    tracing::warn!(device, kind = alert.alert_type, %code, "report refused");
                    turn.answer(&id, code);
                }
            },
            Event::ClientEvent { id, .. } => turn.answer(&id, DmStatus::UNSUPPORTED_FORMAT),
            Event::Aborted => tracing::warn!(device, "the device gave its session up"),
            Event::Status { tag, code } => {
                said.answers
                    .extend(i64::try_from(tag).ok().map(|number| (number, code)));
            }
            Event::Unanswered { .. }
            | Event::Results { .. }
            | Event::MessageRefused { .. }
            | Event::StrayStatus(_) => {
                tracing::warn!(device, ?event, "a command is not answered");
            }
        }
    }
    said
}

/// Asks what waits for the device and was not asked in this session.
async fn command(
    server: &Server,
    speaker: Speaker<'_>,
    turn: &mut Turn,
    given: &mut BTreeSet<i64>,
) {
    let device = speaker.device;
    let waiting = match server.store.waiting(device, speaker.association).await {
        Ok(waiting) => waiting,
        Err(error) => {
            tracing::error!(device, problem = chain(&error), "commands cannot be read");
            return;
        }
    };
    for command in waiting {
        let Ok(tag) = u64::try_from(command.number) else {
            continue;
        };
        if given.contains(&command.number) {
            continue;
        }
        match turn.queue(tag, &ask::operation(&command.demand)) {
            Ok(()) => {
                given.insert(command.number);
            }
            // The next turn, or the next session, has room.
            Err(NotNow::ClientBusy | NotNow::Full) => return,
            Err(NotNow::Encode(error)) => {
                tracing::error!(device, tag, problem = chain(&error), "cannot be asked");
            }
        }
    }
}

/// Keeps reports, and says how to answer each.
async fn keep(
    server: &Server,
    device: &str,
    identity: Option<&Identity>,
    reports: Vec<(AlertId, (OutcomeId, Outcome))>,
) -> Vec<(AlertId, DmStatus)> {
    let (ids, outcomes): (Vec<_>, Vec<_>) = reports.into_iter().unzip();
    match server
        .store
        .keep(device, identity, &outcomes, Timestamp::now())
        .await
    {
        Ok(receptions) => ids
            .into_iter()
            .zip(receptions.into_iter().map(status))
            .collect(),
        Err(error) => {
            tracing::error!(device, problem = chain(&error), "reports could not be kept");
            ids.into_iter()
                .map(|id| (id, DmStatus::COMMAND_FAILED))
                .collect()
        }
    }
}

const fn status(reception: Reception) -> DmStatus {
    match reception {
        Reception::Kept | Reception::Known => DmStatus::OK,
        Reception::Foreign => DmStatus::INCOMPLETE_COMMAND,
    }
}

/// The outcome that an alert carries. For the codes see DM 1.2, Protocol, 8.7: 415 for a type or
/// format that is not known, 412 for what is not complete.
fn outcome(alert: &GenericAlert) -> Result<(OutcomeId, Outcome), DmStatus> {
    let kind = alert
        .alert_type
        .strip_prefix(TYPE_PREFIX)
        .unwrap_or(&alert.alert_type);
    if kind.trim() != ALERT_TYPE || alert.format != Format::Chr {
        return Err(DmStatus::UNSUPPORTED_FORMAT);
    }
    let outcome: Outcome =
        serde_json::from_str(&alert.data).map_err(|_malformed| DmStatus::INCOMPLETE_COMMAND)?;
    let id: OutcomeId = outcome
        .id
        .parse()
        .map_err(|_malformed| DmStatus::INCOMPLETE_COMMAND)?;
    if alert.correlator.as_deref() != Some(outcome.id.as_str()) {
        return Err(DmStatus::INCOMPLETE_COMMAND);
    }
    Ok((id, outcome))
}

fn identity_of(device: &DevInfo) -> Identity {
    let word = |text: &str| text.chars().take(MAX_WORD).collect();
    Identity {
        manufacturer: word(&device.manufacturer),
        model: word(&device.model),
        agent: word(&device.client_version),
    }
}

fn unsupported() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "bad-media-type",
        format!("messages come as {}", Encoding::Xml.content_type()),
    )
}

fn no_certificate() -> Problem {
    Problem::new(
        StatusCode::FORBIDDEN,
        "no-certificate",
        "a device shows the certificate that it got from /enrol",
    )
}
