//! What an administrator reads and asks for: `/api/v1`, with the bearer token of `DIR/admin-token`. Lists are
//! JSON arrays, oldest first; `?after=ID` begins behind an entry, `?limit=N` bounds the page.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use crate::problem::Problem;
use crate::store::{Device, KeptOutcome, StoreError};
use crate::{Server, ask, body};

/// Most entries of one page, and how many there are when nobody says.
const MAX_PAGE: u32 = 1000;

/// Which part of a list is wanted.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) after: Option<String>,
    limit: Option<u32>,
}

impl Page {
    pub(crate) fn limit(&self) -> u32 {
        self.limit.unwrap_or(MAX_PAGE).min(MAX_PAGE)
    }
}

/// A page, or the query that is none.
pub(crate) type Paged = Result<Query<Page>, QueryRejection>;

/// The routes below `/api/v1`.
pub(crate) fn routes(server: &Server) -> Router<Server> {
    Router::new()
        .route("/devices", get(devices))
        .route("/devices/{id}", get(device))
        .route("/devices/{id}/outcomes", get(outcomes_of_device))
        .route("/devices/{id}/release", bounded(post(ask::release)))
        .route("/devices/{id}/group", bounded(post(ask::group)))
        .route("/devices/{id}/commands", get(ask::commands))
        .route("/outcomes", get(outcomes))
        .layer(middleware::from_fn_with_state(server.clone(), authorise))
}

/// A route whose requests are short.
fn bounded(route: MethodRouter<Server>) -> MethodRouter<Server> {
    route.layer(middleware::from_fn(|request, next| {
        body::whole(ask::MAX_REQUEST, request, next)
    }))
}

/// Lets a request through that carries the token.
async fn authorise(
    State(server): State<Server>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let given = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map_or("", |(_, token)| token.trim());
    // The lengths may differ in time: the token's length is no secret.
    if server.token.as_bytes().ct_eq(given.as_bytes()).into() {
        Ok(next.run(request).await)
    } else {
        Err(Problem::new(
            StatusCode::UNAUTHORIZED,
            "no-token",
            "the request does not carry the administrator's token",
        ))
    }
}

async fn devices(State(server): State<Server>, page: Paged) -> Result<Json<Vec<Device>>, Problem> {
    let page = page_of(page)?;
    server
        .store
        .devices(page.after.as_deref(), page.limit())
        .await
        .map(Json)
        .map_err(problem)
}

async fn device(
    State(server): State<Server>,
    Path(id): Path<String>,
) -> Result<Json<Device>, Problem> {
    server
        .store
        .device(&id)
        .await
        .map_err(problem)?
        .map(Json)
        .ok_or_else(|| unknown_device(&id))
}

async fn outcomes_of_device(
    State(server): State<Server>,
    Path(id): Path<String>,
    page: Paged,
) -> Result<Json<Vec<KeptOutcome>>, Problem> {
    let page = page_of(page)?;
    if !server.store.is_known(&id).await.map_err(problem)? {
        return Err(unknown_device(&id));
    }
    let outcomes = server
        .store
        .outcomes(Some(&id), page.after.as_deref(), page.limit())
        .await;
    outcomes.map(Json).map_err(problem)
}

async fn outcomes(
    State(server): State<Server>,
    page: Paged,
) -> Result<Json<Vec<KeptOutcome>>, Problem> {
    let page = page_of(page)?;
    let outcomes = server
        .store
        .outcomes(None, page.after.as_deref(), page.limit())
        .await;
    outcomes.map(Json).map_err(problem)
}

pub(crate) fn page_of(page: Paged) -> Result<Page, Problem> {
    page.map(|Query(page)| page)
        .map_err(|rejection| Problem::new(rejection.status(), "bad-query", rejection.body_text()))
}

pub(crate) fn unknown_device(id: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "unknown-device",
        format!("no device `{id}` is enrolled"),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
pub(crate) fn problem(error: StoreError) -> Problem {
    match error {
        StoreError::UnknownCursor => {
            Problem::new(StatusCode::BAD_REQUEST, "unknown-after", error.to_string())
        }
        StoreError::Create { .. }
        | StoreError::Open { .. }
        | StoreError::Newer { .. }
        | StoreError::Query(_)
        | StoreError::Damaged { .. } => Problem::internal(&error),
    }
}
