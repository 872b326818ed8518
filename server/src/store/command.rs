//! What an administrator asks of devices. Each command waits for the device's next session, and is
//! given in every session until the device has answered it once; the device tells by what it already
//! did that it is the same.

use jiff::Timestamp;
use omadm::code::StatusCode;
use serde::Serialize;
use sqlx::Sqlite;
use uuid::Uuid;

use super::{Store, StoreError, timestamp};

/// Most commands of one session; the rest follow in the next.
const MAX_GIVEN: u32 = 16;

/// What is asked of a device.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Demand {
    /// That it lets itself be released.
    Release {
        /// The signed statement, which was verified.
        #[serde(skip)]
        statement: Vec<u8>,
    },
    /// That it takes a certain group from its card.
    Group {
        /// The group's name; the device chooses by itself when there is none.
        group: Option<String>,
    },
}

/// How it stands with a command.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandState {
    /// The device has not answered, or could not do it yet (5xx) and will be asked again.
    Waiting,
    /// The device says that it did.
    Done,
    /// The device will not.
    Refused,
    /// A later command, or the end of the association, went over it.
    Obsolete,
}

impl CommandState {
    const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Obsolete => "obsolete",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Done, Self::Refused, Self::Obsolete]
            .into_iter()
            .find(|state| state.name() == name)
    }

    /// What an answer makes of a command. 5xx is a failure of the moment (DM 1.2, Representation
    /// Protocol, status codes).
    fn after(code: StatusCode) -> Self {
        match code {
            code if code.is_success() => Self::Done,
            code if code.number() >= 500 => Self::Waiting,
            _ => Self::Refused,
        }
    }
}

/// A command, as an administrator sees it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Command {
    /// Rises with every command.
    pub number: i64,
    /// The association that it is about.
    pub association: String,
    /// What is asked.
    #[serde(flatten)]
    pub demand: Demand,
    /// When it was asked, by the server's clock.
    pub asked_at: Timestamp,
    /// How it stands.
    pub state: CommandState,
    /// The device's last answer: a status code of OMA DM.
    pub status: Option<u16>,
    /// When it came.
    pub answered_at: Option<Timestamp>,
}

/// Why nothing is asked of a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotAsked {
    /// The device never enrolled with this association.
    #[error("the device has no such association")]
    NoAssociation,
    /// The company has let the device go already.
    #[error("this association has ended")]
    Ended,
}

/// The bond that a command is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Bond {
    /// The association.
    pub(crate) association: String,
    /// Its company.
    pub(crate) company: String,
}

/// A row of `command`: number, association, kind, body, asked, state, status, answered.
type Row = (
    i64,
    String,
    String,
    Vec<u8>,
    String,
    String,
    Option<i64>,
    Option<String>,
);

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "c.number, c.association, c.kind, c.body, c.asked_at, c.state, c.status, c.answered_at"
    };
}

impl Store {
    /// The association of a device that is named, or else its newest, if it lasts.
    pub(crate) async fn bond(
        &self,
        device: &str,
        association: Option<Uuid>,
    ) -> Result<Result<Bond, NotAsked>, StoreError> {
        let found: Option<(String, String, Option<String>)> = sqlx::query_as(
            "SELECT a.id, a.company, a.released_at FROM association a \
             JOIN device d ON d.number = a.device \
             WHERE d.id = ? AND a.id = coalesce(?, d.association)",
        )
        .bind(device)
        .bind(association.map(|association| association.to_string()))
        .fetch_optional(&self.pool)
        .await?;
        Ok(match found {
            None => Err(NotAsked::NoAssociation),
            Some((_, _, Some(_released))) => Err(NotAsked::Ended),
            Some((association, company, None)) => Ok(Bond {
                association,
                company,
            }),
        })
    }

