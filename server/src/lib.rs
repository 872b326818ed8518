//! The Cardwarden device-management server: devices enrol with what a card endorsed, report their
//! outcomes over OMA DM, and an administrator reads them.
//!
//! ```text
//!  POST /enrol ──► enrol: believe card and key ──► authority: certificate ─┐
//!  POST /dm    ──► dm: who, session, reports, commands ◄───────────────────┼──► store (`SQLite`)
//!  /api/v1     ──► api: bearer token ◄─────────────────────────────────────┤
//!                  ask: releases, groups ──────────────────────────────────┘
//! ```
//!
//! A library, so that tests can run it in their own process; `cardwarden-server` is the program.
#![forbid(unsafe_code)]

mod api;
mod ask;
mod authority;
mod body;
mod dm;
mod enrol;
mod files;
mod problem;
mod serve;
mod sessions;
mod store;

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn;
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cardwarden_policy::Anchors;
use cardwarden_policy::trust::{Anchor, NoPublicKey};
use jiff::Timestamp;
use tokio::net::TcpListener;

pub use authority::AuthorityError;
pub use enrol::{Base64, EnrolReply, EnrolRequest, ShownEndorsement, ShownProof};
pub use problem::Problem;
pub use serve::TlsError;
pub use store::{
    Command, CommandState, Conflict, Demand, Device, DeviceCondition, Enrolment, Identity,
    KeptOutcome, NoOutcomeId, NotAsked, OutcomeId, Reception, Store, StoreError,
};

use authority::Authority;
use sessions::Sessions;

/// Random bytes of the administrator's token.
const TOKEN_LEN: usize = 32;

/// What the server is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it keeps its keys and its database; made when it is not there.
    pub data: PathBuf,
    /// Public keys of the companies whose devices may enrol, PEM.
    pub companies: Vec<PathBuf>,
    /// Names and addresses under which devices reach it.
    pub names: Vec<String>,
}

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file or folder cannot be read or written.
    #[error("{path} cannot be read or written")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A company's key is none.
    #[error("{path} holds no company's key")]
    Company {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: NoPublicKey,
    },
    /// The system has no random numbers.
    #[error("there are no random numbers")]
    Random,
    /// The certificate authority is not usable.
    #[error("the certificate authority is not usable")]
    Authority(#[from] AuthorityError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsError),
    /// The database is not usable.
    #[error("the database is not usable")]
    Store(#[from] StoreError),
}

/// A server that is ready to serve. Clones share everything.
#[derive(Clone)]
pub struct Server {
    authority: Arc<Authority>,
    companies: Arc<Anchors>,
    sessions: Arc<Sessions>,
    store: Store,
    tls: Arc<rustls::ServerConfig>,
    token: Arc<str>,
}

impl Server {
    /// Reads everything from the data folder, and makes what is missing there.
    pub async fn open(settings: &Settings) -> Result<Self, StartError> {
        let now = Timestamp::now();
        let companies = companies(&settings.companies)?;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&settings.data)
            .map_err(|source| StartError::File {
                path: settings.data.clone(),
                source,
            })?;
        let authority = Authority::open(&settings.data, now)?;
        let identity = authority.server_identity(&settings.data, &settings.names, now)?;
        let tls = serve::tls(&authority, identity)?;
        let token = token(&settings.data.join("admin-token"))?;
        let store = Store::open(&settings.data.join("cardwarden.db")).await?;
        Ok(Self {
            authority: Arc::new(authority),
            companies: Arc::new(companies),
            sessions: Arc::default(),
            store,
            tls,
            token,
        })
    }

    /// Serves until `stop`, then finishes what is under way and closes the database.
    pub async fn serve(self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let (store, tls) = (self.store.clone(), Arc::clone(&self.tls));
        serve::serve(listener, tls, self.routes(), stop).await;
        store.close().await;
    }

    fn routes(self) -> Router {
        let enrol = post(enrol::enrol).layer(from_fn(|request, next| {
            body::whole(enrol::MAX_REQUEST, request, next)
        }));
        let dm = post(dm::dm).layer(from_fn(|request, next| {
            body::whole(dm::MAX_MESSAGE, request, next)
        }));
        Router::new()
            .route("/enrol", enrol)
            .route("/dm", dm)
            .nest("/api/v1", api::routes(&self))
            .fallback(nothing_here)
            .with_state(self)
    }
}

async fn nothing_here() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown-address",
        "there is nothing at this address",
    )
}

fn companies(paths: &[PathBuf]) -> Result<Anchors, StartError> {
    paths
        .iter()
        .map(|path| {
            let pem = std::fs::read_to_string(path).map_err(|source| StartError::File {
                path: path.clone(),
                source,
            })?;
            Anchor::from_pem(&pem).map_err(|source| StartError::Company {
                path: path.clone(),
                source,
            })
        })
        .collect()
}

/// The administrator's token, made when it is not there.
fn token(path: &Path) -> Result<Arc<str>, StartError> {
    let file = |source| StartError::File {
        path: path.to_owned(),
        source,
    };
    if let Some(token) = files::read(path).map_err(file)?
        && !token.trim().is_empty()
    {
        return Ok(token.trim().into());
    }
    let mut bytes = [0; TOKEN_LEN];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_failed| StartError::Random)?;
    let token = BASE64_URL_SAFE_NO_PAD.encode(bytes);
    files::replace(path, files::SECRET, format!("{token}\n").as_bytes()).map_err(file)?;
    Ok(token.into())
}
