//! Devices and their associations.

use std::collections::BTreeMap;

use cardwarden_policy::facts::Fingerprint;
use cardwarden_policy::outcome::{Event, FunctionOutcome, Outcome};
use cardwarden_policy::{Authenticity, CardIdentity, Function};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::Sqlite;
use uuid::Uuid;

use super::{Store, StoreError, signed, timestamp};

/// What a device says of itself.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Who made it.
    pub manufacturer: String,
    /// What they call it.
    pub model: String,
    /// Version of the agent on it.
    pub agent: String,
}

/// A device's key and mandate, after everything about them was checked.
#[derive(Clone, Debug)]
pub struct Enrolment {
    /// `urn:uuid:…`.
    pub device: String,
    /// The device's key, `SubjectPublicKeyInfo` in DER.
    pub device_key: Vec<u8>,
    /// The association that begins.
    pub association: Uuid,
    /// The company whose card it was.
    pub company: String,
    /// The policy's version.
    pub version: u64,
    /// The card, as in the manifest.
    pub card: CardIdentity,
    /// What the device says of itself.
    pub identity: Identity,
}

/// Why a device cannot be taken in although its papers are in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Conflict {
    /// The key is another device's.
    #[error("this key belongs to another device")]
    KeyInUse,
    /// The device is known with another key.
    #[error("this device is known with another key")]
    OtherKey,
    /// The association is another device's, or another company's.
    #[error("this association belongs to another device or company")]
    AssociationInUse,
}

/// A device as an administrator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct Device {
    /// `urn:uuid:…`.
    pub id: String,
    /// Its newest association.
    pub association: String,
    /// The company of that association.
    pub company: String,
    /// The newest version of the policy that came into force.
    pub version: u64,
    /// The card with which it enrolled.
    pub card: Fingerprint,
    /// How well it is known that the card was no copy.
    pub card_proof: Authenticity,
    /// What it says of itself.
    #[serde(flatten)]
    pub identity: Identity,
    /// When the association was enrolled.
    pub enrolled_at: Timestamp,
    /// When it last spoke with the server.
    pub last_seen: Timestamp,
    /// When the company let it go, by the device's clock.
    pub released_at: Option<Timestamp>,
    /// What it last said of each function.
    pub functions: BTreeMap<Function, DeviceCondition>,
}

/// What a device last said of a function.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceCondition {
    /// Since when, by the device's clock.
    pub at: Timestamp,
    /// What it said.
    #[serde(flatten)]
    pub outcome: FunctionOutcome,
}

/// A row of `device` with its association: number, id, association, company, version, card and its
/// profile, manufacturer, model, agent, enrolled, seen, released.
type Row = (
    i64,
    String,
    String,
    String,
    i64,
    Vec<u8>,
    Option<String>,
    String,
    String,
    String,
    String,
    String,
    Option<String>,
);

