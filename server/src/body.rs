//! Reading requests: bounded in memory, and to their end, so that a client whose message is too long
//! learns so instead of meeting a closed connection while it is still sending.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use hyper::body::Body as _;

use crate::problem::Problem;

/// Most bytes that are read of a message that is too long; whoever sends more is hung up on.
const MOST_READ: usize = 1024 * 1024;

/// Reads a request's body, at most `limit` bytes of it, before anything else looks at the request.
pub(crate) async fn whole(limit: usize, request: Request, next: Next) -> Result<Response, Problem> {
    let (head, mut body) = request.into_parts();
    let mut kept = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|error| {
            Problem::new(StatusCode::BAD_REQUEST, "bad-body", error.to_string())
        })?;
        let Ok(bytes) = frame.into_data() else {
            continue;
        };
        length = length.saturating_add(bytes.len());
        if length <= limit {
            kept.extend_from_slice(&bytes);
        } else if length > MOST_READ {
            break;
        }
    }
    if length > limit {
        return Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-long",
            format!("a message may have {limit} bytes here"),
        ));
    }
    Ok(next.run(Request::from_parts(head, Body::from(kept))).await)
}
