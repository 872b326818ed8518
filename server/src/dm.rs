//! `POST /dm`: OMA DM 1.2 over HTTPS. Who the device is says its certificate; what it says of
//! itself must agree. A report is acknowledged after it is on the disk, never before.

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
use omadm::server::{AlertId, Event, Received, Settings, Turn, receive};
use omadm::{DevInfo, Encoding, GenericAlert};

use crate::Server;
use crate::problem::Problem;
use crate::serve::Peer;
use crate::store::{Identity, OutcomeId, Reception};

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
    let reply = match receive(&settings, kept, &request) {
        Ok(Received::Turn(turn)) => answer(&server, device, turn).await?,
        Ok(Received::Repeat(session)) => session.reply().to_vec(),
        Err(rejected) => {
            tracing::warn!(device, problem = chain(&rejected), "message refused");
            rejected.reply
        }
    };
    let mut response = reply.into_response();
    let content_type = HeaderValue::from_static(encoding.content_type());
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    let never = HeaderValue::from_static("no-store, private");
    response.headers_mut().insert(header::CACHE_CONTROL, never);
    Ok(response)
}

/// Keeps what a message reports, and only then answers it.
async fn answer(server: &Server, device: &str, mut turn: Turn) -> Result<Vec<u8>, Problem> {
    let mut identity = None;
    let mut reports = Vec::new();
    for event in turn.take_events() {
        match event {
            Event::SessionStarted { device, .. } => identity = Some(identity_of(&device)),
            Event::GenericAlert { id, alert } => match outcome(&alert) {
                Ok(outcome) => reports.push((id, outcome)),
                Err(code) => {
                    tracing::warn!(device, kind = alert.alert_type, %code, "report refused");
                    turn.answer(&id, code);
                }
            },
            Event::ClientEvent { id, .. } => turn.answer(&id, DmStatus::UNSUPPORTED_FORMAT),
            Event::Aborted => tracing::warn!(device, "the device gave its session up"),
            Event::Status { .. }
            | Event::Results { .. }
            | Event::Unanswered { .. }
            | Event::MessageRefused { .. }
            | Event::StrayStatus(_) => {
                tracing::debug!(device, ?event, "no command of ours is under way");
            }
        }
    }
    for (id, code) in keep(server, device, identity.as_ref(), reports).await {
        turn.answer(&id, code);
    }
    let session = turn.finish().map_err(|error| Problem::internal(&error))?;
    let reply = session.reply().to_vec();
    server.sessions.put(session, Instant::now());
    Ok(reply)
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
