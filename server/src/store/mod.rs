//! What the server knows, in `SQLite`. An answer is given only after what it acknowledges is on the
//! disk (`synchronous = FULL` over a write-ahead log), so a crash at any moment loses nothing that
//! a device was told is kept.
//!
//! sqlx and not rusqlite: its queries are asynchronous and the same calls serve `PostgreSQL`, which a
//! fleet that outgrows one machine needs; the price was measured at about 20 s more of a first
//! build on two cores.

mod device;
mod outcome;

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

pub use device::{Conflict, Device, DeviceCondition, Enrolment, Identity};
pub use outcome::{KeptOutcome, NoOutcomeId, OutcomeId, Reception};

/// Version of the tables that this program reads and writes (`PRAGMA user_version`).
const SCHEMA_VERSION: i64 = 1;
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
        match found {
            0 => {
                sqlx::raw_sql(include_str!("schema.sql"))
                    .execute(&mut *transaction)
                    .await?;
                sqlx::raw_sql("PRAGMA user_version = 1")
                    .execute(&mut *transaction)
                    .await?;
            }
            SCHEMA_VERSION => {}
            found => return Err(StoreError::Newer { found }),
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
