//! TLS by rustls: a certificate and key that are read again when their files change, so
//! that renewing them needs no restart. A pair that does not fit never replaces a good one.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;

use super::settings::TlsSettings;
use crate::support::{Watched, Watcher};

/// The server's TLS side.
#[derive(Debug)]
pub struct TlsKeys {
    config: Arc<ServerConfig>,
}

impl TlsKeys {
    /// Reads the pair and watches it. The key file is read whenever the certificate changes:
    /// replace the key first.
    ///
    /// # Errors
    /// A text for the configuration's problems.
    pub fn open(settings: &TlsSettings, watcher: &Watcher) -> Result<Arc<Self>, String> {
        let key_file = settings.key_file.clone();
        let read = move |pem: &[u8]| certified_key(pem, &key_file);
        let pair = Watched::open(&settings.certificate_file, watcher, read)?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| e.to_string())?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Newest(pair)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(Self { config: Arc::new(config) }))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

fn certified_key(pem: &[u8], key_file: &Path) -> Result<Arc<CertifiedKey>, String> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("not a pem certificate chain: {e}"))?;
    if chain.is_empty() {
        return Err("holds no certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_file(key_file)
        .map_err(|e| format!("no private key in {}: {e}", key_file.display()))?;
    let pair = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
        .map_err(|e| format!("certificate and key {} do not fit: {e}", key_file.display()))?;
    Ok(Arc::new(pair))
}

/// Answers every client with the newest good pair.
#[derive(Debug)]
struct Newest(Arc<Watched<Arc<CertifiedKey>>>);

impl ResolvesServerCert for Newest {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&**self.0.get()))
    }
}
