//! Outcomes: each is kept once, however often it is sent.

use std::fmt;
use std::str::FromStr;

use cardwarden_policy::outcome::{Event, Outcome};
use jiff::Timestamp;
use serde::Serialize;
use sqlx::Sqlite;
use uuid::Uuid;

use super::{Identity, Store, StoreError, command, signed, timestamp};

/// The id of an outcome, taken apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct OutcomeId {
    /// The association in which it happened.
    pub association: Uuid,
    /// Its place among the outcomes of the device.
    pub sequence: u64,
}

/// The text is no id of an outcome.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("an outcome's id is `<association>/<sequence>`")]
pub struct NoOutcomeId;

impl FromStr for OutcomeId {
    type Err = NoOutcomeId;

    fn from_str(text: &str) -> Result<Self, NoOutcomeId> {
        let (association, sequence) = text.split_once('/').ok_or(NoOutcomeId)?;
        let id = Self {
            association: association.parse().map_err(|_malformed| NoOutcomeId)?,
            sequence: sequence.parse().map_err(|_malformed| NoOutcomeId)?,
        };
        // One spelling only: two would be kept as two outcomes.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(NoOutcomeId)
        }
    }
}

impl fmt::Display for OutcomeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.association, self.sequence)
    }
}

/// An outcome as an administrator sees it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct KeptOutcome {
    /// What the device said.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Which device.
    pub device: String,
    /// When the server took it, by the server's clock.
    pub received_at: Timestamp,
}

/// What became of an outcome that was offered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reception {
    /// Kept from now on.
    Kept,
    /// Kept already.
    Known,
    /// The device never enrolled with the association that the outcome names.
    Foreign,
}

/// A row of `outcome` with its device.
type Row = (String, String, String);

impl Store {
    /// Notes that a device was here and what it says of itself, and keeps what it reports: all of it, in one transaction that
    /// is on the disk when this returns. The receptions are in the order of the outcomes.
    pub async fn keep(
        &self,
        device: &str,
        identity: Option<&Identity>,
        outcomes: &[(OutcomeId, Outcome)],
        now: Timestamp,
    ) -> Result<Vec<Reception>, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(identity) = identity {
            sqlx::query("UPDATE device SET manufacturer = ?, model = ?, agent = ? WHERE id = ?")
                .bind(&identity.manufacturer)
                .bind(&identity.model)
                .bind(&identity.agent)
                .bind(device)
                .execute(&mut *transaction)
                .await?;
        }
        sqlx::query("UPDATE device SET last_seen = ? WHERE id = ?")
            .bind(now.to_string())
            .bind(device)
            .execute(&mut *transaction)
            .await?;
        let mut receptions = Vec::with_capacity(outcomes.len());
        for (id, outcome) in outcomes {
            receptions.push(keep_one(&mut transaction, device, *id, outcome, now).await?);
        }
        transaction.commit().await?;
        Ok(receptions)
    }

    /// At most `limit` outcomes, oldest arrival first, after the one named; of one device or of all.
    pub async fn outcomes(
        &self,
        device: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<KeptOutcome>, StoreError> {
        let after: i64 = match after {
            None => 0,
            Some(id) => sqlx::query_scalar("SELECT number FROM outcome WHERE id = ?")
                .bind(id)
                .fetch_optional(&self.pool)
                .await?
                .ok_or(StoreError::UnknownCursor)?,
        };
        let rows: Vec<Row> = match device {
            None => {
                sqlx::query_as(
                    "SELECT o.body, d.id, o.received_at FROM outcome o \
                     JOIN device d ON d.number = o.device \
                     WHERE o.number > ? ORDER BY o.number LIMIT ?",
                )
                .bind(after)
                .bind(limit)
                .fetch_all(&self.pool)
                .await?
            }
            Some(device) => {
                sqlx::query_as(
                    "SELECT o.body, d.id, o.received_at FROM outcome o \
                     JOIN device d ON d.number = o.device \
                     WHERE d.id = ? AND o.number > ? ORDER BY o.number LIMIT ?",
                )
                .bind(device)
                .bind(after)
                .bind(limit)
                .fetch_all(&self.pool)
                .await?
            }
        };
        rows.into_iter().map(kept).collect()
    }
}

async fn keep_one(
    transaction: &mut sqlx::Transaction<'_, Sqlite>,
    device: &str,
    id: OutcomeId,
    outcome: &Outcome,
    now: Timestamp,
) -> Result<Reception, StoreError> {
    let owner: Option<i64> = sqlx::query_scalar(
        "SELECT d.number FROM device d JOIN association a ON a.device = d.number \
         WHERE d.id = ? AND a.id = ?",
    )
    .bind(device)
    .bind(id.association.to_string())
    .fetch_optional(&mut **transaction)
    .await?;
    let Some(owner) = owner else {
        return Ok(Reception::Foreign);
    };
    let function = match &outcome.event {
        Event::Function(outcome) => Some(outcome.function.name()),
        Event::Associated { .. }
        | Event::Task { .. }
        | Event::Rejected { .. }
        | Event::Guarded { .. }
        | Event::Released { .. } => None,
    };
    let body = serde_json::to_string(outcome)
        .map_err(|_unwritable| StoreError::Damaged { what: "outcome" })?;
    let inserted = sqlx::query(
        "INSERT INTO outcome (device, id, association, sequence, function, received_at, body) \
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (device, id) DO NOTHING",
    )
    .bind(owner)
    .bind(id.to_string())
    .bind(id.association.to_string())
    .bind(signed(id.sequence))
    .bind(function)
    .bind(now.to_string())
    .bind(body)
    .execute(&mut **transaction)
    .await?
    .rows_affected();
    if inserted == 0 {
        return Ok(Reception::Known);
    }
    follow(transaction, id.association, outcome).await?;
    Ok(Reception::Kept)
}

/// What an outcome says of its association.
async fn follow(
    transaction: &mut sqlx::Transaction<'_, Sqlite>,
    association: Uuid,
    outcome: &Outcome,
) -> Result<(), StoreError> {
    let query = match &outcome.event {
        Event::Associated { version, .. } => {
            sqlx::query("UPDATE association SET version = max(version, ?) WHERE id = ?")
                .bind(signed(*version))
        }
        Event::Released { .. } => {
            command::close(transaction, association, outcome.at).await?;
            sqlx::query("UPDATE association SET released_at = ? WHERE id = ?")
                .bind(outcome.at.to_string())
        }
        Event::Function(_)
        | Event::Task { .. }
        | Event::Rejected { .. }
        | Event::Guarded { .. } => return Ok(()),
    };
    query
        .bind(association.to_string())
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

fn kept((body, device, received_at): Row) -> Result<KeptOutcome, StoreError> {
    let outcome = serde_json::from_str(&body)
        .map_err(|_malformed| StoreError::Damaged { what: "outcome" })?;
    Ok(KeptOutcome {
        outcome,
        device,
        received_at: timestamp(&received_at)?,
    })
}
