//! What the server knows, in `SQLite`. An answer is given only after what it acknowledges is on the
//! disk (`synchronous = FULL` over a write-ahead log), so a crash at any moment loses nothing that
//! a device was told is kept.
//!
//! sqlx and not rusqlite: its queries are asynchronous and the same calls serve `PostgreSQL`, which a
//! fleet that outgrows one machine needs; the price was measured at about 20 s more of a first
//! build on two cores.

mod command;
mod device;
mod outcome;

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

pub use command::{Command, CommandState, Demand, NotAsked};
pub use device::{Conflict, Device, DeviceCondition, Enrolment, Identity};
pub use outcome::{KeptOutcome, NoOutcomeId, OutcomeId, Reception};

/// What makes each version of the tables from the one before; it notes the version itself
/// (`PRAGMA user_version`).
const MIGRATIONS: [&str; 2] = [include_str!("schema/1.sql"), include_str!("schema/2.sql")];
/// Version of the tables that this program reads and writes.
const SCHEMA_VERSION: usize = MIGRATIONS.len();
/// Connections to the database: readers beside the one writer that `SQLite` has.
const CONNECTIONS: u32 = 4;
/// How long a writer waits for another.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The database.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
}

/// The database did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made.
    #[error("the database {path} cannot be created")]
    Create {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no database of this program.
    #[error("the database {path} cannot be opened")]
    Open {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: sqlx::Error,
    },
    /// A newer program wrote it.
    #[error("the database has version {found}; this program knows {SCHEMA_VERSION}")]
    Newer {
        /// Its version.
        found: i64,
    },
    /// A query failed; nothing of it was kept.
    #[error("the database failed")]
    Query(#[from] sqlx::Error),
    /// A row does not hold what this program wrote there.
    #[error("the database holds a {what} that cannot be read")]
    Damaged {
        /// What it should have been.
        what: &'static str,
    },
    /// A page was asked for that begins after something unknown.
    #[error("`after` names nothing that is known")]
    UnknownCursor,
}

impl Store {
    /// Opens the database, and makes it when it is not there.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        create_private(path).map_err(|source| StoreError::Create {
            path: path.to_owned(),
            source,
        })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS)
            .connect_with(options)
            .await
            .map_err(|source| StoreError::Open {
                path: path.to_owned(),
                source,
            })?;
        let store = Self { pool };
        store.migrate().await?;
        Ok(store)
    }

    /// Writes back the log and lets the file go.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *transaction)
            .await?;
        let done = usize::try_from(found).map_err(|_negative| StoreError::Newer { found })?;
        let missing = MIGRATIONS.get(done..).ok_or(StoreError::Newer { found })?;
        for migration in missing {
            sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// `SQLite` gives its log the mode of its database, so it is enough to make this one file private.
fn create_private(path: &Path) -> std::io::Result<()> {
    std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

/// Reads a time that this program wrote.
fn timestamp(text: &str) -> Result<jiff::Timestamp, StoreError> {
    text.parse()
        .map_err(|_malformed| StoreError::Damaged { what: "time" })
}

/// `SQLite`'s numbers are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_an_earlier_version_kept_is_read_by_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cardwarden.db");
        create_private(&path).unwrap();
        let earlier = SqlitePool::connect(&format!("sqlite://{}", path.display()))
            .await
            .unwrap();
        sqlx::raw_sql(MIGRATIONS[0])
            .execute(&earlier)
            .await
            .unwrap();
        sqlx::raw_sql(
            "INSERT INTO device (id, key, association, manufacturer, model, agent, last_seen) \
             VALUES ('urn:uuid:1', x'01', 'a', 'Example', 'Phone', '0', '2026-11-01T08:00:00Z'); \
             INSERT INTO association (id, device, company, version, card_key, enrolled_at) \
             VALUES ('a', 1, 'B Company', 3, x'0405', '2026-11-01T08:00:00Z')",
        )
        .execute(&earlier)
        .await
        .unwrap();
        earlier.close().await;
        for _start in 0..2 {
            let store = Store::open(&path).await.unwrap();
            let device = store.device("urn:uuid:1").await.unwrap().unwrap();
            let card = cardwarden_policy::CardIdentity::Key(vec![4, 5]);
            assert_eq!(device.card, card.fingerprint());
            assert_eq!(device.card_proof.name(), "own-key");
            assert_eq!(store.waiting("urn:uuid:1", None).await.unwrap(), []);
            store.close().await;
        }
    }

    #[tokio::test]
    async fn what_a_later_version_kept_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cardwarden.db");
        let store = Store::open(&path).await.unwrap();
        sqlx::raw_sql("PRAGMA user_version = 99")
            .execute(&store.pool)
            .await
            .unwrap();
        store.close().await;
        assert!(matches!(
            Store::open(&path).await,
            Err(StoreError::Newer { found: 99 })
        ));
    }
}