impl Store {
    /// Takes a device in, or says what stands in the way; on the disk when this returns.
    pub async fn enrol(
        &self,
        enrolment: &Enrolment,
        now: Timestamp,
    ) -> Result<Result<(), Conflict>, StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let number = match put_device(&mut transaction, enrolment, now).await? {
            Ok(number) => number,
            Err(conflict) => return Ok(Err(conflict)),
        };
        let (card, profile) = match &enrolment.card {
            CardIdentity::Key(point) => (point, None),
            CardIdentity::Serial { profile, serial } => (serial, Some(profile)),
        };
        let written = sqlx::query(
            "INSERT INTO association \
             (id, device, company, version, card, card_profile, enrolled_at) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
             version = max(association.version, excluded.version), card = excluded.card, \
             card_profile = excluded.card_profile \
             WHERE association.device = excluded.device AND association.company = excluded.company",
        )
        .bind(enrolment.association.to_string())
        .bind(number)
        .bind(&enrolment.company)
        .bind(signed(enrolment.version))
        .bind(card)
        .bind(profile)
        .bind(now.to_string())
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if written == 0 {
            return Ok(Err(Conflict::AssociationInUse));
        }
        transaction.commit().await?;
        Ok(Ok(()))
    }

    /// Whether a device has enrolled.
    pub async fn is_known(&self, device: &str) -> Result<bool, StoreError> {
        let found: Option<i64> = sqlx::query_scalar("SELECT number FROM device WHERE id = ?")
            .bind(device)
            .fetch_optional(&self.pool)
            .await?;
        Ok(found.is_some())
    }

    /// At most `limit` devices, oldest first, after the one named.
    pub async fn devices(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Device>, StoreError> {
        let after: i64 = match after {
            None => 0,
            Some(id) => sqlx::query_scalar("SELECT number FROM device WHERE id = ?")
                .bind(id)
                .fetch_optional(&self.pool)
                .await?
                .ok_or(StoreError::UnknownCursor)?,
        };
        self.devices_between(after, i64::MAX, limit).await
    }

    /// One device.
    pub async fn device(&self, id: &str) -> Result<Option<Device>, StoreError> {
        let number: Option<i64> = sqlx::query_scalar("SELECT number FROM device WHERE id = ?")
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        let Some(number) = number else {
            return Ok(None);
        };
        Ok(self.devices_between(number - 1, number, 1).await?.pop())
    }

    /// The devices with numbers above `after`, up to `last`.
    async fn devices_between(
        &self,
        after: i64,
        last: i64,
        limit: u32,
    ) -> Result<Vec<Device>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT d.number, d.id, d.association, a.company, a.version, a.card, \
             a.card_profile, d.manufacturer, d.model, d.agent, a.enrolled_at, d.last_seen, \
             a.released_at FROM device d JOIN association a ON a.id = d.association \
             WHERE d.number > ? AND d.number <= ? ORDER BY d.number LIMIT ?",
        )
        .bind(after)
        .bind(last)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        let last = rows.last().map_or(after, |row| row.0);
        let mut conditions = self.conditions_between(after, last).await?;
        rows.into_iter()
            .map(|row| {
                let functions = conditions.remove(&row.0).unwrap_or_default();
                device(row, functions)
            })
            .collect()
    }

    /// The newest word on each function, by the device's number.
    async fn conditions_between(
        &self,
        after: i64,
        last: i64,
    ) -> Result<BTreeMap<i64, BTreeMap<Function, DeviceCondition>>, StoreError> {
        let rows: Vec<(i64, String)> = sqlx::query_as(
            "SELECT d.number, o.body FROM device d JOIN outcome o ON o.association = d.association \
             WHERE d.number > ? AND d.number <= ? AND o.function IS NOT NULL AND o.sequence = \
             (SELECT max(n.sequence) FROM outcome n \
              WHERE n.association = o.association AND n.function = o.function)",
        )
        .bind(after)
        .bind(last)
        .fetch_all(&self.pool)
        .await?;
        let mut conditions: BTreeMap<i64, BTreeMap<Function, DeviceCondition>> = BTreeMap::new();
        for (number, body) in rows {
            let Outcome {
                at,
                event: Event::Function(outcome),
                ..
            } = serde_json::from_str(&body)
                .map_err(|_malformed| StoreError::Damaged { what: "outcome" })?
            else {
                return Err(StoreError::Damaged {
                    what: "outcome of a function",
                });
            };
            conditions
                .entry(number)
                .or_default()
                .insert(outcome.function, DeviceCondition { at, outcome });
        }
        Ok(conditions)
    }
}

/// The number of the device, which is written when it is new.
async fn put_device(
    transaction: &mut sqlx::Transaction<'_, Sqlite>,
    enrolment: &Enrolment,
    now: Timestamp,
) -> Result<Result<i64, Conflict>, StoreError> {
    let known: Vec<(i64, String, Vec<u8>)> =
        sqlx::query_as("SELECT number, id, key FROM device WHERE id = ? OR key = ?")
            .bind(&enrolment.device)
            .bind(&enrolment.device_key)
            .fetch_all(&mut **transaction)
            .await?;
    for (_, id, key) in &known {
        if *key != enrolment.device_key {
            return Ok(Err(Conflict::OtherKey));
        }
        if *id != enrolment.device {
            return Ok(Err(Conflict::KeyInUse));
        }
    }
    let number = sqlx::query_scalar(
        "INSERT INTO device (id, key, association, manufacturer, model, agent, last_seen) \
         VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET \
         association = excluded.association, manufacturer = excluded.manufacturer, \
         model = excluded.model, agent = excluded.agent, last_seen = excluded.last_seen \
         RETURNING number",
    )
    .bind(&enrolment.device)
    .bind(&enrolment.device_key)
    .bind(enrolment.association.to_string())
    .bind(&enrolment.identity.manufacturer)
    .bind(&enrolment.identity.model)
    .bind(&enrolment.identity.agent)
    .bind(now.to_string())
    .fetch_one(&mut **transaction)
    .await?;
    Ok(Ok(number))
}

fn device(row: Row, functions: BTreeMap<Function, DeviceCondition>) -> Result<Device, StoreError> {
    let (
        _,
        id,
        association,
        company,
        version,
        card,
        profile,
        manufacturer,
        model,
        agent,
        enrolled,
        seen,
        released,
    ) = row;
    let card = match profile {
        None => CardIdentity::Key(card),
        Some(profile) => CardIdentity::Serial {
            profile,
            serial: card,
        },
    };
    Ok(Device {
        id,
        association,
        company,
        version: u64::try_from(version)
            .map_err(|_negative| StoreError::Damaged { what: "version" })?,
        card: card.fingerprint(),
        card_proof: if card.is_copyable() {
            Authenticity::Copyable
        } else {
            Authenticity::OwnKey
        },
        identity: Identity {
            manufacturer,
            model,
            agent,
        },
        enrolled_at: timestamp(&enrolled)?,
        last_seen: timestamp(&seen)?,
        released_at: released.as_deref().map(timestamp).transpose()?,
        functions,
    })
}
