//! Whether a server is within reach, told by its certificate.
//!
//! The policy names the SHA-256 of the certificate that the server shows. So nothing is asked of
//! the certificate itself: neither who signed it, nor its name, nor its dates; the pin says more
//! than all of them. A certificate is public, though, and whoever has seen it can show it. What
//! cannot be shown without its key is a handshake that it signed: that signature is always
//! verified. (A server proves who answers, not how near it is: who relays the connection to the
//! real server reaches it.)

use std::io;
use std::sync::Arc;
use std::time::Duration;

use cardwarden_policy::facts::Fingerprint;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::facts::ServerToReach;

/// Time for one attempt, names looked up included.
const ATTEMPT: Duration = Duration::from_secs(10);
/// How long to wait before each attempt on a network: its routes or its resolver may not be ready
/// when it comes up. After the last, only another network counts.
const PAUSES: [Duration; 4] = [
    Duration::ZERO,
    Duration::from_secs(2),
    Duration::from_secs(8),
    Duration::from_secs(30),
];

/// Reaches for a server until it answers, a few times.
pub(super) async fn reach(server: ServerToReach) -> Option<Fingerprint> {
    for pause in PAUSES {
        tokio::time::sleep(pause).await;
        match attempt(&server).await {
            Ok(fingerprint) => return Some(fingerprint),
            Err(error) => {
                tracing::debug!("{}:{} is not reached: {error}", server.host, server.port);
            }
        }
    }
    None
}

/// One handshake; the certificate with which the server answered.
pub(super) async fn attempt(server: &ServerToReach) -> io::Result<Fingerprint> {
    tokio::time::timeout(ATTEMPT, handshake(server)).await?
}

async fn handshake(server: &ServerToReach) -> io::Result<Fingerprint> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Possession(provider)))
        .with_no_client_auth();
    let name = ServerName::try_from(server.host.clone()).map_err(io::Error::other)?;
    let stream = TcpStream::connect((server.host.as_str(), server.port)).await?;
    let stream = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let (_, connection) = stream.get_ref();
    let leaf = connection
        .peer_certificates()
        .and_then(<[_]>::first)
        .ok_or_else(|| io::Error::other("the server shows no certificate"))?;
    Ok(Fingerprint(Sha256::digest(leaf).into()))
}

/// Takes any certificate whose key signed this handshake.
#[derive(Debug)]
struct Possession(Arc<CryptoProvider>);

impl ServerCertVerifier for Possession {
    fn verify_server_cert(
        &self,
        _leaf: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // The pin decides, when the policy is asked.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, leaf, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, leaf, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
    use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey as Shown;
    use rustls::{CertificateError, ServerConfig, SupportedProtocolVersion};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// Shows a certificate and signs with a key, whether or not they belong together.
    #[derive(Debug)]
    struct Shows(Arc<Shown>);

    impl ResolvesServerCert for Shows {
        fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<Shown>> {
            Some(Arc::clone(&self.0))
        }
    }

    /// What is told of a server that shows `leaf` and signs with `key`.
    async fn met(
        leaf: &CertificateDer<'static>,
        key: &KeyPair,
        version: &'static SupportedProtocolVersion,
    ) -> io::Result<Fingerprint> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = provider.key_provider.load_private_key(der).unwrap();
        let shown = Shows(Arc::new(Shown::new(vec![leaf.clone()], key)));
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(shown));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let server = ServerToReach {
            host: "127.0.0.1".to_owned(),
            port: listener.local_addr().unwrap().port(),
        };
        let serve = async {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that turns away is an error here, and the client's to tell.
            TlsAcceptor::from(Arc::new(config))
                .accept(stream)
                .await
                .ok()
        };
        tokio::join!(attempt(&server), serve).0
    }

    #[tokio::test]
    async fn a_server_is_told_by_its_certificate() {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["intranet.example".to_owned()]).unwrap();
        let expected = Fingerprint(Sha256::digest(cert.der()).into());
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let told = met(cert.der(), &signing_key, version).await.unwrap();
            assert_eq!(told, expected);
        }
    }

    #[tokio::test]
    async fn a_replayed_certificate_is_not_reached() {
        let CertifiedKey { cert, .. } =
            generate_simple_self_signed(["intranet.example".to_owned()]).unwrap();
        let other = KeyPair::generate().unwrap();
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            let refused = met(cert.der(), &other, version).await.unwrap_err();
            let bad = rustls::Error::InvalidCertificate(CertificateError::BadSignature);
            assert_eq!(refused.to_string(), bad.to_string());
        }
    }
}