    /// Asks something under an association; on the disk when this returns. The same that already
    /// waits is not asked twice, and another group goes over one that waits.
    pub(crate) async fn ask(
        &self,
        bond: &Bond,
        demand: &Demand,
        now: Timestamp,
    ) -> Result<Command, StoreError> {
        let (kind, body) = written(demand);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let known: Option<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM command c WHERE c.association = ? AND c.kind = ? AND c.body = ? \
             AND c.state = 'waiting'"
        ))
        .bind(&bond.association)
        .bind(kind)
        .bind(body)
        .fetch_optional(&mut *transaction)
        .await?;
        if let Some(known) = known {
            return command(known);
        }
        if let Demand::Group { .. } = demand {
            sqlx::query(
                "UPDATE command SET state = 'obsolete' \
                 WHERE association = ? AND kind = ? AND state = 'waiting'",
            )
            .bind(&bond.association)
            .bind(kind)
            .execute(&mut *transaction)
            .await?;
        }
        let number: i64 = sqlx::query_scalar(
            "INSERT INTO command (association, kind, body, asked_at, state) \
             VALUES (?, ?, ?, ?, 'waiting') RETURNING number",
        )
        .bind(&bond.association)
        .bind(kind)
        .bind(body)
        .bind(now.to_string())
        .fetch_one(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Command {
            number,
            association: bond.association.clone(),
            demand: demand.clone(),
            asked_at: now,
            state: CommandState::Waiting,
            status: None,
            answered_at: None,
        })
    }

    /// What waits for a device under the association that is named, or else under its newest.
    pub(crate) async fn waiting(
        &self,
        device: &str,
        association: Option<Uuid>,
    ) -> Result<Vec<Command>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM command c JOIN association a ON a.id = c.association \
             JOIN device d ON d.number = a.device \
             WHERE d.id = ? AND a.id = coalesce(?, d.association) AND c.state = 'waiting' \
             ORDER BY c.number LIMIT ?"
        ))
        .bind(device)
        .bind(association.map(|association| association.to_string()))
        .bind(MAX_GIVEN)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(command).collect()
    }

    /// Notes a device's answer; what it says of a command that no longer waits changes nothing.
    pub(crate) async fn answered(
        &self,
        number: i64,
        code: StatusCode,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE command SET state = ?, status = ?, answered_at = ? \
             WHERE number = ? AND state = 'waiting'",
        )
        .bind(CommandState::after(code).name())
        .bind(code.number())
        .bind(now.to_string())
        .bind(number)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// At most `limit` commands to a device, oldest first, after the one named.
    pub(crate) async fn commands(
        &self,
        device: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<Command>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM command c JOIN association a ON a.id = c.association \
             JOIN device d ON d.number = a.device \
             WHERE d.id = ? AND c.number > ? ORDER BY c.number LIMIT ?"
        ))
        .bind(device)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(command).collect()
    }
}

/// With the end of an association its release is done, whether or not the device's answer came, and
/// nothing else is left to do. A device that was given the release once more after the end has said
/// 404: there is no such association any more.
pub(super) async fn close(
    transaction: &mut sqlx::Transaction<'_, Sqlite>,
    association: Uuid,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE command SET answered_at = ?, \
         state = CASE kind WHEN 'release' THEN 'done' ELSE 'obsolete' END \
         WHERE association = ? AND (state = 'waiting' \
         OR (kind = 'release' AND state = 'refused' AND status = ?))",
    )
    .bind(at.to_string())
    .bind(association.to_string())
    .bind(StatusCode::NOT_FOUND.number())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

/// How a demand is written: its kind and its body. No group has an empty name.
fn written(demand: &Demand) -> (&'static str, &[u8]) {
    match demand {
        Demand::Release { statement } => ("release", statement),
        Demand::Group { group } => ("group", group.as_deref().unwrap_or_default().as_bytes()),
    }
}

fn command(row: Row) -> Result<Command, StoreError> {
    let (number, association, kind, body, asked, state, status, answered) = row;
    let damaged = || StoreError::Damaged { what: "command" };
    let demand = match kind.as_str() {
        "release" => Demand::Release { statement: body },
        "group" => Demand::Group {
            group: Some(String::from_utf8(body).map_err(|_malformed| damaged())?)
                .filter(|group| !group.is_empty()),
        },
        _ => return Err(damaged()),
    };
    Ok(Command {
        number,
        association,
        demand,
        asked_at: timestamp(&asked)?,
        state: CommandState::named(&state).ok_or_else(damaged)?,
        status: status
            .map(|status| u16::try_from(status).map_err(|_out_of_range| damaged()))
            .transpose()?,
        answered_at: answered.as_deref().map(timestamp).transpose()?,
    })
}
