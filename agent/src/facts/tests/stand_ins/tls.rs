//! A server that the policy could name.

use std::net::Ipv4Addr;
use std::sync::Arc;

use cardwarden_policy::facts::Fingerprint;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::facts::ServerToReach;

pub(crate) struct Server {
    pub(crate) address: ServerToReach,
    pub(crate) fingerprint: Fingerprint,
}

/// Answers for as long as the present `LocalSet` runs.
pub(crate) async fn start() -> Server {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["intranet.example".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = ServerToReach {
        host: "127.0.0.1".to_owned(),
        port: listener.local_addr().unwrap().port(),
    };
    tokio::task::spawn_local(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            acceptor.accept(stream).await.unwrap();
        }
    });
    Server {
        address,
        fingerprint: Fingerprint(Sha256::digest(cert.der()).into()),
    }
}
