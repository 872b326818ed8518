//! What an administrator asks of a device: it is given in the device's next session.
//!
//! ```text
//! POST /api/v1/devices/ID/release    a signed release: verified here, and again by the device
//! POST /api/v1/devices/ID/group      {"group": "site-berlin"}; null ends the wish
//! GET  /api/v1/devices/ID/commands   what was asked, and what became of it
//! ```

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cardwarden_policy::explain::chain;
use cardwarden_policy::manifest::MAX_NAME;
use cardwarden_policy::mo::{GROUP_NODE, RELEASE_NODE, STATEMENT_TYPE};
use cardwarden_policy::{Rejected, Release};
use jiff::Timestamp;
use omadm::client::Value;
use omadm::message::Format;
use omadm::server::Operation;
use serde::Deserialize;
use uuid::Uuid;

use crate::Server;
use crate::api::{Paged, page_of, problem, unknown_device};
use crate::problem::Problem;
use crate::store::{Command, Demand, NotAsked};

/// Longest request, in bytes: a signed release has 2 KiB at most.
pub(crate) const MAX_REQUEST: usize = 4 * 1024;

/// Which group is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupWish {
    /// Its name; none to leave the choice to the device.
    group: Option<String>,
    /// Under which of the device's associations; the newest when it is not said.
    #[serde(default)]
    association: Option<Uuid>,
}

/// What was asked, as it stands now.
type Asked = (StatusCode, Json<Command>);

/// Takes a release, if it is one of this device by its company.
pub(crate) async fn release(
    State(server): State<Server>,
    Path(device): Path<String>,
    statement: Bytes,
) -> Result<Asked, Problem> {
    // A delegation counts at the time of the signature: its end takes nothing back.
    let release = server
        .companies
        .verify_at::<Release>(&statement, None)
        .map_err(|rejected| refused(&rejected))?;
    known(&server, &device).await?;
    if release.device != device {
        return Err(refused(&Rejected::OtherDevice));
    }
    let bond = server
        .store
        .bond(&device, Some(release.association))
        .await
        .map_err(problem)?
        .map_err(not_asked)?;
    if bond.company != release.company {
        return Err(refused(&Rejected::OtherCompany {
            associated: bond.company,
            company: release.company.clone(),
        }));
    }
    let demand = Demand::Release {
        statement: statement.to_vec(),
    };
    let command = server.store.ask(&bond, &demand, Timestamp::now()).await;
    Ok(asked(&device, command.map_err(problem)?))
}

/// Takes the wish for a group.
pub(crate) async fn group(
    State(server): State<Server>,
    Path(device): Path<String>,
    wish: Result<Json<GroupWish>, JsonRejection>,
) -> Result<Asked, Problem> {
    let Json(wish) = wish
        .map_err(|rejection| Problem::new(rejection.status(), "bad-json", rejection.body_text()))?;
    let is_name = |group: &String| {
        !group.trim().is_empty() && group.len() <= MAX_NAME && !group.chars().any(char::is_control)
    };
    if !wish.group.as_ref().is_none_or(is_name) {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-name",
            format!("a group's name has 1 to {MAX_NAME} bytes and no control characters"),
        ));
    }
    known(&server, &device).await?;
    let bond = server
        .store
        .bond(&device, wish.association)
        .await
        .map_err(problem)?
        .map_err(not_asked)?;
    let demand = Demand::Group { group: wish.group };
    let command = server.store.ask(&bond, &demand, Timestamp::now()).await;
    Ok(asked(&device, command.map_err(problem)?))
}

/// What was asked of a device; `?after=NUMBER`.
pub(crate) async fn commands(
    State(server): State<Server>,
    Path(device): Path<String>,
    page: Paged,
) -> Result<Json<Vec<Command>>, Problem> {
    let page = page_of(page)?;
    known(&server, &device).await?;
    let after = match &page.after {
        None => 0,
        Some(after) => after.parse().map_err(|_no_number| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "unknown-after",
                "`after` is a command's number",
            )
        })?,
    };
    let commands = server.store.commands(&device, after, page.limit()).await;
    commands.map(Json).map_err(problem)
}

/// A command as the device gets it.
pub(crate) fn operation(demand: &Demand) -> Operation {
    match demand {
        Demand::Release { statement } => Operation::Replace {
            uri: RELEASE_NODE.to_owned(),
            value: Value {
                format: Format::B64,
                content_type: Some(STATEMENT_TYPE.to_owned()),
                data: BASE64_STANDARD.encode(statement).into(),
            },
        },
        Demand::Group { group } => Operation::Replace {
            uri: GROUP_NODE.to_owned(),
            value: Value::text(group.clone().unwrap_or_default()),
        },
    }
}

fn asked(device: &str, command: Command) -> Asked {
    tracing::info!(device, number = command.number, "asked");
    (StatusCode::ACCEPTED, Json(command))
}

async fn known(server: &Server, device: &str) -> Result<(), Problem> {
    if server.store.is_known(device).await.map_err(problem)? {
        Ok(())
    } else {
        Err(unknown_device(device))
    }
}

fn refused(rejected: &Rejected) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, rejected.code(), chain(rejected))
}

fn not_asked(why: NotAsked) -> Problem {
    let (status, code) = match why {
        NotAsked::NoAssociation => (StatusCode::NOT_FOUND, "unknown-association"),
        NotAsked::Ended => (StatusCode::CONFLICT, "association-ended"),
    };
    Problem::new(status, code, why.to_string())
}
