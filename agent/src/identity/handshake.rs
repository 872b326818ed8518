//! Mutual TLS in memory, for tests: a server that demands a certificate, and a device.

use std::io;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::DeviceKey;

/// An authority and a server of its.
pub(super) struct World {
    authority: Issuer<'static, KeyPair>,
    roots: Arc<RootCertStore>,
    server: Arc<ServerConfig>,
}

impl World {
    pub(super) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap();
        let authority = Issuer::new(params, key);
        let mut roots = RootCertStore::empty();
        roots.add(root.der().clone()).unwrap();
        let roots = Arc::new(roots);
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["server.example".into()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()
                .unwrap();
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        Self {
            authority,
            roots,
            server: Arc::new(server),
        }
    }

    /// A certificate for whoever made this request.
    pub(super) fn certify(
        &self,
        request: &CertificateSigningRequestParams,
    ) -> CertificateDer<'static> {
        request.signed_by(&self.authority).unwrap().der().clone()
    }

    /// Shakes hands with the server as a device; what the server saw of it.
    pub(super) fn shake_hands(
        &self,
        key: &DeviceKey,
        certificate: CertificateDer<'static>,
    ) -> Result<Vec<CertificateDer<'static>>, rustls::Error> {
        let certified = key.certified(vec![certificate])?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(Arc::clone(&self.roots))
            .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        let name = ServerName::try_from("server.example").unwrap();
        let mut device = ClientConnection::new(Arc::new(config), name)?;
        let mut server = ServerConnection::new(Arc::clone(&self.server))?;
        while device.is_handshaking() || server.is_handshaking() {
            let mut wire = Vec::new();
            while device.wants_write() {
                device.write_tls(&mut wire).unwrap();
            }
            server.read_tls(&mut io::Cursor::new(wire)).unwrap();
            server.process_new_packets()?;
            let mut wire = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut wire).unwrap();
            }
            device.read_tls(&mut io::Cursor::new(wire)).unwrap();
            device.process_new_packets()?;
        }
        Ok(server.peer_certificates().unwrap_or_default().to_vec())
    }
}
