//! HTTPS to the company's server, and to no other: only the authority that the card names is
//! trusted, redirections are not followed, and everything has a bound in bytes and in time.

use std::cell::Cell;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use rustls::OtherError;
use rustls::pki_types::CertificateDer;
use serde::Deserialize;

use super::record::Record;
use super::tls;
use crate::identity::KeyError;

/// Time to reach the server.
const CONNECT: Duration = Duration::from_secs(10);
/// Time for one exchange.
const EXCHANGE: Duration = Duration::from_secs(30);
/// Longest answer, and longest head of one, in bytes.
pub(super) const MAX_ANSWER: u64 = 64 * 1024;
const MAX_HEAD: usize = 8 * 1024;
/// Buffers of a connection, in bytes: the agent is small, and so is what it sends.
const BUFFER: usize = 8 * 1024;

/// Why an exchange with the server failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// No answer.
    #[error("{address} gives no answer")]
    NoAnswer {
        /// Whom we asked.
        address: String,
        /// Why.
        #[source]
        source: Box<ureq::Error>,
    },
    /// An answer that says no.
    #[error("{address} refuses: {message} ({status} {code})")]
    Refused {
        /// Whom we asked.
        address: String,
        /// HTTP status.
        status: u16,
        /// The server's stable word.
        code: String,
        /// The server's sentence.
        message: String,
    },
    /// The device's own certificate cannot serve.
    #[error("the device's certificate, or the server's authority, cannot serve")]
    Certificate(#[source] rustls::Error),
    /// The device's own key cannot serve now.
    #[error("{address} cannot be told who this is")]
    Key {
        /// Whom we asked.
        address: String,
        /// Why.
        #[source]
        source: OtherError,
    },
}

/// How a server says no.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    message: String,
}

impl Error {
    /// Whether the server does not take our certificate (any more): another may help.
    pub(super) fn is_about_certificate(&self) -> bool {
        match self {
            Self::Refused { code, .. } => ["unknown-device", "no-certificate"].contains(&&**code),
            Self::NoAnswer { source, .. } => is_alert(source),
            Self::Certificate(_) => true,
            Self::Key { .. } => false,
        }
    }
}

/// In TLS 1.3 a server says what it thinks of a certificate when the handshake is over for us.
fn is_alert(error: &ureq::Error) -> bool {
    matches!(of_tls(error), Some(rustls::Error::AlertReceived(_)))
}

/// What TLS says, if that is where it went wrong.
fn of_tls(error: &ureq::Error) -> Option<&rustls::Error> {
    if let ureq::Error::Rustls(error) = error {
        Some(error)
    } else if let ureq::Error::Io(error) = error {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    } else {
        None
    }
}

/// Why `address` gives no answer: it may be that our own key did not sign.
fn no_answer(address: &str, error: ureq::Error) -> Error {
    if let Some(rustls::Error::Other(source)) = of_tls(&error)
        && source.0.is::<KeyError>()
    {
        return Error::Key {
            address: address.to_owned(),
            source: source.clone(),
        };
    }
    Error::NoAnswer {
        address: address.to_owned(),
        source: Box::new(error),
    }
}

/// A connection to the server of a record, made at the first request and closed on drop.
#[derive(Debug)]
pub(super) struct Https {
    agent: ureq::Agent,
    date: Cell<Option<Timestamp>>,
}

impl Https {
    /// Shows the device's certificate if `chain` has any.
    pub(super) fn new(record: &Record, chain: &[&[u8]]) -> Result<Self, Error> {
        let certificate = match chain {
            [] => None,
            chain => {
                let chain = chain
                    .iter()
                    .map(|der| CertificateDer::from(der.to_vec()))
                    .collect();
                Some(
                    record
                        .device_key
                        .certified(chain)
                        .map_err(Error::Certificate)?,
                )
            }
        };
        let config = ureq::Agent::config_builder()
            .https_only(true)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(EXCHANGE))
            .max_response_header_size(MAX_HEAD)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
            .max_idle_connections(1)
            .user_agent(concat!("cardwardend/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self {
            agent: tls::agent(config, &record.account.ca, certificate)
                .map_err(Error::Certificate)?,
            date: Cell::new(None),
        })
    }

    /// What time the server said it was, in its last answer (RFC 9110, 6.6.1).
    pub(super) const fn date(&self) -> Option<Timestamp> {
        self.date.get()
    }

    /// Sends a body and gives the answer's, if the server says 200.
    pub(super) fn post(
        &self,
        address: &str,
        content_type: &str,
        body: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let no_answer = |error| no_answer(address, error);
        let mut response = self
            .agent
            .post(address)
            .header("Content-Type", content_type)
            .header("Accept", content_type)
            .send(body)
            .map_err(no_answer)?;
        let date = response
            .headers()
            .get("date")
            .and_then(|date| date.to_str().ok());
        self.date.set(
            date.and_then(|date| rfc2822::parse(date).ok())
                .map(|date| date.timestamp()),
        );
        let status = response.status().as_u16();
        let answer = response
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_vec()
            .map_err(no_answer)?;
        if status == 200 {
            return Ok(answer);
        }
        // A proxy on the way says no in its own words.
        let problem: Problem = serde_json::from_slice(&answer).unwrap_or_default();
        Err(Error::Refused {
            address: address.to_owned(),
            status,
            code: problem.code,
            message: problem.message,
        })
    }
}
