//! Connections: TCP, TLS, HTTP/1.1, each bounded in number and in time.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use cardwarden_policy::explain::chain;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use crate::authority::{Authority, ServerIdentity, common_name};
use crate::problem::Problem;

/// Most connections at once; further ones wait in the kernel's queue.
const MAX_CONNECTIONS: usize = 1024;
/// Time for a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Time for the head of a request, and for a connection on which nothing is asked.
const HEAD: Duration = Duration::from_secs(30);
/// Time for a request, from its head to its answer.
const REQUEST: Duration = Duration::from_secs(30);
/// Time for what is under way when the server is told to stop.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// Pause when the system has no more descriptors.
const BREATH: Duration = Duration::from_millis(100);

/// Who is at the other end, as TLS has proved it.
#[derive(Clone, Debug)]
pub(crate) struct Peer(Option<Arc<str>>);

impl Peer {
    /// The device whose certificate was shown.
    pub(crate) fn device(&self) -> Option<&str> {
        self.0.as_deref()
    }

    /// rustls has checked the certificate against our authority, which names only devices.
    fn of(connection: &ServerConnection) -> Self {
        let certificate = connection.peer_certificates().and_then(<[_]>::first);
        Self(certificate.and_then(|der| common_name(der)).map(Arc::from))
    }
}

/// TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The authority's certificate cannot serve.
    #[error("the authority's certificate cannot serve to check devices")]
    Authority(#[source] rustls::Error),
    /// No verifier can be made of it.
    #[error("devices' certificates cannot be checked")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// The server's certificate or key cannot serve.
    #[error("the server's certificate cannot serve")]
    Identity(#[from] rustls::Error),
}

/// TLS 1.2 and 1.3; a client certificate is optional, and checked when there is one.
pub(crate) fn tls(
    authority: &Authority,
    identity: ServerIdentity,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots
        .add(authority.certificate().clone())
        .map_err(TlsError::Authority)?;
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![identity.certificate], identity.key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Serves until `stop`, then finishes what is under way.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    router: Router,
    stop: impl Future<Output = ()>,
) {
    let acceptor = TlsAcceptor::from(tls);
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let under_way = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        // Both arms are cancel-safe: neither a connection nor a place is lost with its future.
        let (stream, place) = tokio::select! {
            () = &mut stop => break,
            next = next(&listener, &places) => match next {
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(problem = chain(&error), "no connection can be taken");
                    tokio::time::sleep(BREATH).await;
                    continue;
                }
            },
        };
        let connection = Connection {
            acceptor: acceptor.clone(),
            router: router.clone(),
            place,
        };
        tokio::spawn(connection.run(stream, under_way.watcher()));
    }
    drop(listener);
    if timeout(LAST_WORDS, under_way.shutdown()).await.is_err() {
        tracing::warn!("some requests did not end in time");
    }
}

async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(io::Error::other)?;
    let (stream, _address) = listener.accept().await?;
    Ok((stream, place))
}

/// One connection's share of the server.
struct Connection {
    acceptor: TlsAcceptor,
    router: Router,
    place: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, watcher: Watcher) {
        let Self {
            acceptor,
            router,
            place,
        } = self;
        // Answers are small: waiting to fill a segment only delays them.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(problem = chain(&error), "no TCP_NODELAY");
        }
        let stream = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                tracing::debug!(problem = chain(&error), "no TLS connection");
                return;
            }
            Err(_elapsed) => return,
        };
        let peer = Peer::of(stream.get_ref().1);
        let service = service_fn(|request| respond(router.clone(), peer.clone(), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(problem = chain(&error), "connection ended");
        }
        drop(place);
    }
}

async fn respond(
    mut router: Router,
    peer: Peer,
    mut request: Request<Incoming>,
) -> Result<Response, Infallible> {
    request.extensions_mut().insert(peer);
    let Ok(response) = timeout(REQUEST, router.call(request)).await else {
        let problem = Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
            "this took too long",
        );
        return Ok(problem.into_response());
    };
    response
}
